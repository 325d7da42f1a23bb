//! What holds for each route, taken from the gateway's own description of itself.

use http::Method;
use serde_json::Value;

use stage::Desk;

struct Operation {
    method: Method,
    path: String,
    scopes: Vec<String>,
}

/// Every operation under `/v1`, with something in place of ids.
fn operations(description: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        let kind = match path.split('/').nth(2).expect("a resource") {
            "api-keys" => "key",
            "webhooks" => "wh",
            "deliveries" => "dlv",
            "events" => "evt",
            "sentries" => "sen",
            "hoots" => "hoot",
            other => other,
        };
        let id = format!("{kind}_0198c0de-0000-7000-8000-000000000001");
        for (method, operation) in methods.as_object().expect("methods") {
            let scopes = operation["security"][0]["bearer"].as_array().expect("security");
            found.push(Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.replace("{id}", &id),
                scopes: scopes
                    .iter()
                    .map(|scope| scope.as_str().expect("text").to_owned())
                    .collect(),
            });
        }
    }
    found
}

#[tokio::test]
async fn each_wants_a_key_and_its_scopes() {
    let desk = Desk::open().await;
    let mut nobody = desk.api.clone();
    nobody.key = None;
    let description = nobody.get("/openapi.json").await.ok(200);
    assert!(
        description["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let operations = operations(&description);
    assert!(operations.len() > 20);
    let keys = [
        desk.with_scopes(&["sentries:write"]).await,
        desk.with_scopes(&["crm:read"]).await,
    ];
    for Operation { method, path, scopes } in operations {
        let reply = nobody.call(method.clone(), &path).send().await;
        reply.problem(401, "key_missing");
        let lacks = |key: &&stage::Api| !(scopes == ["sentries:write"] && key.key == keys[0].key);
        let narrow = keys.iter().find(lacks).expect("a key that lacks the scope");
        let reply = narrow.call(method.clone(), &path).send().await;
        if scopes.is_empty() {
            assert!(reply.status < 400, "{method} {path}: {}", reply.status);
            continue;
        }
        reply.problem(403, "scope_missing");
        let wanted = format!("scope=\"{}\"", scopes.join(" "));
        let challenge = reply.header("www-authenticate").expect("a challenge");
        assert!(challenge.ends_with(&wanted), "{method} {path}: {challenge}");
    }
}

#[tokio::test]
async fn each_get_answers_head_and_each_path_options() {
    let desk = Desk::open().await;
    let description = desk.api.get("/openapi.json").await.ok(200);
    for Operation { method, path, .. } in operations(&description) {
        if method == Method::GET {
            let get = desk.api.get(&path).await;
            let head = desk.api.call(Method::HEAD, &path).send().await;
            assert_eq!(head.status, get.status, "{path}");
            assert!(head.body.is_empty(), "{path}");
            assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        }
        let options = desk.api.call(Method::OPTIONS, &path).send().await;
        options.no_content();
        let allow = options.header("allow").expect("Allow");
        assert!(
            allow.split(", ").any(|allowed| allowed == method.as_str()),
            "{path}: {allow}"
        );
        // What is not allowed is refused with the same list.
        let refused = desk.api.call(Method::TRACE, &path).send().await;
        refused.problem(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), Some(allow), "{path}");
    }
}
