//! How many files the process may have open. The default limit of Debian is 1,024, which a thousand clients use up.
//!
//! The process raises its limit as far as it may, and divides it between clients and endpoints, so that neither uses
//! up the other's share: without a free file, no connection can be accepted.

use crate::config::Config;

/// What is open beside clients, endpoints and the pool: dedicated sessions, brokers, the log.
const OTHERS: usize = 64;

/// Asks for as many as the system grants. Where that is too few for what is configured, says so and makes do with it.
pub(super) fn raise(config: &mut Config) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(granted) => {
            let granted = usize::try_from(granted).unwrap_or(usize::MAX);
            let wanted = wanted(config);
            if granted < wanted {
                tracing::warn!(
                    granted,
                    wanted,
                    "too few open files are granted for server.max_connections; raise the hard limit (LimitNOFILE, ulimits)"
                );
                deal_out(config, granted);
            }
        }
        Err(fault) => tracing::warn!(%fault, "the limit on open files could not be raised"),
    }
}

fn own(config: &Config) -> usize {
    let imports = config.imports.max_running * (config.imports.lanes + 1);
    config.database.pool_size + imports + OTHERS
}

/// An attempt may dial two addresses at once.
fn wanted(config: &Config) -> usize {
    let webhooks = &config.webhooks;
    let endpoints = webhooks.max_attempts_at_once * 2 + webhooks.max_idle_connections;
    own(config) + config.server.max_connections + endpoints
}

/// Half is for clients, a third for attempts and their second dials, and a sixth for connections that are idle.
fn deal_out(config: &mut Config, granted: usize) {
    let left = granted.saturating_sub(own(config)).max(16);
    let (server, webhooks) = (&mut config.server, &mut config.webhooks);
    webhooks.max_attempts_at_once = webhooks.max_attempts_at_once.min(left / 6);
    webhooks.max_idle_connections = webhooks.max_idle_connections.min(left / 6);
    server.max_connections = server.max_connections.min(left / 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_enough_for_all() {
        for granted in [300, 1_024, 2_048, 4_096] {
            let mut config = Config::parse("", []).expect("defaults");
            deal_out(&mut config, granted);
            assert!(wanted(&config) <= granted, "{granted}");
            assert!(config.server.max_connections * 4 > granted, "{granted}");
            assert!(config.webhooks.max_attempts_at_once > 0);
        }
    }
}
