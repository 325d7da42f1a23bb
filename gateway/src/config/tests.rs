use std::time::Duration;

use super::{BusKind, Config, ConfigError};

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn faults(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    match Config::parse(text, environment(pairs)) {
        Err(ConfigError::Faults(faults)) => faults.into_iter().map(|fault| fault.place).collect(),
        other => panic!("expected faults, got {other:?}"),
    }
}

#[test]
fn everything_has_a_default() {
    let config = Config::parse("", []).expect("defaults are valid");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.operations.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.server.drain, Duration::from_secs(30));
    assert_eq!(config.webhooks.max_attempts, 5);
    assert!(matches!(config.bus.kind, BusKind::Postgres));
    assert!(config.database.url.is_none());
}

#[test]
fn environment_wins_over_file_and_fractions_are_allowed() {
    let config = Config::parse(
        "[server]\nlisten = \"127.0.0.1:1\"\n[webhooks]\nallow_cidrs = [\"10.0.0.0/8\"]\n",
        environment(&[
            ("GATEWAY_SERVER__LISTEN", "127.0.0.1:2"),
            ("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.25"),
            ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8,::1/128"),
            ("GATEWAY_HOME", "ignored"),
        ]),
    )
    .expect("valid");
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.webhooks.retry_base, Duration::from_millis(250));
    assert_eq!(config.webhooks.allow_cidrs.len(), 2);
}

#[test]
fn all_faults_are_told_at_once_and_unknown_names_are_faults() {
    let places = faults(
        "colour = 1\n[server]\nlisten = \"nowhere\"\nlistenn = \"x\"\n[database]\npool_size = 0\n",
        &[
            ("GATEWAY_WEBHOOKS__MAX_ATTEMPTS", "51"),
            ("GATEWAY_NO__SUCH", "1"),
        ],
    );
    assert_eq!(
        places,
        [
            "colour",
            "server.listen",
            "database.pool_size",
            "GATEWAY_WEBHOOKS__MAX_ATTEMPTS",
            "GATEWAY_NO__SUCH",
            "server.listenn",
        ]
    );
}

#[test]
fn database_address_precedence_and_secrecy() {
    let file = "[database]\nurl = \"postgres://file/x\"\n";
    let of = |pairs: &[(&str, &str)]| {
        let config = Config::parse(file, environment(pairs)).expect("valid");
        config.database.url.expect("set").expose().clone()
    };
    assert_eq!(of(&[]), "postgres://file/x");
    assert_eq!(
        of(&[("DATABASE_URL", "postgres://usual/x")]),
        "postgres://usual/x"
    );
    let both = [
        ("DATABASE_URL", "postgres://usual/x"),
        ("GATEWAY_DATABASE__URL", "postgres://own/x"),
    ];
    assert_eq!(of(&both), "postgres://own/x");

    let fault = Config::parse("", environment(&[("DATABASE_URL", "hunter2 hunter2")]));
    let text = fault.expect_err("no address").to_string();
    assert!(
        text.starts_with("DATABASE_URL: expected") && !text.contains("hunter2"),
        "{text}"
    );
    let valid = Config::parse("", environment(&[("DATABASE_URL", "postgres://u:hunter2@h/d")]));
    assert!(!format!("{valid:?}").contains("hunter2"));
}

#[test]
fn the_example_file_names_every_setting_and_is_valid() {
    let example = include_str!("../../../config/gateway.toml");
    let all_set: String = example
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| is_setting(rest))
                .unwrap_or(line)
        })
        .collect::<Vec<_>>()
        .join("\n");
    Config::parse(&all_set, []).expect("the example is valid with every line uncommented");
    let sections = concat!(include_str!("sections.rs"), include_str!("webhooks.rs"));
    let mut parts = sections.split("reader.get(").skip(1).peekable();
    assert!(parts.peek().is_some());
    for key in quoted_keys(sections) {
        assert!(all_set.contains(&format!("\n{key} = ")), "{key} is not explained");
    }
    let of_bus = include_str!("kafka.rs").split("reader.get(\"bus\", \"").skip(1);
    let keys: Vec<&str> = of_bus.filter_map(|rest| rest.split('"').next()).collect();
    assert!(keys.len() > 5, "{keys:?}");
    for key in keys {
        assert!(all_set.contains(&format!("\n{key} = ")), "{key} is not explained");
    }
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ")
        .is_some_and(|(key, _)| key.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()))
}

/// The second argument of each call that reads a setting.
fn quoted_keys(source: &str) -> Vec<&str> {
    let keys: Vec<&str> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            word.contains('_') && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        })
        .collect();
    assert!(keys.len() > 15, "the settings are found in the source");
    keys
}

#[test]
fn kafka_needs_brokers_and_a_login_where_one_is_asked_for() {
    let parse = |values: &[(&str, &str)]| Config::parse("", environment(values));
    let faults = |values: &[(&str, &str)]| parse(values).expect_err("refused").to_string();
    assert!(faults(&[("GATEWAY_BUS__KIND", "kafka")]).contains("bus.brokers"));
    assert!(faults(&[("GATEWAY_BUS__BROKERS", "localhost")]).contains("host:port"));
    let kafka = [
        ("GATEWAY_BUS__KIND", "kafka"),
        ("GATEWAY_BUS__BROKERS", "a:1, b:2"),
    ];
    let config = parse(&kafka).expect("valid");
    let BusKind::Kafka(settings) = config.bus.kind else {
        panic!("kafka")
    };
    assert_eq!(settings.brokers, "a:1,b:2");
    assert!(settings.login.is_none());
    let with = |more: &[(&'static str, &'static str)]| [&kafka[..], more].concat();
    let sasl = ("GATEWAY_BUS__SECURITY", "sasl_tls");
    assert!(faults(&with(&[sasl])).contains("sasl_username"));
    let login = [
        ("GATEWAY_BUS__SASL_USERNAME", "u"),
        ("GATEWAY_BUS__SASL_PASSWORD", "hunter2"),
    ];
    assert!(faults(&with(&login)).contains("is used only with"));
    let config = parse(&with(&[&[sasl], &login[..]].concat())).expect("valid");
    assert!(!format!("{config:?}").contains("hunter2"));
}
