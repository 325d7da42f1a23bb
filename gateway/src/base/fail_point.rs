//! Places where a test makes this process fail on purpose; release builds omit them.
//!
//! `GATEWAY_FAIL_POINT=fanout:panic` panics each time the place is reached, `fanout:end` makes it return.

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
}

/// Panics where a test wants that, and tells whether the caller shall end.
#[cfg(debug_assertions)]
#[track_caller]
pub fn reach(point: Point) -> bool {
    static WANTED: std::sync::OnceLock<Option<(String, String)>> = std::sync::OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("GATEWAY_FAIL_POINT").ok()?;
        let (name, act) = text.split_once(':')?;
        Some((name.to_owned(), act.to_owned()))
    });
    let Some((name, act)) = wanted else { return false };
    if *name != format!("{point:?}").to_ascii_lowercase() {
        return false;
    }
    assert!(act != "panic", "a test wants {name} to fail");
    true
}

/// Release builds do not fail on purpose.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn reach(_: Point) -> bool {
    false
}
