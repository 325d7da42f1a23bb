//! No secret in a log line, an error, a metric, a reply to others, or in the clear in any table.

use serde_json::{Value, json};

use stage::cluster::{Cluster, Sync};
use stage::port::unused_port;
use stage::{Database, Gateway, Reply, SOON, cli, eventually, wire::Wire};

use super::{WRONG, first_key};

const PASSWORD: &str = "canary-password-5b1f";
const HEADER: &str = "canary-header-9c27";
const SEALING: &str = "Y2FuYXJ5LXNlYWxpbmcta2V5LTMyLWJ5dGVzISEhISE=";

/// What must not be found: in full, and for keys also without the prefix that a masking rule may look for.
struct Canary {
    what: &'static str,
    text: String,
}

/// Every value of every column that can hold text, as text, with its table.
async fn everything(database: &Database) -> String {
    let columns = database.ask("select format('select %L || ''.'' || %L || '': '' || %s from %I', table_name, column_name,
                case when data_type = 'bytea' then format('encode(%I, ''hex'') || '' '' || encode(%I, ''escape'')',
                     column_name, column_name) else format('%I::text', column_name) end, table_name)
         from information_schema.columns join information_schema.tables using (table_schema, table_name)
         where table_schema = 'public' and table_type = 'BASE TABLE'").await;
    let mut all = String::new();
    for statement in columns.lines() {
        all.push_str(&database.ask(statement).await);
        all.push('\n');
    }
    all
}

#[tokio::test]
async fn planted_secrets_stay_where_they_belong() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    let first = first_key(&database);
    let url = database
        .url()
        .replace("postgres@", &format!("postgres:{PASSWORD}@"));
    let settings = [
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "debug"),
        ("GATEWAY_TELEMETRY__ACCESS_LOG", "all"),
        ("GATEWAY_WEBHOOKS__SECRET_KEY", SEALING),
        ("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.05"),
    ];
    let gateway = Gateway::start(&url, &settings).await;
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
    let note = |reply: Reply| {
        let text = format!(
            "{:?}
{}
",
            reply.headers,
            reply.text()
        );
        replies.borrow_mut().push_str(&text);
    };

    // Keys: made, rotated, repeated, revoked, refused in every way.
    let body = json!({"name": "canary", "scopes": ["crm:read"]});
    let api = gateway.with_key(&first);
    let create = async |path: &str, body: &Value| {
        let call = api.post_call(path, body).header("idempotency-key", "once");
        call.send().await.expect(201)
    };
    let made = create("/v1/api-keys", &body).await.json();
    note(create("/v1/api-keys", &body).await);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    canaries.push(Canary {
        what: "API key",
        text: key[3..].into(),
    });
    let path = format!("/v1/api-keys/{id}/rotate");
    let rotated = api
        .post(&path, &json!({"overlap_seconds": 60}))
        .await
        .expect(201)
        .json();
    let rotated = rotated["key"].as_str().unwrap();
    canaries.push(Canary {
        what: "rotated key",
        text: rotated[3..].into(),
    });
    note(api.get("/v1/api-keys").await);
    note(api.get(&format!("/v1/api-keys/{id}")).await);
    note(
        gateway
            .with_key(key)
            .post(&path, &json!({"overlap_seconds": 60}))
            .await
            .expect(403),
    );
    note(
        api.post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
            .await
            .expect(200),
    );
    note(gateway.with_key(key).get("/v1/whoami").await.expect(401));
    note(gateway.with_key(WRONG).get("/v1/whoami").await.expect(401));
    note(api.get(&format!("/v1/whoami?key={rotated}")).await.expect(422));
    note(api.get(&format!("/v1/api-keys/{rotated}")).await.expect(404));
    note(
        api.post(
            "/v1/api-keys",
            &json!({ (rotated): 1, "name": rotated, "scopes": [rotated] }),
        )
        .await
        .expect(422),
    );
    let broken = format!("GET /v1/whoami HTTP/1.1\r\nauthorization: Bearer {key}\r\nbroken\r\n\r\n");
    let mut wire = Wire::open(gateway.api).await;
    wire.write(broken).await;
    let _ = wire.rest().await;

    // Webhooks, with an endpoint that nobody listens at.
    let closed = format!("http://127.0.0.1:{}/", unused_port());
    let body = json!({"name": "w", "url": closed, "events": ["*"], "max_attempts": 2,
                      "headers": {"authorization": HEADER}});
    let webhook = async || {
        let call = api
            .post_call("/v1/webhooks", &body)
            .header("idempotency-key", "w");
        call.send().await.expect(201)
    };
    let made = webhook().await.json();
    note(webhook().await);
    let id = made["id"].as_str().unwrap();
    let rotated = api
        .post(&format!("/v1/webhooks/{id}/rotate-secret"), &json!({}))
        .await
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
    note(api.get("/v1/webhooks").await);
    note(api.get(&format!("/v1/webhooks/{id}")).await);
    let one = format!("/v1/webhooks/{id}");
    let wrong = json!({"headers": {"host": HEADER}});
    note(api.patch(&one, &wrong).await.expect(422));
    api.post("/v1/events", &json!({"type": "deal.won", "data": {}}))
        .await
        .expect(202);
    let started = api
        .post(&format!("/v1/webhooks/{id}/test"), &json!({}))
        .await
        .expect(202)
        .json();
    let delivery = format!("/v1/deliveries/{}", started["delivery_id"].as_str().unwrap());
    eventually("the delivery failed", SOON, async || {
        api.get(&delivery).await.json()["status"] == "failed"
    })
    .await;
    note(api.get(&delivery).await);
    note(api.get(&format!("{one}/deliveries")).await);
    note(api.get("/v1/events").await);
    note(api.get("/v1/audit?limit=200").await);
    note(api.get("/v1/instances").await);
    note(gateway.operations("/metrics").await);
    note(gateway.operations("/readyz").await);

    // The command line, right and wrong, and a database that refuses and then goes away.
    let listed = cli::succeed(&database.url(), &["keys", "list", "--json"]);
    replies.borrow_mut().push_str(&listed);
    for wrong in [
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/none", cluster.port()),
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/postgres"),
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/postgres?sslmode={PASSWORD}"),
        format!("no address: {PASSWORD}"),
    ] {
        for arguments in [&["keys", "list"][..], &["check-config", "--json"]] {
            let output = cli::run(&wrong, arguments, &[]);
            let mut replies = replies.borrow_mut();
            replies.push_str(&String::from_utf8_lossy(&output.stdout));
            replies.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    let tables = everything(&database).await;
    database.ask("alter table api_keys rename to hidden").await;
    note(api.get("/v1/api-keys").await.expect(500));
    database.ask("alter table hidden rename to api_keys").await;
    cluster.kill();
    let away = api.get("/v1/api-keys").await;
    assert_eq!(away.status, 503);
    note(away);
    gateway.terminate().await;
    let log = gateway.log();
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
