//! What becomes of a request.

use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::routes::Handling;

/// How a request goes on after the checks that need no waiting.
pub(super) enum Step {
    Answered(Result<Reply, Problem>),
    /// The credential is no good.
    Refused(Problem),
    Handling {
        handling: Handling,
        is_unbounded: bool,
    },
}

impl Step {
    /// Work that has limits of its own.
    pub(super) const fn unbounded(handling: Handling) -> Self {
        Self::Handling {
            handling,
            is_unbounded: true,
        }
    }
}
