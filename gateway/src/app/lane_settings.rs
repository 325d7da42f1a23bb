//! From the settings of webhooks to those of all lanes.

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
        thresholds: Thresholds {
            after: settings.breaker_after,
            failures: settings.breaker_failures,
            probe: settings.breaker_probe,
        },
        retry_base: settings.retry_base,
    }
}
