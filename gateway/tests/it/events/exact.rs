//! `data` is passed on, and read back, as sent: no number, escape or key order is altered.

use stage::desk::{a_moment, text};
use stage::{Desk, Receiver, SOON, eventually};

/// Data that any parser in between would bend.
const DELICATE: &[&str] = &[
    r#"{}"#,
    r#"{ "b" : 1.10 ,	"a":12345678901234567890123456789, "c":1e400, "d":-0.0, "e":1E+2 }"#,
    r#"{"z":1,"a":2,"z":3,"a":{"z":1,"z":2}}"#,
    r#"{"nul":"a\u0000b","\u0000":"\u0000"}"#,
    r#"{"escapes":"\/\b\f\n\r\t\u00e9é\ud83d\ude00😀\\\""}"#,
    r#"{"html":"</script><!--&\u2028"}"#,
    "{\"\":\"\",\"line\":[\n1,\r\n2\n]}",
    r#"{"deep":[[[[[[[[[[{"a":[null,true,false]}]]]]]]]]]]}"#,
];

#[tokio::test]
async fn in_delivery_and_in_both_ways_of_reading_back() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    for (nth, data) in DELICATE.iter().enumerate() {
        let sent = format!(" {{\"data\" :\n{data} , \"type\":\"deal.won\"}} ");
        let accepted = desk.api.post_text("/v1/events", &sent).await.ok(202);
        let (id, at) = (text(&accepted, "id"), text(&accepted, "accepted_at"));
        let received = receiver.wait_for(nth + 1).await.remove(nth);
        let body = format!(r#"{{"id":"{id}","type":"deal.won","timestamp":"{at}","data":{data}}}"#);
        assert_eq!(received.text(), body);
        let delivery = receiver.received()[nth].header("x-sentinel-delivery").to_owned();
        eventually("the delivery is recorded", SOON, || async {
            desk.api.get(&format!("/v1/deliveries/{delivery}")).await.status == 200
        })
        .await;
        assert_eq!(text(&desk.delivery(&delivery).await, "request_body"), body);
        let shown = desk.api.get(&format!("/v1/events/{id}")).await;
        assert!(
            shown.text().contains(&format!("\"data\":{data}")),
            "{}",
            shown.text()
        );
    }
    let listed = desk.api.get("/v1/events?limit=200").await;
    for data in DELICATE {
        assert!(listed.text().contains(&format!("\"data\":{data}")), "{data}");
    }
}

#[tokio::test]
async fn at_every_attempt_the_same_bytes() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![
        stage::Act::Status(500),
        stage::Act::Status(500),
        stage::Act::Status(200),
    ])
    .await;
    desk.hook(&receiver, &["deal.won"]).await;
    let sent = format!(r#"{{"type":"deal.won","data":{}}}"#, DELICATE[1]);
    desk.api.post_text("/v1/events", &sent).await.ok(202);
    let received = receiver.wait_for(3).await;
    a_moment().await;
    assert_eq!(receiver.count(), 3);
    assert!(
        received[0]
            .text()
            .ends_with(&format!("\"data\":{}}}", DELICATE[1]))
    );
    assert!(received.iter().all(|one| one.body == received[0].body));
}

#[tokio::test]
async fn data_may_be_as_deep_as_a_body() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    // The body and `data` are two levels.
    let of_levels = |levels: usize| {
        let inner = levels - 2;
        format!(
            r#"{{"type":"deal.won","data":{{"x":{}{}}}}}"#,
            "[".repeat(inner),
            "]".repeat(inner)
        )
    };
    desk.api.post_text("/v1/events", &of_levels(128)).await.ok(202);
    assert!(receiver.only().await.text().contains(&"[".repeat(126)));
    desk.api
        .post_text("/v1/events", &of_levels(129))
        .await
        .problem(400, "malformed_json");
    desk.api
        .post_text("/v1/events", r#"{"type":"deal.won","data":{"x":"\ud800"}}"#)
        .await
        .problem(400, "malformed_json");
    desk.api
        .post_text("/v1/events", r#"{"type":"deal.won","data":{"x":01}}"#)
        .await
        .problem(400, "malformed_json");
}

/// Random JSON of the writer's own, with whatever blanks and escapes.
fn random_json(levels: usize) -> String {
    let blank = || ["", " ", "\n", "\t "][fastrand::usize(..4)];
    match fastrand::usize(..if levels == 0 { 4 } else { 6 }) {
        0 => ["null", "true", "false"][fastrand::usize(..3)].to_owned(),
        1 => format!(
            "{}{}.{:03}e{}",
            ["", "-"][fastrand::usize(..2)],
            fastrand::u32(..),
            fastrand::u16(..999),
            fastrand::u8(..)
        ),
        2 => format!("{}", fastrand::i64(..)),
        3 => {
            let letters = [
                "a",
                "é",
                "\\u0000",
                "\\n",
                "\\\"",
                "\\\\",
                "😀",
                "\\uD83D\\uDE00",
                "{",
                "]",
                "\\/",
            ];
            let chosen: String = (0..fastrand::usize(..8))
                .map(|_| letters[fastrand::usize(..letters.len())])
                .collect();
            format!("\"{chosen}\"")
        }
        4 => {
            let items: Vec<String> = (0..fastrand::usize(..4))
                .map(|_| random_json(levels - 1))
                .collect();
            format!("[{}{}{}]", blank(), items.join(","), blank())
        }
        _ => random_object(levels - 1),
    }
}

fn random_object(levels: usize) -> String {
    let members: Vec<String> = (0..fastrand::usize(..5))
        .map(|_| {
            format!(
                "\"{}\" :{}",
                ["k", "a", "\\u006b", ""][fastrand::usize(..4)],
                random_json(levels)
            )
        })
        .collect();
    format!("{{{}}}", members.join(", "))
}

#[tokio::test]
async fn whatever_the_json() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let seed = fastrand::get_seed();
    let mut sent = Vec::new();
    for _ in 0..60 {
        let data = random_object(4);
        let body = format!(r#"{{"type":"deal.won","data":{data}}}"#);
        let reply = desk.api.post_text("/v1/events", &body).await;
        assert_eq!(reply.status, 202, "seed {seed}: {body}: {:?}", reply.body);
        sent.push((text(&reply.json(), "id"), data));
    }
    let received = receiver.wait_for(sent.len()).await;
    for (id, data) in sent {
        let one = received
            .iter()
            .find(|one| one.header("webhook-id") == id)
            .expect("every event arrives");
        assert!(
            one.text().ends_with(&format!("\"data\":{data}}}")),
            "seed {seed}: {data}"
        );
    }
}
