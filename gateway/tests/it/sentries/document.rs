//! docs/sentries.md: the snippets marked as running are run as they stand there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use stage::Desk;
use stage::desk::text;

use super::plain;

const DOCUMENT: &str = include_str!("../../../../docs/sentries.md");

/// What Python's `requests` does of what the snippets use, for machines that do not have it.
const REQUESTS: &str = r#"
import json as _json
import urllib.request

class _Reply:
    def __init__(self, status):
        self.status_code = status
    def raise_for_status(self):
        assert self.status_code < 400, self.status_code

def post(url, headers=None, json=None, timeout=None):
    headers = {**(headers or {}), "Content-Type": "application/json"}
    request = urllib.request.Request(url, _json.dumps(json).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=timeout) as reply:
        return _Reply(reply.status)
"#;

/// The language and the text of each snippet by its name.
fn snippets() -> HashMap<&'static str, (&'static str, &'static str)> {
    let mut found = HashMap::new();
    for part in DOCUMENT.split("<!-- runs: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n```").expect("a fence");
        let (language, rest) = rest.split_once('\n').expect("a language");
        let (code, _) = rest.split_once("```").expect("an end");
        assert!(
            found.insert(name, (language, code)).is_none(),
            "{name} stands twice"
        );
    }
    found
}

fn folder() -> PathBuf {
    let folder = stage::warden::folder().join(format!("document-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).expect("a folder");
    folder
}

/// Runs a snippet, with `after` behind it, as a user would with both variables set.
async fn run(desk: &Desk, name: &str, folder: &Path, after: &str) -> Value {
    let (language, code) = snippets()[name];
    let sentry_path = plain(desk).await;
    let sentry = desk.api.get(&sentry_path).await.ok(200);
    let program = match language {
        "sh" => "sh",
        "python" => "python3",
        other => panic!("{other} is not run"),
    };
    let bin = stage::cli::binary();
    let bin = bin.parent().expect("a folder").display();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(format!("{code}{after}"))
        .current_dir(folder)
        .env("SENTRY_URL", text(&sentry, "api_url"))
        .env("GATEWAY_URL", format!("http://{}", desk.api.address))
        .env("PATH", path)
        .env("GATEWAY_KEY", desk.api.key.as_deref().expect("a key"))
        .env("PYTHONPATH", folder);
    let ran = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("it ran");
    let ran = ran.unwrap_or_else(|fault| panic!("{program}: {fault}"));
    assert!(ran.status.success(), "{name}: {ran:?}");
    desk.api.get(&sentry_path).await.ok(200)
}

#[tokio::test]
async fn every_snippet_that_can_run_here_reports() {
    let desk = Desk::open().await;
    let folder = folder();
    std::fs::write(folder.join("requests.py"), REQUESTS).expect("a module");
    let load = |code: i32| {
        std::fs::write(folder.join("load-orders"), format!("exit {code}\n")).expect("a script");
        let mut permissions = std::fs::metadata(folder.join("load-orders"))
            .expect("a file")
            .permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(folder.join("load-orders"), permissions).expect("a script");
    };

    let told = run(&desk, "report-json", &folder, "").await;
    assert_eq!(
        (&told["state"], &told["user_message"]),
        (&json!("happy"), &json!("Loaded 1200 orders"))
    );
    assert_eq!(told["meta"]["counts"], json!({"orders": 1200}));
    let told = run(&desk, "report-form", &folder, "").await;
    assert_eq!(
        (&told["state"], &told["private_entry"]),
        (&json!("sad"), &json!(true))
    );
    assert_eq!(told["meta"], json!({"counts": {"orders": "1200"}}));
    let told = run(&desk, "report-parameters", &folder, "").await;
    assert_eq!(
        (&told["state"], &told["user_message"]),
        (&json!("happy"), &json!("Loaded 1200 orders"))
    );
    load(0);
    assert_eq!(run(&desk, "report-cron", &folder, "").await["state"], "happy");
    load(1);
    let told = run(&desk, "report-cron", &folder, "").await;
    assert_eq!(
        (&told["state"], &told["user_message"]),
        (&json!("sick"), &json!("Load failed"))
    );
    let told = run(&desk, "report-command", &folder, "").await;
    assert_eq!(
        (&told["state"], &told["history_note"]),
        (&json!("sick"), &json!("exit code 3"))
    );
    assert_eq!(
        (&told["private_entry"], &told["meta"]),
        (&json!(true), &json!({"counts": {"orders": 0}}))
    );
    let told = run(&desk, "report-python", &folder, "").await;
    assert_eq!(
        (&told["state"], &told["meta"]),
        (&json!("happy"), &json!({"counts": {"orders": 1200}}))
    );
    let calling = "\ndefault_args[\"on_failure_callback\"]({\"exception\": ValueError(\"no rows\")})\n";
    let told = run(&desk, "report-airflow", &folder, calling).await;
    assert_eq!(
        (&told["state"], &told["history_note"]),
        (&json!("sick"), &json!("no rows"))
    );
    let reporting = "\ncurl -fsS -X POST -H \"Authorization: Bearer $GATEWAY_KEY\" \"$SENTRY_URL?state=sad\"";
    run(&desk, "create", &folder, reporting).await;
    let made = desk.api.get("/v1/sentries?state=sad").await.ok(200);
    assert_eq!(made["data"][0]["name"], "nightly orders load", "{made}");
    let shown = run(&desk, "show", &folder, "").await;
    assert_eq!(shown["hoots"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(snippets().len(), 9);
}
