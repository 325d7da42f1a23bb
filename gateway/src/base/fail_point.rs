//! Places where a test makes this process fail on purpose; release builds omit them.
//!
//! `GATEWAY_FAIL_POINT=fanout:panic` panics each time the place is reached, `fanout:end` makes it return, and
//! `outcome:panic:deal.won` panics only for events of that type.

/// A place that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    Feed,
    Committer,
    Fetching,
    Fanout,
    Dispatch,
    Filter,
    Attempt,
    Recorder,
    Outcome,
    Row,
    SentryTimeout,
}

#[cfg(debug_assertions)]
struct Wanted {
    place: String,
    act: String,
    label: Option<String>,
}

/// Panics if a test asks for it; whether the caller shall end.
#[track_caller]
#[inline(always)]
pub fn reach(point: Point) -> bool {
    reach_at(point, "")
}

/// The same at an event of the type `label`.
#[cfg(debug_assertions)]
#[track_caller]
pub fn reach_at(point: Point, label: &str) -> bool {
    static WANTED: std::sync::OnceLock<Option<Wanted>> = std::sync::OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("GATEWAY_FAIL_POINT").ok()?;
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        Some(Wanted {
            place: parts.next()?,
            act: parts.next()?,
            label: parts.next(),
        })
    });
    let Some(Wanted {
        place,
        act,
        label: of,
    }) = wanted
    else {
        return false;
    };
    if *place != format!("{point:?}").to_ascii_lowercase() || of.as_ref().is_some_and(|of| of != label) {
        return false;
    }
    assert!(act != "panic", "a test wants {place} to fail");
    true
}

/// Release builds do not fail on purpose.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn reach_at(_: Point, _: &str) -> bool {
    false
}
