//! No secret in a log line, an error, a metric, a reply to others, or in the clear in any table.

use serde_json::json;

use crate::client::{Request, exchange};
use crate::cluster::Cluster;
use crate::stage::{Gateway, WRONG, command, first_key, told, within};

const PASSWORD: &str = "canary-password-5b1f";
const HEADER: &str = "canary-header-9c27";
const SEALING: &str = "Y2FuYXJ5LXNlYWxpbmcta2V5LTMyLWJ5dGVzISEhISE=";

/// What must not be found: in full, and for keys also without the prefix that a masking rule may look for.
struct Canary {
    what: &'static str,
    text: String,
}

/// Every value of every column that can hold text, as text, with its table.
fn everything(cluster: &Cluster) -> String {
    let columns = cluster.sql(
        "select format('select %L || ''.'' || %L || '': '' || %s from %I', table_name, column_name,
                case when data_type = 'bytea' then format('encode(%I, ''hex'') || '' '' || encode(%I, ''escape'')',
                     column_name, column_name) else format('%I::text', column_name) end, table_name)
         from information_schema.columns join information_schema.tables using (table_schema, table_name)
         where table_schema = 'public' and table_type = 'BASE TABLE'",
    );
    columns
        .lines()
        .map(|statement| cluster.sql(statement) + "\n")
        .collect()
}

