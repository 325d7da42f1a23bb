//! What a hoot says at a moment.

use super::model::{HootState, StoredHoot};
use crate::base::clock::Millis;

/// State, message and age of a hoot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub state: HootState,
    pub message: Option<String>,
    pub latest_record_at: Option<Millis>,
}

impl Verdict {
    /// Of its enabled sentries the worst, and among equals the one with the newest report; or what people have put in its
    /// place.
    pub fn of(hoot: &StoredHoot, now: Millis) -> Self {
        let enabled = || hoot.sentries.iter().filter(|sentry| sentry.enabled);
        let worst = enabled()
            .filter(|sentry| sentry.state.is_some())
            .max_by_key(|sentry| (sentry.state, sentry.last_report_at));
        let override_ = hoot.override_.as_ref().filter(|override_| override_.holds(now));
        let state = match (hoot.enabled, override_, worst.and_then(|worst| worst.state)) {
            (false, _, _) => HootState::Disabled,
            (true, Some(override_), _) => override_.state,
            (true, None, Some(state)) => state.into(),
            (true, None, None) => HootState::Neutral,
        };
        let of_override = override_.and_then(|override_| override_.message.clone());
        let of_worst = || worst.and_then(|worst| worst.user_message.clone());
        Self {
            state,
            message: of_override.or_else(of_worst).or_else(|| hoot.message.clone()),
            latest_record_at: enabled().filter_map(|sentry| sentry.latest_record_at).min(),
        }
    }
}

/// How long ago something was, in words.
pub fn age(then: Millis, now: Millis) -> String {
    let minutes = (now.0 - then.0).div_euclid(60_000);
    match minutes {
        ..=0 => "just now".to_owned(),
        1..=59 => format!("{minutes} min ago"),
        60..=2_879 => format!("{} h ago", minutes / 60),
        _ => format!("{} d ago", minutes / 1_440),
    }
}

/// The moment as people read it: `2026-01-31 12:00:00 UTC`.
pub fn utc(moment: Millis) -> String {
    let text = moment.to_string();
    let text = text.split('.').next().unwrap_or_default();
    format!("{} UTC", text.replace('T', " "))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::caller::WorkspaceId;
    use crate::base::id::{HootId, SentryId};
    use crate::hoots::model::{HootSentry, Override};
    use crate::sentries::model::State;

    pub fn hoot(sentries: Vec<HootSentry>) -> StoredHoot {
        StoredHoot {
            id: HootId::generate(),
            workspace: WorkspaceId(1),
            name: "Orders".into(),
            description: None,
            resource_url: None,
            enabled: true,
            public: true,
            message: Some("own".into()),
            links: Vec::new(),
            faqs: Vec::new(),
            override_: None,
            sentries,
            created_at: Millis(0),
            updated_at: Millis(0),
        }
    }

    fn sentry(state: Option<State>, message: Option<&str>, reported: i64, enabled: bool) -> HootSentry {
        HootSentry {
            id: SentryId::generate(),
            name: "s".into(),
            state,
            user_message: message.map(str::to_owned),
            latest_record_at: Some(Millis(reported)),
            enabled,
            last_report_at: Some(Millis(reported)),
        }
    }

    fn said(hoot: &StoredHoot) -> (&'static str, Option<String>) {
        let verdict = Verdict::of(hoot, Millis(100));
        (verdict.state.name(), verdict.message)
    }

    #[test]
    fn the_worst_that_is_enabled_and_then_the_newest() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(said(&hoot(Vec::new())), ("neutral", some("own")));
        let mut all = hoot(vec![
            sentry(Some(State::Sad), Some("old"), 1, true),
            sentry(Some(State::Sad), Some("new"), 2, true),
            sentry(Some(State::Happy), Some("good"), 3, true),
            sentry(None, None, 0, true),
            sentry(Some(State::Sick), Some("off"), -5, false),
        ]);
        assert_eq!(said(&all), ("sad", some("new")));
        assert_eq!(Verdict::of(&all, Millis(100)).latest_record_at, Some(Millis(0)));
        all.sentries[1].user_message = None;
        assert_eq!(said(&all), ("sad", some("own")));
        all.override_ = Some(Override {
            state: HootState::Happy,
            message: None,
            until: Some(Millis(101)),
        });
        assert_eq!(said(&all), ("happy", some("own")));
        if let Some(override_) = &mut all.override_ {
            override_.message = some("checked");
        }
        assert_eq!(said(&all), ("happy", some("checked")));
        if let Some(override_) = &mut all.override_ {
            override_.until = Some(Millis(100));
        }
        assert_eq!(said(&all), ("sad", some("own")));
        all.enabled = false;
        assert_eq!(said(&all).0, "disabled");
    }

    #[test]
    fn ages_in_words() {
        let minute = 60_000;
        for (then, words) in [
            (-5, "just now"),
            (0, "just now"),
            (minute - 1, "just now"),
            (minute, "1 min ago"),
            (60 * minute - 1, "59 min ago"),
            (60 * minute, "1 h ago"),
            (48 * 60 * minute - 1, "47 h ago"),
            (48 * 60 * minute, "2 d ago"),
        ] {
            assert_eq!(age(Millis(0), Millis(then)), words);
        }
        assert_eq!(utc(Millis(0)), "1970-01-01 00:00:00 UTC");
    }
}
