//! Converts the settings of webhooks into those of the lanes.

use crate::config;
use crate::delivery::engine::breaker::Thresholds;
use crate::delivery::engine::lane::Caps;
use crate::delivery::engine::lanes::Settings;

/// What the settings say about lanes.
pub(super) const fn lane_settings(settings: &config::Webhooks) -> Settings {
    Settings {
        caps: Caps {
            concurrency: settings.lane_concurrency,
            queue: settings.lane_queue,
        },
        max_bytes: settings.max_memory_bytes,
        max_attempts: settings.max_attempts_at_once,
        max_idle_connections: settings.max_idle_connections,
        thresholds: Thresholds {
            after: settings.breaker_after,
            failures: settings.breaker_failures,
            probe: settings.breaker_probe,
        },
        retry_base: settings.retry_base,
    }
}
