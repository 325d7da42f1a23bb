//! From the settings to those of the console, which concern several sections.

use crate::config::Config;
use crate::console::Settings;
use crate::console::site::HostRules;

/// What the settings say about the console.
pub(super) fn console_settings(config: &Config) -> Settings {
    Settings {
        is_enabled: config.console.is_enabled,
        hosts: HostRules {
            listen: config.server.listen,
            public_url: config.server.public_url.clone(),
            trusted_proxies: config.server.trusted_proxies.clone(),
            requires_https: config.console.requires_https,
        },
        is_tls: config.server.tls.is_some(),
        idle: config.console.idle,
        session: config.console.session,
        stale_after: config.keys.stale_after,
    }
}
