//! What is stored and compared has the database's time, whatever the gateway's clock says.

use serde_json::{Value, json};

use super::clocks::gateway;
use stage::{Database, Desk, Receiver, SOON, desk::text, eventually, signature};

/// How many secrets sign an event that is sent now.
async fn signer_count(desk: &Desk, receiver: &Receiver) -> usize {
    let before = receiver.count();
    desk.send("deal.won", json!({})).await;
    let received = receiver.wait_for(before + 1).await;
    signature::count(received.last().expect("an event")).0
}

/// How far a time is from the database's clock, in seconds.
async fn distance(database: &Database, time: &str) -> f64 {
    let query = format!("select abs(extract(epoch from now() - ({time})))::float8");
    database.rows(&query).await[0].get(0)
}

#[tokio::test]
async fn an_overlap_of_secrets_ends_by_the_databases_clock() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let receiver = Receiver::start().await;
        let hook = desk.hook(&receiver, &["deal.won"]).await;
        let rotate = async |seconds: u32| {
            let body = json!({"overlap_seconds": seconds});
            desk.api.post(&hook.at("rotate-secret"), &body).await.ok(200)
        };
        let rotated = rotate(300).await;
        let until = text(&rotated, "previous_secret_expires_at");
        let begun = format!("'{until}'::timestamptz - interval '300 seconds'");
        assert!(distance(&database, &begun).await < 100.0, "{off}");
        assert_eq!(signer_count(&desk, &receiver).await, 2, "{off}");
        rotate(2).await;
        eventually("the overlap ends", SOON, || async {
            signer_count(&desk, &receiver).await == 1
        })
        .await;
        let updated = "(select updated_at from webhooks limit 1)";
        assert!(distance(&database, updated).await < 100.0, "{off}");
    }
}

#[tokio::test]
async fn an_imports_times_are_the_databases() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let job = desk.api.import("object=contact", b"email\na@b.c\n").await.ok(201);
        let undo = format!("/v1/imports/{}/undo", text(&job, "id"));
        let undone = desk.api.post_nothing(&undo).await.ok(200);
        let at = text(&undone["undo"], "at");
        for time in [text(&job, "created_at"), text(&job, "finished_at"), at] {
            let away = distance(&database, &format!("'{time}'::timestamptz")).await;
            assert!(away < 100.0, "{time} is {away} s away, {off}");
        }
    }
}

/// Every time in an answer, with its place in it.
fn times(place: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(members) => {
            let is_time = |name: &str| name.ends_with("_at") || ["at", "timestamp"].contains(&name);
            let each = members.iter().flat_map(|(name, member)| {
                let place = format!("{place}.{name}");
                match member.as_str().filter(|_| is_time(name)) {
                    Some(time) => vec![(place, time.to_owned())],
                    None => times(&place, member),
                }
            });
            each.collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| times(place, item)).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_time_that_is_shown_is_the_databases() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let receiver = Receiver::start().await;
        desk.hook(&receiver, &["deal.won", "contact.updated"]).await;
        let api = &desk.api;
        let contact = json!({"email": "a@b.c", "city": "Rome"});
        let made = api.post("/v1/crm/contacts", &contact).await.ok(201);
        let path = format!("/v1/crm/contacts/{}", text(&made, "id"));
        let changed = api.patch(&path, &json!({"city": "Pisa"})).await.ok(200);
        let file = b"email,city\na@b.c,Bari\nb@b.c,Rome\n";
        api.import("object=contact", file).await.ok(201);
        let kind = json!({"name": "x.made", "description": ""});
        api.post("/v1/event-types", &kind).await.ok(201);
        let event = desk.send("deal.won", json!({})).await;
        let delivery = desk.delivery_that(&event, "succeeded").await;
        let mut shown = vec![
            ("created".to_owned(), made),
            ("changed".to_owned(), changed),
            ("delivery".to_owned(), delivery),
        ];
        for list in [
            "api-keys",
            "audit",
            "crm/contacts",
            "events",
            "imports",
            "instances",
            "webhooks",
        ] {
            let page = api.get(&format!("/v1/{list}")).await.ok(200);
            assert_ne!(page["data"], json!([]), "{list}");
            shown.push((list.to_owned(), page));
        }
        let received = receiver.received();
        let body = serde_json::from_slice(&received.first().expect("an event").body).expect("JSON");
        shown.push(("received".to_owned(), body));
        let made_at = database.rows("select created_at::text from event_types").await;
        let made_at: String = made_at[0].get(0);
        let mut all: Vec<_> = shown
            .iter()
            .flat_map(|(place, value)| times(place, value))
            .collect();
        all.push(("event type".to_owned(), made_at));
        assert!(all.len() > 25, "{all:?}");
        for (place, time) in all {
            let away = distance(&database, &format!("'{time}'::timestamptz")).await;
            assert!(away < 100.0, "{place}: {time} is {away} s away, {off}");
        }
    }
}