#[test]
fn planted_secrets_stay_where_they_belong() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let url = format!(
        "postgres://postgres:{PASSWORD}@127.0.0.1:{}/postgres",
        cluster.port
    );
    let settings = [
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "debug"),
        ("GATEWAY_TELEMETRY__ACCESS_LOG", "all"),
        ("GATEWAY_WEBHOOKS__SECRET_KEY", SEALING),
        ("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.05"),
    ];
    let gateway = Gateway::start_with(&url, &settings);
    let mut canaries = vec![
        Canary {
            what: "database password",
            text: PASSWORD.into(),
        },
        Canary {
            what: "header value",
            text: HEADER.into(),
        },
        Canary {
            what: "sealing key",
            text: SEALING.into(),
        },
        Canary {
            what: "sealing key, decoded",
            text: "canary-sealing-key-32-bytes".into(),
        },
        Canary {
            what: "first key",
            text: first[3..].into(),
        },
        Canary {
            what: "wrong key",
            text: WRONG[3..].into(),
        },
    ];
    let replies = std::cell::RefCell::new(String::new());
    let note = |reply: crate::client::Reply| {
        let text = format!("{}\n{}\n", reply.head, reply.body);
        replies.borrow_mut().push_str(&text);
    };

    // Keys: made, rotated, repeated, revoked, refused in every way.
    let body = json!({"name": "canary", "scopes": ["crm:read"]});
    let create = Request::new(gateway.api, "POST", "/v1/api-keys", &first).header("idempotency-key", "k");
    let create = create.body(body);
    let made = create.send().expect(201).json();
    note(create.send().expect(201));
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    canaries.push(Canary {
        what: "API key",
        text: key[3..].into(),
    });
    let path = format!("/v1/api-keys/{id}/rotate");
    let rotated = gateway
        .post(&path, &first, json!({"overlap_seconds": 60}))
        .expect(201)
        .json();
    let rotated = rotated["key"].as_str().unwrap();
    canaries.push(Canary {
        what: "rotated key",
        text: rotated[3..].into(),
    });
    note(gateway.get("/v1/api-keys", &first));
    note(gateway.get(&format!("/v1/api-keys/{id}"), &first));
    note(
        gateway
            .post(&path, key, json!({"overlap_seconds": 60}))
            .expect(403),
    );
    note(
        gateway
            .post(&format!("/v1/api-keys/{id}/revoke"), &first, json!({}))
            .expect(200),
    );
    note(gateway.get("/v1/whoami", key).expect(401));
    note(gateway.get("/v1/whoami", WRONG).expect(401));
    note(
        gateway
            .get(&format!("/v1/whoami?key={rotated}"), &first)
            .expect(422),
    );
    note(
        gateway
            .get(&format!("/v1/api-keys/{rotated}"), &first)
            .expect(404),
    );
    note(
        gateway
            .post(
                "/v1/api-keys",
                &first,
                json!({ (rotated): 1, "name": rotated, "scopes": [rotated] }),
            )
            .expect(422),
    );
    let broken = format!("GET /v1/whoami HTTP/1.1\r\nauthorization: Bearer {key}\r\nbroken\r\n\r\n");
    let _ = exchange(gateway.api, broken.as_bytes());

    // Webhooks, with an endpoint that nobody listens at.
    let closed = format!("http://127.0.0.1:{}/", crate::cluster::free_port());
    let body = json!({"name": "w", "url": closed, "events": ["*"], "max_attempts": 2,
                      "headers": {"authorization": HEADER}});
    let create = Request::new(gateway.api, "POST", "/v1/webhooks", &first)
        .header("idempotency-key", "w")
        .body(body);
    let made = create.send().expect(201).json();
    note(create.send().expect(201));
    let id = made["id"].as_str().unwrap();
    let rotated = gateway
        .post(&format!("/v1/webhooks/{id}/rotate-secret"), &first, json!({}))
        .expect(200)
        .json();
    for (what, shown) in [("webhook secret", &made), ("rotated secret", &rotated)] {
        canaries.push(Canary {
            what,
            text: shown["secret"].as_str().unwrap().into(),
        });
        canaries.push(Canary {
            what,
            text: shown["standard_secret"].as_str().unwrap()["whsec_".len()..].into(),
        });
    }
    note(gateway.get("/v1/webhooks", &first));
    note(gateway.get(&format!("/v1/webhooks/{id}"), &first));
    let patch = Request::new(gateway.api, "PATCH", "/v1/webhooks", &first);
    let one = format!("/v1/webhooks/{id}");
    note(
        Request { path: &one, ..patch }
            .body(json!({"headers": {"host": HEADER}}))
            .send()
            .expect(422),
    );
    gateway
        .post("/v1/events", &first, json!({"type": "deal.won", "data": {}}))
        .expect(202);
    let started = gateway
        .post(&format!("/v1/webhooks/{id}/test"), &first, json!({}))
        .expect(202)
        .json();
    let delivery = format!("/v1/deliveries/{}", started["delivery_id"].as_str().unwrap());
    within(std::time::Duration::from_secs(10), "the delivery failed", || {
        gateway.get(&delivery, &first).json()["status"] == "failed"
    });
    note(gateway.get(&delivery, &first));
    note(gateway.get(&format!("{one}/deliveries"), &first));
    note(gateway.get("/v1/events", &first));
    note(gateway.get("/v1/audit?limit=200", &first));
    note(gateway.get("/v1/instances", &first));
    note(gateway.probe("/metrics").unwrap());
    note(gateway.probe("/readyz").unwrap());

    // The command line, right and wrong, and a database that refuses and then goes away.
    let listed = told(&cluster, &["keys", "list", "--json"]);
    replies.borrow_mut().push_str(&listed);
    for wrong in [
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/none", cluster.port),
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/postgres"),
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/postgres?sslmode={PASSWORD}"),
        format!("no address: {PASSWORD}"),
    ] {
        for arguments in [&["keys", "list"][..], &["check-config", "--json"]] {
            let output = command(&wrong, arguments);
            let mut replies = replies.borrow_mut();
            replies.push_str(&String::from_utf8_lossy(&output.stdout));
            replies.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    let tables = everything(&cluster);
    cluster.sql("alter table api_keys rename to hidden");
    note(gateway.get("/v1/api-keys", &first).expect(500));
    cluster.sql("alter table hidden rename to api_keys");
    drop(cluster);
    let away = gateway.get("/v1/api-keys", &first);
    assert_eq!(away.status, 503);
    note(away);
    let log = gateway.stop();
    let replies = replies.into_inner();

    assert!(log.contains("DEBUG") && log.contains("request"), "the log was on");
    assert!(tables.contains("api_keys.digest: ") && tables.contains("webhooks.secret: "));
    for canary in &canaries {
        let hex: String = canary.text.bytes().map(|byte| format!("{byte:02x}")).collect();
        for (place, text) in [("log", &log), ("replies", &replies), ("tables", &tables)] {
            // What a client put into a wrong field is given back to that client alone.
            let is_echo = place == "replies" && ["rotated key", "API key"].contains(&canary.what);
            for form in [&canary.text, &hex] {
                let line = text.lines().find(|line| line.contains(form.as_str()));
                assert!(
                    is_echo || line.is_none(),
                    "{} in {place}: {}",
                    canary.what,
                    line.unwrap()
                );
            }
        }
    }
}
