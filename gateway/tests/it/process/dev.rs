//! `gateway dev` on a server of its own, which it never leaves behind.

use std::time::Duration;

use stage::{Gateway, SOON, eventually};

#[tokio::test]
async fn a_second_signal_stops_its_postgresql_too() {
    let (gateway, folder) = Gateway::launch_dev_alone();
    gateway.wait_until_ready().await;
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    let key = read("key");
    let pid = read("postgres/postmaster.pid");
    let pid = pid.lines().next().expect("a process").to_owned();
    // One that has ended and was not waited for has no command line.
    let runs = || std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    assert!(runs());
    // Half a request holds the drain.
    let headers = [("content-type", "application/json"), ("content-length", "10")];
    let api = gateway.with_key(key.trim());
    let _half = api.begin("POST", "/v1/events", &headers).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    gateway.signal("INT");
    eventually("it stops", SOON, || async { gateway.log().contains("stopping") }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(gateway.is_running() && runs(), "{}", gateway.log());
    gateway.signal("INT");
    assert_eq!(gateway.wait_for_exit(SOON).await.code(), Some(1));
    eventually("PostgreSQL has ended", SOON, || async { !runs() }).await;
}
