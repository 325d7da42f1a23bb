//! `telemetry.log_level`: a level, or a level for each part of the program.

use tracing_subscriber::EnvFilter;

const EXPECTED: &str = "off, error, warn, info, debug or trace, or a filter such as warn,gateway=debug";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter that means something: a bare word that is no level would name a part of the program that is not there, and
/// silence all others.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let means_something = text.split(',').all(|directive| {
        let (part, level) = directive.rsplit_once('=').unwrap_or(("all", directive));
        !part.trim().is_empty() && LEVELS.contains(&level.trim().to_ascii_lowercase().as_str())
    });
    if means_something && EnvFilter::try_new(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(EXPECTED.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_taken() {
        for text in [
            "info",
            "WARN",
            "off",
            "warn,gateway=debug",
            "gateway::bus=trace, info",
            "gateway[request]=debug",
        ] {
            assert_eq!(parse(text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for text in [
            "",
            " ",
            ",",
            "verbose",
            "warning",
            "information",
            "3",
            "info,",
            "gateway",
            "gateway=loud",
            "=",
            "=info",
            "info,verbose",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
