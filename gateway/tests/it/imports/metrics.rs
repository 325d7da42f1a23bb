//! What operators see of imports.

use stage::{Desk, eventually};

use super::PATIENCE;

const OLDEST: &str = "gateway_imports_oldest_chunk_seconds";

#[tokio::test]
async fn an_import_that_commits_nothing_grows_old() {
    let (gateway, _database, Desk { api, .. }) = Desk::own(&[("GATEWAY_IMPORTS__MAX_RUNNING", "1")]).await;
    let failed = r#"gateway_imports_total{object="contact",status="failed"}"#;
    for line in [
        failed,
        r#"gateway_imports_total{object="deal",status="completed"}"#,
        "gateway_imports_refused_total",
        "gateway_import_retries_total",
        OLDEST,
    ] {
        // From the start: Prometheus sees no increase in what appears with its first count.
        assert_eq!(gateway.metric(line).await, Some(0.0), "{line}");
    }
    let headers = [("content-type", "text/csv"), ("content-length", "1000000")];
    let mut upload = api.begin("POST", "/v1/imports?object=contact", &headers).await;
    upload.write(b"email,city\na@b.c,\nd@e.f,\n").await;
    let age = async || gateway.metric(OLDEST).await.expect("a gauge");
    eventually("an old chunk", PATIENCE, async || age().await > 4.0).await;
    // Each chunk makes it young again.
    upload.write(b"g@h.i,\nj@k.l,\n").await;
    eventually("a chunk", PATIENCE, async || age().await < 4.0).await;
    let refused = api.import("object=deal", b"name\nx\n").await;
    refused.problem(503, "unavailable");
    assert_eq!(gateway.metric("gateway_imports_refused_total").await, Some(1.0));
    drop(upload);
    gateway.wait_for_metric(failed, 1.0).await;
    eventually("no import", PATIENCE, async || age().await == 0.0).await;
}

#[tokio::test]
async fn a_chunk_that_is_tried_again_is_counted() {
    let (gateway, database, Desk { api, .. }) = Desk::own(&[]).await;
    database
        .run(
            "create sequence tries;
             create function disturb() returns trigger language plpgsql as $$ begin
                 if nextval('tries') < 3 then raise exception 'disturbed' using errcode = '40001'; end if;
                 return null;
             end $$;
             create trigger disturbed before insert on import_chunks for each statement execute function disturb()",
        )
        .await;
    let job = api.import("object=contact", b"email\na@b.c\n").await.ok(201);
    assert_eq!(job["status"], "completed");
    assert_eq!(gateway.metric("gateway_import_retries_total").await, Some(2.0));
}

#[tokio::test]
async fn an_import_that_others_disturb_for_too_long_is_contended() {
    let (_gateway, database, Desk { api, .. }) = Desk::own(&[]).await;
    api.import("object=contact", b"email,city\na@b.c,Rome\n")
        .await
        .ok(201);
    // The record is never found where it was read.
    database
        .run(
            "create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
             create trigger kept before update on contacts for each row execute function keep()",
        )
        .await;
    let job = api
        .import("object=contact", b"email,city\na@b.c,Oslo\n")
        .await
        .ok(201);
    assert_eq!(
        (job["status"].as_str(), job["error"]["code"].as_str()),
        (Some("failed"), Some("contended")),
        "{job}"
    );
}
