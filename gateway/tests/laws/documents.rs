//! Documents that must agree with the code.

use std::collections::BTreeSet;

use gateway::facade::http::Code;
use gateway::facade::routes::openapi_text;
use gateway::facade::telemetry::METRICS;

use super::source::{read, root, rust_files};

/// Whether `text` names `word` in code quotes, so that `a_b` is not found in `a_b_c`.
fn mentions(text: &str, word: &str) -> bool {
    text.contains(&format!("`{word}`"))
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let document = read("docs/metrics.md");
    let missing: Vec<_> = METRICS
        .iter()
        .filter(|(name, _)| !mentions(&document, name))
        .collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks {missing:?}");
    for word in gateway_words(&document) {
        let is_known = METRICS.iter().any(|(name, _)| is_metric_or_part(&word, name));
        assert!(is_known, "docs/metrics.md tells of {word}, which is no metric");
    }
}

/// Words such as `gateway_http_connections`.
fn gateway_words(text: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    text.split(|letter: char| !is_part(letter))
        .filter(|word| word.starts_with("gateway_"))
        .map(str::to_owned)
        .collect()
}

/// Histograms show as three series.
fn is_metric_or_part(word: &str, name: &str) -> bool {
    word.strip_prefix(name)
        .is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
}

#[test]
fn every_metric_stands_in_the_table_alone() {
    for file in rust_files("gateway/src")
        .iter()
        .filter(|file| file.path != "gateway/src/telemetry/names.rs")
    {
        for (name, _) in METRICS {
            assert!(
                !file.code().contains(&format!("\"{name}\"")),
                "{} spells {name} out",
                file.path
            );
        }
    }
}

#[test]
fn every_problem_is_documented() {
    let document = read("docs/errors.md");
    let missing: Vec<_> = Code::ALL
        .iter()
        .map(|code| code.name())
        .filter(|name| !mentions(&document, name))
        .collect();
    assert!(missing.is_empty(), "docs/errors.md lacks {missing:?}");
    for code in Code::ALL {
        let status = code.status().to_string();
        let line = document
            .lines()
            .find(|line| mentions(line, code.name()) && line.contains(&status));
        assert!(
            line.is_some(),
            "docs/errors.md does not give {} its status {status}",
            code.name()
        );
    }
}

/// The rules on causes, and those on what users notice.
fn alerts() -> String {
    read("config/prometheus/alerts.yml") + &read("config/prometheus/slo.yml")
}

#[test]
fn every_alert_links_a_runbook_that_exists_and_asks_for_metrics_that_do() {
    let alerts = alerts();
    let mut count = 0;
    for alert in alerts.split("- alert:").skip(1) {
        count += 1;
        let name = alert.lines().next().unwrap_or_default().trim();
        let link = alert
            .lines()
            .find_map(|line| line.trim().strip_prefix("runbook_url:"));
        let link = link
            .unwrap_or_else(|| panic!("{name} links no runbook"))
            .trim()
            .trim_matches(['"', '\'']);
        // Absolute: a pager opens it far from this repository.
        let file = link
            .strip_prefix("{{ $externalLabels.runbook_base }}/")
            .unwrap_or_else(|| panic!("{name} links {link}, which is not under the label runbook_base"));
        let path = format!("docs/runbooks/{file}");
        assert!(
            file.ends_with(".md") && root().join(&path).exists(),
            "{name} links {link}, and there is no {path}"
        );
    }
    assert!(count > 0, "there are alerts");
    for path in ["config/prometheus/scrape.yml", "config/prometheus/compose.yml"] {
        let text = read(path);
        let labels = text.split_once("external_labels:").map_or("", |(_, rest)| rest);
        let base = labels
            .lines()
            .find_map(|line| line.trim().strip_prefix("runbook_base: "));
        assert!(
            base.is_some_and(|base| base.starts_with("https://") && !base.ends_with('/')),
            "{path} sets no base for the links of alerts"
        );
    }
    for word in gateway_words(&alerts) {
        let is_known = METRICS.iter().any(|(name, _)| is_metric_or_part(&word, name));
        assert!(is_known, "an alert asks for {word}, which is no metric");
    }
}

