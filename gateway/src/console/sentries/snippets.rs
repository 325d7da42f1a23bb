//! How outside systems report, ready to paste. Those of `docs/sentries.md` are run by a test; these are the same with the
//! sentry's own address.

/// One way to report.
pub struct Snippet {
    pub id: &'static str,
    pub title: &'static str,
    pub text: String,
}

/// Every way, for the sentry at this address.
pub fn all(api_url: &str) -> Vec<Snippet> {
    WAYS.iter()
        .map(|(id, title, text)| Snippet {
            id,
            title,
            text: text.replace("SENTRY_URL", api_url),
        })
        .collect()
}

const WAYS: [(&str, &str, &str); 5] = [
    (
        "curl",
        "curl, cron",
        r#"curl -fsS --retry 3 "SENTRY_URL" \
  -H "Authorization: Bearer $GATEWAY_KEY" -H "Content-Type: application/json" \
  -d '{"state": "happy", "user_message": "Loaded 1200 orders", "meta": {"counts": {"orders": 1200}}}'"#,
    ),
    (
        "python",
        "Python",
        r#"import os
import requests

requests.post(
    "SENTRY_URL",
    headers={"Authorization": f"Bearer {os.environ['GATEWAY_KEY']}"},
    json={"state": "happy", "meta": {"counts": {"orders": 1200}}},
    timeout=10,
).raise_for_status()"#,
    ),
    (
        "airflow",
        "Airflow callback",
        r#"import os
import requests

def report_to_sentry(state):
    def callback(context):
        requests.post(
            "SENTRY_URL",
            headers={"Authorization": f"Bearer {os.environ['GATEWAY_KEY']}"},
            json={"state": state, "history_note": str(context.get("exception") or "")[:4000]},
            timeout=10,
        ).raise_for_status()
    return callback

default_args = {
    "on_success_callback": report_to_sentry("happy"),
    "on_failure_callback": report_to_sentry("sick"),
}"#,
    ),
    (
        "dbt",
        "dbt",
        r#"if dbt build; then state=happy; else state=sick; fi
curl -fsS --retry 3 -X POST -H "Authorization: Bearer $GATEWAY_KEY" "SENTRY_URL?state=$state""#,
    ),
    (
        "github",
        "GitHub step",
        r#"- name: Report to the sentry
  if: always()
  run: |
    state=$([ "$STATUS" = success ] && echo happy || echo sick)
    curl -fsS --retry 3 -X POST -H "Authorization: Bearer $GATEWAY_KEY" "SENTRY_URL?state=$state"
  env:
    STATUS: ${{ job.status }}
    GATEWAY_KEY: ${{ secrets.GATEWAY_KEY }}"#,
    ),
];
