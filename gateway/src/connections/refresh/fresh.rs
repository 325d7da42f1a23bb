//! What is kept of tokens that came, and when they are renewed.

use crate::base::seal::SealError;
use crate::connections::stored::StoredConnection;
use crate::connections::tokens::Tokens;
use crate::connectors::token::Granted;
use crate::vault::Vault;

/// A token is renewed at half its life, and this long before its end at most.
const MAX_LEAD_SECONDS: f64 = 15.0 * 60.0;
/// Calls for one connection are at least so far apart, however short its tokens live.
const MIN_PAUSE_SECONDS: f64 = 1.0;
const DAY_SECONDS: f64 = 86_400.0;

/// Tokens that came.
#[derive(Debug)]
pub struct Fresh<'a> {
    pub tokens: Vec<u8>,
    /// Absent: as before.
    pub scopes: Option<&'a [String]>,
    pub account: Option<&'a str>,
    pub lifetime_seconds: Option<f64>,
    pub grant_lifetime_seconds: Option<f64>,
    /// Absent: never by itself.
    pub due_after_seconds: Option<f64>,
}

/// When a token that lives for so long is renewed.
pub fn due_after(lifetime_seconds: Option<i64>, keep_alive_days: Option<u32>) -> Option<f64> {
    let at_half = lifetime_seconds.map(|seconds| {
        let life = seconds as f64;
        (life - (life / 2.0).min(MAX_LEAD_SECONDS)).max(MIN_PAUSE_SECONDS)
    });
    at_half.or(keep_alive_days.map(|days| f64::from(days) * DAY_SECONDS))
}

/// What is written of tokens that came; of those before, the refresh token stays where none came.
pub fn fresh_of<'g>(
    granted: &'g Granted,
    before: Option<&Tokens>,
    keep_alive_days: Option<u32>,
    connection: &StoredConnection,
    vault: &Vault,
) -> Result<Fresh<'g>, SealError> {
    let kept = before.and_then(|tokens| tokens.refresh.clone());
    let tokens = Tokens {
        access: granted.access_token.clone(),
        refresh: granted.refresh_token.clone().or(kept),
    };
    let renews_itself = connection.kind != "oauth2" || tokens.refresh.is_some();
    Ok(Fresh {
        tokens: tokens.seal(vault, connection.id)?,
        scopes: granted.scopes.as_deref(),
        account: granted.account.as_deref(),
        lifetime_seconds: granted.lifetime_seconds.map(|seconds| seconds as f64),
        grant_lifetime_seconds: granted.grant_lifetime_seconds.map(|seconds| seconds as f64),
        due_after_seconds: due_after(granted.lifetime_seconds, keep_alive_days).filter(|_| renews_itself),
    })
}

#[cfg(test)]
mod tests {
    use super::due_after;

    #[test]
    fn renewed_at_half_the_life_and_a_quarter_of_an_hour_before_the_end_at_most() {
        assert_eq!(due_after(Some(600), None), Some(300.0));
        assert_eq!(due_after(Some(3600), Some(30)), Some(2700.0));
        assert_eq!(due_after(Some(43_200), None), Some(42_300.0));
        assert_eq!(due_after(Some(1), None), Some(1.0));
        assert_eq!(due_after(None, Some(30)), Some(2_592_000.0));
        assert_eq!(due_after(None, None), None);
    }
}
