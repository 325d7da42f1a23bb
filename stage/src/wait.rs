//! Waiting for what should come about, with generous deadlines: a slow machine is no fault of the product.

use std::future::Future;
use std::time::{Duration, Instant};

/// Long enough for anything that ought to happen at once.
pub const SOON: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(15);

/// Looks again and again until `look` gives something; fails after `limit` in the words of `what`.
pub async fn until<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// The same for a condition.
pub async fn eventually<F>(what: &str, limit: Duration, mut holds: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    until(what, limit, || {
        let holding = holds();
        async move { holding.await.then_some(()) }
    })
    .await;
}

/// Looks again and again until what it sees has not changed for two seconds; fails after `limit`.
pub async fn steady<T: PartialEq>(what: &str, limit: Duration, look: impl Fn() -> T) -> T {
    let mut last = (look(), Instant::now());
    eventually(&format!("no change: {what}"), limit, || {
        let seen = look();
        if seen != last.0 {
            last = (seen, Instant::now());
        }
        std::future::ready(last.1.elapsed() > Duration::from_secs(2))
    })
    .await;
    last.0
}
