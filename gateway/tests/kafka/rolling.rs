//! A deployment under load: two gateways behind a load balancer, restarted one after the other by `scripts/fleet`, as an
//! operator would.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::receipts::{all_arrive, quiet};
use stage::load::{LABEL, Load};
use stage::{Api, Cluster, Database, Receiver, until, warden};

/// A broker, two gateways of a debug build and a load balancer on a busy machine.
const UP: Duration = Duration::from_secs(120);

struct Fleet {
    script: Child,
    environment: Vec<(&'static str, String)>,
    folder: std::path::PathBuf,
    api: Api,
    database: Database,
}

impl Fleet {
    async fn start(bus: &str, port: u16) -> Self {
        let database = Cluster::shared().database().await;
        let folder = warden::folder().join(format!("fleet-{bus}"));
        let environment = vec![
            ("BUS", bus.to_owned()),
            ("PORT", port.to_string()),
            ("DATABASE_URL", database.url()),
            ("GATEWAY", env!("CARGO_BIN_EXE_gateway").to_owned()),
        ];
        let script = script(&environment, "start", &folder)
            .spawn()
            .expect("the script");
        let key_file = folder.join("key");
        let key = until("the fleet is up", UP, || async {
            let key = std::fs::read_to_string(&key_file).ok()?;
            (key.trim().len() == 67).then(|| key.trim().to_owned())
        })
        .await;
        let api = Api::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Some(&key));
        // Two instances are behind it, and both have to know the key.
        for _ in 0..4 {
            until("the key works", UP, || async {
                (api.get("/v1/whoami").await.status == 200).then_some(())
            })
            .await;
        }
        Self {
            script,
            environment,
            folder,
            api,
            database,
        }
    }

    async fn restart(&self) {
        let mut command = script(&self.environment, "restart", &self.folder);
        let restarted = tokio::task::spawn_blocking(move || command.output().expect("the script"));
        let restarted = restarted.await.expect("ended");
        assert!(restarted.status.success(), "{restarted:?}");
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        warden::signal(self.script.id(), "TERM");
        let _ = self.script.wait();
    }
}

fn script(environment: &[(&'static str, String)], what: &str, folder: &Path) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace");
    let mut command = Command::new(root.join("scripts/fleet"));
    command
        .args([what.as_ref(), folder.as_os_str()])
        .envs(environment.iter().map(|(key, value)| (*key, value.as_str())))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

async fn restart_under_load(bus: &str, port: u16) {
    let fleet = Fleet::start(bus, port).await;
    let receiver = Receiver::start().await;
    let hook = json!({"name": "hook", "url": receiver.url(), "events": [LABEL]});
    fleet.api.post("/v1/webhooks", &hook).await.ok(201);
    fleet.database.wait_until_known().await;
    let load = Load::start(&[&fleet.api], 8);
    load.advance(200).await;
    fleet.restart().await;
    load.advance(200).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused.first());
    assert!(sent.unanswered.is_empty(), "{:?}", sent.unanswered.first());
    all_arrive(&receiver, &sent).await;
    quiet(&receiver).await;
    let repeats = all_arrive(&receiver, &sent).await;
    assert_eq!(repeats, 0, "nobody died, so nothing was sent twice");
}

#[tokio::test]
async fn on_kafka_no_request_fails_and_nothing_is_sent_twice() {
    restart_under_load("kafka", 21_300).await;
}

#[tokio::test]
async fn on_postgres_no_request_fails_and_nothing_is_sent_twice() {
    restart_under_load("postgres", 21_400).await;
}
