//! A record's key that two want at once.

use serde_json::json;

use stage::desk::text;
use stage::{Desk, SOON, eventually};

#[tokio::test]
async fn a_key_that_is_taken_meanwhile_needs_no_second_connection() {
    // As many connections as there are requests: one that waits for another waits for itself.
    let (_gateway, database, desk) = Desk::own(&[("GATEWAY_DATABASE__POOL_SIZE", "2")]).await;
    let mut paths = Vec::new();
    for name in ["ada", "bob"] {
        let body = json!({"email": format!("{name}@example.com")});
        let made = desk.api.post("/v1/crm/contacts", &body).await.ok(201);
        paths.push(format!("/v1/crm/contacts/{}", text(&made, "id")));
    }
    // Somebody else takes the key and has not committed yet, so nobody sees it.
    let other = database.session().await;
    other
        .batch_execute(
            "begin;
             create temporary table taken on commit drop as select * from contacts where email = 'ada@example.com';
             update taken set id = gen_random_uuid(), email = 'eve@example.com', key = replace(key, 'ada@', 'eve@');
             insert into contacts select * from taken",
        )
        .await
        .expect("taken");
    let patches: Vec<_> = paths
        .into_iter()
        .map(|path| {
            let api = desk.api.clone();
            tokio::spawn(async move { api.patch(&path, &json!({"email": "eve@example.com"})).await })
        })
        .collect();
    eventually("both wait for the key", SOON, || async {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        database.rows(waiting).await[0].get::<_, i64>(0) == 2
    })
    .await;
    other.batch_execute("commit").await.expect("committed");
    for patch in patches {
        let problem = patch.await.expect("answered").problem(409, "key_taken");
        text(&problem, "id");
    }
}
