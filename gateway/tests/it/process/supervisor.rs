//! A supervisor that speaks sd_notify, as systemd does.

use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};

use stage::cluster::Sync;
use stage::{Cluster, Gateway, SOON, eventually, warden};

/// Where the gateway is told to report, and the lines that it sent so far.
struct Supervisor {
    path: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Supervisor {
    fn listen(name: &str) -> Self {
        let path = warden::folder().join(name);
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = heard.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = std::str::from_utf8(&buffer[..length]).expect("UTF-8");
                lines
                    .lock()
                    .expect("unpoisoned")
                    .extend(text.lines().map(str::to_owned));
            }
        });
        let path = path.to_str().expect("UTF-8").to_owned();
        Self { path, heard }
    }

    fn count(&self, line: &str) -> usize {
        let heard = self.heard.lock().expect("unpoisoned");
        heard.iter().filter(|one| *one == line).count()
    }

    async fn wait_for(&self, line: &str, count: usize) {
        eventually(&format!("{count} of {line}"), SOON, || async {
            self.count(line) >= count
        })
        .await;
    }
}

#[tokio::test]
async fn it_hears_when_the_gateway_is_ready_alive_and_stopping() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    cluster.kill();
    let supervisor = Supervisor::listen("supervisor");
    let settings = [
        ("NOTIFY_SOCKET", supervisor.path.as_str()),
        ("WATCHDOG_USEC", "200000"),
    ];
    let gateway = Gateway::launch(&database.url(), &settings);
    supervisor
        .wait_for("STATUS=unready: waits for bus, feed, postgres", 1)
        .await;
    supervisor.wait_for("WATCHDOG=1", 3).await;
    assert_eq!(supervisor.count("READY=1"), 0, "the database is away");

    cluster.restart();
    supervisor.wait_for("READY=1", 1).await;
    assert_eq!(gateway.operations("/readyz").await.status, 200);
    let alive = supervisor.count("WATCHDOG=1");
    supervisor.wait_for("WATCHDOG=1", alive + 3).await;

    assert_eq!(supervisor.count("STOPPING=1"), 0);
    assert_eq!(gateway.terminate().await.code(), Some(0));
    supervisor.wait_for("STOPPING=1", 1).await;
    assert_eq!(supervisor.count("READY=1"), 1);
    assert_eq!(supervisor.count("STOPPING=1"), 1);
    cluster.kill();
}

#[tokio::test]
async fn one_that_is_gone_or_asks_for_nothing_does_no_harm() {
    let database = Cluster::shared().database().await;
    let nowhere = warden::folder().join("nobody");
    let settings = [
        ("NOTIFY_SOCKET", nowhere.to_str().expect("UTF-8")),
        ("WATCHDOG_USEC", "0"),
    ];
    let gateway = Gateway::start(&database.url(), &settings).await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
}
