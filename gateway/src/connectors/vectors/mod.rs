//! Runs the vectors that a definition carries, and says what no vector covers.
//!
//! Those of requests that come in are judged here as far as their signature; `sources` runs them to their end.

mod coverage;
mod incoming;
mod outcome;
mod outgoing;

use super::definition::Definition;
use super::token::token_vector_faults;

pub use coverage::gaps;
pub use incoming::Request;

/// What a vector, or the lack of one, says of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorFault {
    /// Such as `vector.out[0]` or `action[1].outcome[0]`.
    pub key: String,
    pub message: String,
}

impl VectorFault {
    /// A fault of what stands at `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// Runs those of requests that come in, as far as their signature, of requests that go out, of answers to those,
/// and of token calls.
pub fn run(definition: &Definition) -> Vec<VectorFault> {
    let mut faults = incoming::run(definition);
    faults.extend(outgoing::run(definition));
    faults.extend(outcome::run(definition));
    let token = token_vector_faults(definition).into_iter();
    faults.extend(token.map(|(at, message)| VectorFault::new(format!("vector.token[{at}]"), message)));
    faults
}

/// Notes where two differ.
fn compare(what: &str, expected: &str, found: &str, faults: &mut Vec<String>) {
    if expected != found {
        faults.push(format!("{what} is {found:?} and not {expected:?}"));
    }
}

#[cfg(test)]
mod tests;
