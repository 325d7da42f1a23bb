//! A log that cannot be written: no request waits or fails because of it, and what is lost is counted.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

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
            dropped(gateway).await > 0.0
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

async fn dropped(gateway: &Gateway) -> f64 {
    gateway
        .metric("gateway_log_lines_dropped_total")
        .await
        .unwrap_or(0.0)
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
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let database = Cluster::shared().database().await;
    let gateway = Gateway::start_unheard(&database.url(), &LOUD, writer).await;
    eventually("lines are dropped", SOON * 5, || async {
        for _ in 0..50 {
            gateway.anonymous().get("/v1/whoami").await;
        }
        dropped(&gateway).await > 0.0
    })
    .await;
    let read = Arc::new(Mutex::new(String::new()));
    let text = read.clone();
    let reading = tokio::task::spawn_blocking(move || {
        for line in BufReader::new(reader).lines() {
            let mut text = text.lock().expect("unpoisoned");
            text.push_str(&line.expect("UTF-8"));
            text.push('\n');
        }
    });
    let told = "log lines could not be written and were dropped";
    eventually(told, SOON, || async {
        read.lock().expect("unpoisoned").contains(told)
    })
    .await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
    drop(gateway);
    reading.await.expect("read");
    let text = read.lock().expect("unpoisoned");
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
    let panics = "gateway_dispatch_panics_total{place=\"event\"}";
    gateway.wait_for_metric(panics, 3.0).await;
    assert!(gateway.is_running());
}
