//! A log that cannot be written: no request waits or fails because of it, and what is lost is counted.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use stage::{Cluster, Desk, Gateway, Receiver, SOON, eventually};

/// Everything is logged, so that a reader who stalls is noticed soon.
const LOUD: [(&str, &str); 3] = [
    ("GATEWAY_TELEMETRY__LOG_LEVEL", "trace"),
    ("GATEWAY_TELEMETRY__ACCESS_LOG", "all"),
    ("GATEWAY_SERVER__DRAIN_SECONDS", "5"),
];

/// Accepts and delivers until lines were dropped, and ends as ever.
async fn works_without_its_log(errors: Stdio) {
    let database = Cluster::shared().database().await;
    let gateway = Gateway::start_unheard(&database.url(), &LOUD, errors).await;
    let desk = Desk::at(&gateway, &database).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let mut sent = 0;
    eventually("lines are dropped", SOON * 5, || {
        sent += 10;
        let (desk, gateway) = (&desk, &gateway);
        async move {
            for _ in 0..10 {
                desk.send("deal.won", json!({})).await;
            }
            dropped(gateway).await > 0
        }
    })
    .await;
    for _ in 0..20 {
        desk.send("deal.won", json!({})).await;
    }
    receiver.wait_for(sent + 20).await;
    gateway.wait_until_ready().await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
}

async fn dropped(gateway: &Gateway) -> u64 {
    let metrics = gateway.operations("/metrics").await;
    let name = "gateway_log_lines_dropped_total ";
    let count = metrics.text().lines().find_map(|line| line.strip_prefix(name));
    count.map_or(0, |count| count.parse().expect("a count"))
}

#[tokio::test]
async fn the_disk_is_full() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux");
    works_without_its_log(full.into()).await;
}

#[tokio::test]
async fn the_reader_is_gone() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    works_without_its_log(writer.into()).await;
}

#[tokio::test]
async fn the_reader_stalls() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    works_without_its_log(writer.into()).await;
    drop(reader);
}

#[tokio::test]
async fn a_reader_that_resumes_sees_how_many_lines_were_dropped() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let database = Cluster::shared().database().await;
    let gateway = Gateway::start_unheard(&database.url(), &LOUD, writer).await;
    eventually("lines are dropped", SOON * 5, || async {
        for _ in 0..50 {
            gateway.anonymous().get("/v1/whoami").await;
        }
        dropped(&gateway).await > 0
    })
    .await;
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).expect("read");
        String::from_utf8(text).expect("UTF-8")
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
    drop(gateway);
    let text = reading.await.expect("read");
    let told = "log lines could not be written and were dropped";
    assert!(text.contains(told), "{} bytes without a word", text.len());
    assert!(text.ends_with('\n') && text.contains("stopped"));
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn panics_are_logged_and_need_no_reader() {
    let (gateway, _database, desk) = Desk::own(&[("GATEWAY_FAIL_POINT", "dispatch:panic")]).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    desk.send("deal.won", json!({})).await;
    eventually("the panic is logged", SOON, || async {
        let log = gateway.log();
        log.lines()
            .any(|line| line.contains("ERROR panicked") && line.contains("fanout.rs"))
    })
    .await;
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let database = Cluster::shared().database().await;
    let panics = [("GATEWAY_FAIL_POINT", "dispatch:panic")];
    let gateway = Gateway::start_unheard(&database.url(), &panics, writer).await;
    let desk = Desk::at(&gateway, &database).await;
    desk.hook(&receiver, &["deal.won"]).await;
    for _ in 0..3 {
        desk.send("deal.won", json!({})).await;
    }
    eventually("the panics are counted", SOON, || async {
        let metrics = gateway.operations("/metrics").await;
        metrics
            .text()
            .contains("gateway_dispatch_panics_total{place=\"event\"} 3")
    })
    .await;
    assert!(gateway.is_running());
}
