//! `gateway connectors`.

use std::path::PathBuf;

use stage::cli;

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let line: Vec<&str> = ["connectors"].iter().chain(arguments).copied().collect();
    let output = cli::command(None, &line, &[]).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn built_in(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../config/connectors/{name}.toml"))
}

#[test]
fn connectors_are_listed_and_shown() {
    let (code, list, _) = run(&["list"]);
    assert_eq!(code, Some(0));
    assert!(list.lines().any(|line| line == "stripe  Stripe"), "{list}");
    let (_, lines, _) = run(&["list", "--json"]);
    for line in lines.lines() {
        let shown: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(shown["origin"], "built_in");
    }
    let (code, shown, _) = run(&["show", "stripe"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((code, shown["name"].as_str()), (Some(0), Some("stripe")));
    let (code, _, errors) = run(&["show", "nobody"]);
    assert!(
        code == Some(1) && errors.contains("no connector nobody"),
        "{errors}"
    );
}

#[test]
fn files_are_checked_by_their_vectors() {
    let good = built_in("stripe");
    let (code, told, errors) = run(&["check", good.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(told.contains("vectors hold"), "{told}");

    let text = std::fs::read_to_string(&good).expect("the file");
    let folder = stage::warden::folder().join(format!("check-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).expect("a folder");
    let file = folder.join("own.toml");
    let check = |right: &str, wrong: &str| {
        let changed = text.replace(right, wrong);
        assert_ne!(changed, text, "{right}");
        std::fs::write(&file, changed).expect("written");
        let (code, _, errors) = run(&["check", file.to_str().expect("UTF-8")]);
        assert_eq!(code, Some(1));
        errors
    };
    let line = |needle: &str| {
        text.lines()
            .position(|line| line.contains(needle))
            .expect("a line")
            + 1
    };
    let told = check("{timestamp}.{body}", "{timestamp}:{body}");
    assert!(
        told.contains("vector.in[0]: its signature is signature_invalid and not good"),
        "{told}"
    );
    let told = check("email=ada%2B1%40example.com", "email=ada");
    let place = format!("own.toml:{}: vector.out[0]: body is", line("[[vector.out]]"));
    assert!(told.contains(&place), "{told}");
    let told = check(
        "type = \"stripe.invoice.paid\", at",
        "type = \"stripe.invoice\", at",
    );
    assert!(told.contains("vector.in[0]: type is"), "{told}");
    let told = check("why = \"Declined.\"", "why = \"Taken.\"");
    assert!(told.contains("vector.outcome[0]: why is"), "{told}");
    let told = check("status = 402, body", "status = 500, body");
    assert!(told.contains("action[0].outcome[1]: has no vector"), "{told}");
    let told = check("format  = 1", "format  = 2");
    assert!(
        told.contains("own.toml:1: format: the only format is 1"),
        "{told}"
    );
    let (code, _, errors) = run(&["check", "/nowhere.toml"]);
    assert!(
        code == Some(1) && errors.contains("/nowhere.toml: cannot be read"),
        "{errors}"
    );
}
