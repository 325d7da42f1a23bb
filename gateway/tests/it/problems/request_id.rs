//! `X-Request-Id`: echoed if it is sane, else made; the same in header and problem.

use stage::{Desk, desk::text};

#[tokio::test]
async fn a_sane_id_is_echoed_and_any_other_replaced() {
    let desk = Desk::open().await;
    let long = "x".repeat(128);
    for sane in ["a", "req-1/2:3", long.as_str()] {
        let reply = desk
            .api
            .get_call("/v1/whoami")
            .header("x-request-id", sane)
            .send()
            .await;
        assert_eq!(reply.header("x-request-id"), Some(sane));
        let reply = desk
            .api
            .get_call("/v1/nothing")
            .header("x-request-id", sane)
            .send()
            .await;
        assert_eq!(text(&reply.problem(404, "not_found"), "request_id"), sane);
    }
    let longer = "x".repeat(129);
    for insane in ["", "a b", "tab\there", "ümlaut", longer.as_str()] {
        let reply = desk
            .api
            .get_call("/v1/whoami")
            .header("x-request-id", insane)
            .send()
            .await;
        let made = reply.header("x-request-id").expect("an id");
        assert!(
            made != insane && (1..=128).contains(&made.len()),
            "{insane:?}: {made:?}"
        );
    }
}

#[tokio::test]
async fn ids_that_are_made_differ() {
    let desk = Desk::open().await;
    let one = desk.api.get("/v1/whoami").await;
    let two = desk.api.get("/v1/whoami").await;
    assert!(one.header("x-request-id").is_some());
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}