#[test]
fn every_runbook_is_linked_by_an_alert() {
    let alerts = alerts();
    for entry in std::fs::read_dir(root().join("docs/runbooks")).expect("runbooks") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(
            name == "README.md" || alerts.contains(&name),
            "no alert links docs/runbooks/{name}"
        );
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    for entry in std::fs::read_dir(root().join("config/grafana")).expect("dashboards") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        serde_json::from_str::<serde_json::Value>(&text).expect("a dashboard is JSON");
        for word in gateway_words(&text) {
            let is_known = METRICS.iter().any(|(name, _)| is_metric_or_part(&word, name));
            assert!(is_known, "{} asks for {word}, which is no metric", path.display());
        }
    }
}

#[test]
fn the_openapi_file_is_the_one_that_the_gateway_prints() {
    assert!(
        read("openapi.json") == openapi_text(),
        "run `gateway openapi > openapi.json`"
    );
}

#[test]
fn every_answer_to_a_get_has_its_media_type_described() {
    let description: serde_json::Value = serde_json::from_str(&openapi_text()).expect("JSON");
    let mut count = 0;
    for (path, methods) in description["paths"].as_object().expect("paths") {
        let Some(responses) = methods["get"]["responses"].as_object() else {
            continue;
        };
        for (status, response) in responses.iter().filter(|(status, _)| status.starts_with('2')) {
            let media_types = response["content"].as_object();
            let has_one = media_types.is_some_and(|media_types| !media_types.is_empty());
            assert!(has_one, "GET {path} {status} has no content");
            count += 1;
        }
    }
    assert!(count > 20, "{count} answers are described");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<String> = ["README.md", "ARCHITECTURE.md"].map(str::to_owned).to_vec();
    for folder in ["docs", "docs/adr", "docs/runbooks"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("documents") {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            if name.ends_with(".md") {
                documents.push(format!("{folder}/{name}"));
            }
        }
    }
    for document in documents {
        let text = read(&document);
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with('/') {
                continue;
            }
            assert!(
                root().join(folder).join(file).exists(),
                "{document} links {link}, which is not there"
            );
        }
    }
}

#[test]
fn every_folder_of_the_source_is_in_the_architecture() {
    let text = read("ARCHITECTURE.md");
    for file in rust_files("gateway/src") {
        let (folder, name) = file.path.rsplit_once('/').expect("a folder");
        let named = folder.rsplit('/').next().unwrap_or_default();
        assert!(
            name == "tests.rs" || named == "src" || text.contains(&format!("{named}/")),
            "ARCHITECTURE.md does not say what {folder} is for"
        );
    }
}

/// Paths there are given from some folder on: `engine/lanes.rs` is one of `delivery`.
#[test]
fn every_path_in_the_architecture_exists() {
    let mut places: BTreeSet<String> = BTreeSet::new();
    for file in ["gateway", "stage", "bench"].into_iter().flat_map(rust_files) {
        // The file, and each folder that it is in.
        let mut path = file.path.as_str();
        places.insert(format!("/{path}"));
        while let Some((folder, _)) = path.rsplit_once('/') {
            places.insert(format!("/{folder}/"));
            path = folder;
        }
    }
    let is_path = |word: &&str| word.ends_with(".rs") || (word.ends_with('/') && !word.starts_with('/'));
    let text = read("ARCHITECTURE.md");
    // The drawings name no paths, and their fences would turn quotes inside out.
    let prose: String = text.split("```").step_by(2).collect();
    let paths: Vec<&str> = prose.split('`').skip(1).step_by(2).filter(is_path).collect();
    assert!(paths.len() > 100, "{paths:?}");
    for path in paths {
        let end = format!("/{path}");
        assert!(
            places.iter().any(|place| place.ends_with(&end)) || root().join(path).exists(),
            "ARCHITECTURE.md names {path}, which is not there"
        );
    }
}
