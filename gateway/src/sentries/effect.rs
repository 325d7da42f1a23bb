//! What a report does to a sentry, apart from all storage.

use super::model::{Reason, Sentry, State};
use super::report::Report;
use crate::base::clock::{Micros, Millis};

/// What the enabled upstream sentries add at the moment of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upstreams {
    pub worst: Option<State>,
    pub newest_record_at: Option<Millis>,
}

/// No state was reported, now or before, so none can stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoState;

/// The sentry after a report at `now`.
pub fn apply(before: &Sentry, report: Report, upstreams: Upstreams, now: Micros) -> Result<Sentry, NoState> {
    let reported = report.state.or(before.reported_state).ok_or(NoState)?;
    let mut after = before.clone();
    if before.enabled {
        let worse = upstreams.worst.filter(|worst| *worst > reported);
        after.state = Some(worse.unwrap_or(reported));
        after.reason = Some(match worse {
            Some(_) => Reason::Upstream,
            None => Reason::Report,
        });
        after.sick_at = before.timeout_hours.map(|hours| hours.after(now).millis());
    }
    after.reported_state = Some(reported);
    after.user_message = report.user_message;
    after.history_note = report.history_note;
    after.private_entry = report.private_entry;
    let (meta, recorded_at) = match report.meta {
        Some(meta) => (meta.text, meta.latest_record_at),
        None => (super::report::no_meta(), None),
    };
    after.meta = meta;
    after.latest_record_at = recorded_at
        .or(upstreams.newest_record_at)
        .or(before.latest_record_at);
    after.last_report_at = Some(now.millis());
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::SentryId;
    use crate::sentries::model::TimeoutHours;

    fn sentry(enabled: bool, reported: Option<State>) -> Sentry {
        Sentry {
            id: SentryId::generate(),
            name: "s".into(),
            description: None,
            enabled,
            state: reported,
            reason: reported.map(|_| Reason::Report),
            reported_state: reported,
            user_message: Some("old".into()),
            history_note: Some("old".into()),
            private_entry: true,
            latest_record_at: Some(Millis(5)),
            meta: super::super::report::no_meta(),
            last_report_at: None,
            timeout_hours: Some(TimeoutHours(100)),
            sick_at: None,
            upstream: Vec::new(),
            hoots: Vec::new(),
            api_url: String::new(),
            created_at: Millis(0),
            updated_at: Millis(0),
        }
    }

    fn state(state: Option<State>) -> Report {
        Report {
            state,
            ..Report::default()
        }
    }

    const NOW: Micros = Micros(1_000_000);

    #[test]
    fn the_worst_of_all_counts_and_says_why() {
        let cases = [
            (State::Happy, None, State::Happy, Reason::Report),
            (State::Happy, Some(State::Sad), State::Sad, Reason::Upstream),
            (State::Sad, Some(State::Sad), State::Sad, Reason::Report),
            (State::Sick, Some(State::Happy), State::Sick, Reason::Report),
        ];
        for (reported, worst, expected, reason) in cases {
            let upstreams = Upstreams {
                worst,
                newest_record_at: None,
            };
            let after = apply(&sentry(true, None), state(Some(reported)), upstreams, NOW).expect("a state");
            assert_eq!((after.state, after.reason), (Some(expected), Some(reason)));
            assert_eq!(after.reported_state, Some(reported));
        }
    }

    #[test]
    fn without_a_state_the_reported_one_stays_and_without_any_there_is_none() {
        let kept = sentry(true, Some(State::Sad));
        let after = apply(&kept, state(None), Upstreams::default(), NOW).expect("a state");
        assert_eq!(after.state, Some(State::Sad));
        assert_eq!(
            (after.user_message, after.history_note, after.private_entry),
            (None, None, false)
        );
        assert_eq!(after.latest_record_at, Some(Millis(5)));
        assert_eq!(after.sick_at, Some(Millis(3_601_000)));
        let never = sentry(true, None);
        assert_eq!(
            apply(&never, state(None), Upstreams::default(), NOW).err(),
            Some(NoState)
        );
    }

    #[test]
    fn a_disabled_one_keeps_its_state() {
        let off = sentry(false, Some(State::Happy));
        let after = apply(&off, state(Some(State::Sick)), Upstreams::default(), NOW).expect("a state");
        assert_eq!((after.state, after.reason), (off.state, off.reason));
        assert_eq!((after.reported_state, after.sick_at), (Some(State::Sick), None));
    }
}
