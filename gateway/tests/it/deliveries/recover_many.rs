//! `POST /v1/webhooks/{id}/recover` of very many failures.

use serde_json::{Value, json};

use stage::{Database, Desk, Hook, Receiver, SOON, desk::text, eventually};

const COUNT: i64 = 100_000;
const SINCE: &str = "2020-01-01T00:00:00Z";

/// An endpoint for which this many deliveries have failed, each of an event of its own; they are written as an outage
/// of days leaves them. It is disabled, so that what is recovered waits.
async fn scene(desk: &Desk, database: &Database, count: i64) -> (Hook, Receiver) {
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({"real": true})).await;
    desk.delivery_that(&id, "succeeded").await;
    desk.api
        .patch(&hook.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    let webhook = &hook.id[3..];
    let statement = format!(
        "insert into events (id, workspace_id, type, owner, data)
         select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7'
                 || substr(replace(gen_random_uuid()::text, '-', ''), 14, 19))::uuid, e.workspace_id, e.type, e.owner,
                json_build_object('n', n)::text
         from generate_series(1, {count}) n, (select * from events limit 1) e;
         insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count, attempts)
         select id, workspace_id, '{webhook}', id, type, 2, 5, '' from events where data like '{{\"n\"%';
         analyze deliveries"
    );
    database.run(&statement).await;
    (hook, receiver)
}

async fn recover(desk: &Desk, hook: &Hook, key: &str) -> Value {
    let call = desk.api.post_call(&hook.at("recover"), &json!({"since": SINCE}));
    call.header("idempotency-key", key).send().await.ok(202)
}

#[tokio::test]
async fn a_hundred_thousand_at_once_and_once() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let (hook, receiver) = scene(&desk, &database, COUNT).await;
    // Two at once do it once between them, and the endpoint can be changed meanwhile.
    let (first, second, patched) = tokio::join!(
        recover(&desk, &hook, "first"),
        recover(&desk, &hook, "second"),
        async {
            desk.api
                .patch(&hook.path(), &json!({"description": "being recovered"}))
                .await
                .ok(200)
        }
    );
    assert_eq!(patched["description"], "being recovered");
    let counts = [&first["count"], &second["count"]].map(|count| count.as_i64().expect("a count"));
    assert_eq!(counts.iter().sum::<i64>(), COUNT, "{counts:?}");
    assert!(counts.contains(&0), "{counts:?}");
    // The same key gives the same reply, and another key finds nothing left.
    assert_eq!(recover(&desk, &hook, "first").await, first);
    assert_eq!(recover(&desk, &hook, "third").await["count"], 0);
    let waiting = "select count(*) from scheduled_deliveries s join deliveries d on d.id = s.delivery_id
                   where d.status = 0 and d.redelivery_of is not null and s.due_at is null";
    database.expect_count(waiting, COUNT).await;
    let distinct = "select count(distinct redelivery_of) from deliveries";
    assert_eq!(database.count(distinct).await, COUNT, "each once");
    let trail = desk.api.get("/v1/audit?action=webhook.recovered").await.ok(200);
    assert_eq!(
        trail["data"].as_array().expect("entries").len(),
        3,
        "one for each that was run"
    );
    // They go out as the endpoint takes them.
    desk.api
        .patch(&hook.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    receiver.wait_long_for(1_000, SOON * 2).await;
}

#[tokio::test]
async fn one_that_breaks_off_has_done_nothing() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let (hook, _receiver) = scene(&desk, &database, 12_000).await;
    // The third chunk fails.
    database
        .run(
            "create sequence taken;
             create function refuse() returns trigger language plpgsql as $$ begin
                 if nextval('taken') > 11000 then raise 'the disk is full'; end if;
                 return new;
             end $$;
             create trigger refuse before insert on scheduled_deliveries
             for each row execute function refuse()",
        )
        .await;
    let call = desk.api.post_call(&hook.at("recover"), &json!({"since": SINCE}));
    let reply = call.header("idempotency-key", "same").send().await;
    assert!(reply.status >= 500, "{}", reply.status);
    database
        .expect_count("select count(*) from scheduled_deliveries", 0)
        .await;
    database
        .expect_count(
            "select count(*) from deliveries where redelivery_of is not null",
            0,
        )
        .await;
    database.run("drop trigger refuse on scheduled_deliveries").await;
    eventually("the same key may be used again", SOON, || async {
        let call = desk.api.post_call(&hook.at("recover"), &json!({"since": SINCE}));
        let reply = call.header("idempotency-key", "same").send().await;
        match reply.status {
            202 => {
                assert_eq!(reply.json()["count"], 12_000);
                true
            }
            _ => false,
        }
    })
    .await;
    let shown = desk.api.get(&hook.at("deliveries?status=pending")).await.ok(200);
    assert!(text(&shown["data"][0], "redelivery_of").starts_with("dlv_"));
}

#[tokio::test]
async fn an_endpoint_can_be_changed_while_a_recovery_holds_it() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let recovering = database.session().await;
    recovering
        .batch_execute("begin; select from webhooks for key share")
        .await
        .expect("held");
    let change = json!({"description": "being recovered"});
    desk.api.patch(&hook.path(), &change).await.ok(200);
}
