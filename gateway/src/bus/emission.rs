//! Events written in a caller's transaction, until the result of its COMMIT is known.

/// How a transaction ended, as far as its owner knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Committed,
    /// Rolled back, or broken off in the commit: the database knows.
    Unknown,
}

/// Events on their way in an open transaction.
///
/// Dropped without a word, the bus asks the database what became of the transaction. So neither a rollback nor a
/// connection that breaks in the middle of a commit needs a word from its owner, and no event is lost.
#[must_use = "the events are delivered when `committed` is called"]
pub struct Emission(Option<Box<dyn FnOnce(Ending) + Send + Sync>>);

impl Emission {
    pub(super) fn new(end: impl FnOnce(Ending) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }

    /// No events at all.
    pub const fn nothing() -> Self {
        Self(None)
    }

    /// Says that the transaction is committed, and has the events delivered.
    pub fn committed(mut self) {
        if let Some(end) = self.0.take() {
            end(Ending::Committed);
        }
    }
}

impl Drop for Emission {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end(Ending::Unknown);
        }
    }
}
