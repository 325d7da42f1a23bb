//! History and analytics.

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::maintenance::{self, Retention};
use serde_json::{Value, json};

use stage::Desk;
use stage::desk::{all_pages, text};

use super::{id_in, plain, report};

#[tokio::test]
async fn the_history_is_newest_first_and_has_its_filters() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    for state in ["happy", "sad", "sick", "sad", "happy"] {
        report(&desk, &path, state).await;
    }
    let at = |rest: &str| format!("{path}/history{rest}");
    let all = all_pages(&desk.api, &at(""), 2).await;
    let states: Vec<String> = all.iter().map(|entry| text(entry, "state")).collect();
    assert_eq!(states, ["happy", "sad", "sick", "sad", "happy"]);
    let mut fields: Vec<&str> = all[0]
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "actor",
            "at",
            "history_note",
            "id",
            "latest_record_at",
            "meta",
            "private_entry",
            "reason",
            "reported_state",
            "source",
            "state",
            "user_message"
        ]
    );
    assert!(text(&all[0], "id").starts_with("his_"));
    let me = desk.api.get("/v1/whoami").await.ok(200);
    assert_eq!(
        all[0]["actor"],
        json!({"key_id": me["key_id"], "key_name": me["name"]})
    );
    let sad = all_pages(&desk.api, &at("?state=sad"), 1).await;
    assert_eq!(sad.len(), 2);
    let middle = text(&all[2], "at");
    let since = all_pages(&desk.api, &at(&format!("?since={middle}")), 50).await;
    let until = all_pages(&desk.api, &at(&format!("?until={middle}")), 50).await;
    assert_eq!(since.len() + until.len(), 5);
    assert!(since.contains(&all[2]) && !until.contains(&all[2]));
    let cursor = desk.api.get(&at("?limit=1")).await.ok(200);
    let cursor = text(&cursor, "next_cursor");
    desk.api
        .get(&at(&format!("?state=sad&cursor={cursor}")))
        .await
        .problem(422, "cursor_invalid");
}

#[tokio::test]
async fn analytics_cover_the_range_without_gaps() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    let at = format!("{path}/analytics");
    let empty = desk.api.get(&at).await.ok(200);
    assert_eq!(
        (&empty["range"], &empty["share"]["none"]),
        (&json!("7d"), &json!(1.0))
    );
    for orders in 0..3 {
        let body = json!({"state": "sad", "meta": {"latest_record_at": 1_700_000_000, "counts": {"orders": orders}}});
        desk.api.post(&path, &body).await.ok(200);
    }
    let (_, database) = stage::Gateway::shared().await;
    let uuid = id_in(&path).replace("sen_", "");
    // The reports were a quarter of a day ago.
    database
        .run(&format!(
            "update sentry_history set at = at - interval '6 hours' where sentry_id = '{uuid}'"
        ))
        .await;
    let told = desk.api.get(&format!("{at}?range=24h")).await.ok(200);
    let states = told["states"].as_array().expect("states");
    let names: Vec<&Value> = states.iter().map(|stretch| &stretch["state"]).collect();
    assert_eq!(names, [&Value::Null, &json!("sad")]);
    assert_eq!(states[0]["to"], states[1]["from"]);
    let share = |name: &str| told["share"][name].as_f64().expect("a number");
    let sum: f64 = ["happy", "sad", "sick", "none"].map(share).iter().sum();
    assert!(
        (sum - 1.0).abs() < 1e-9 && (share("sad") - 0.25).abs() < 0.01,
        "{told}"
    );
    assert_eq!((&told["reports"], &told["state_changes"]), (&json!(3), &json!(1)));
    assert_eq!(told["latest_record"].as_array().map(Vec::len), Some(3));
    let point = &told["latest_record"][0];
    assert!(point["lag_seconds"].as_f64().expect("a number") > 1e6);
    let values: Vec<&Value> = told["counts"]["orders"]
        .as_array()
        .expect("points")
        .iter()
        .map(|point| &point["value"])
        .collect();
    assert_eq!(values, [&json!(0), &json!(1), &json!(2)]);
    for bad in ["range=1h", "range=", "x=1"] {
        desk.api.get(&format!("{at}?{bad}")).await.refusal(422);
    }
}

#[tokio::test]
async fn old_entries_go_and_so_do_those_of_a_deleted_sentry() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let (kept, gone) = (plain(&desk).await, plain(&desk).await);
    report(&desk, &kept, "sad").await;
    report(&desk, &gone, "sad").await;
    let fill = |path: &str, days: u32, count: u32| {
        let uuid = id_in(path).replace("sen_", "");
        format!(
            "insert into sentry_history (sentry_id, at, id, source, private_entry, meta)
             select '{uuid}', now() - interval '{days} days' - number * interval '1 second', gen_random_uuid(),
                 'report', false, '{{}}' from generate_series(1, {count}) as number"
        )
    };
    database.run(&fill(&kept, 399, 10)).await;
    database.run(&fill(&kept, 401, 25_000)).await;
    database.run(&fill(&gone, 1, 7_000)).await;
    desk.api.delete(&gone).await.no_content();
    let left = async || database.ask("select count(*) from sentry_history").await;
    // What goes at once is bounded; nobody sees the rest.
    assert_eq!(left().await, (1 + 10 + 25_000 + 2_001).to_string());
    desk.api
        .get(&format!("{gone}/history"))
        .await
        .problem(404, "not_found");
    let url = [("GATEWAY_DATABASE__URL".to_owned(), database.url())];
    let config = Config::parse("", url).expect("a configuration");
    let db = app::database(&config).expect("a database");
    maintenance::tidy(&db, Retention::of(&config))
        .await
        .expect("tidied");
    assert_eq!(left().await, "11");
    assert_eq!(database.ask("select count(*) from deleted_sentries").await, "0");
}
