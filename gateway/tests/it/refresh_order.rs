//! Two reads of the same rows at once: what was read last stays in memory, whichever answer comes first.

use std::sync::Arc;
use std::time::Duration;

use gateway::facade::app;
use gateway::facade::base::{WebhookId, WorkspaceId};
use gateway::facade::config::Config;
use gateway::facade::events::EventTypes;
use gateway::facade::webhooks::{Registry, Vault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use stage::{Cluster, Database, Desk, Receiver};

/// Long enough for a read that waits for no other.
const A_READ: Duration = Duration::from_secs(2);

/// A session whose first rows are held back, once the server has sent them, until they are let through.
struct Held {
    client: Client,
    is_held: watch::Receiver<bool>,
    let_through: watch::Sender<bool>,
}

impl Held {
    async fn open(database: &Database) -> Self {
        let url = database.url();
        let (head, rest) = url.split_once("127.0.0.1:").expect("over TCP");
        let (port, name) = rest.split_once('/').expect("a name");
        let server = TcpStream::connect(format!("127.0.0.1:{port}"))
            .await
            .expect("PostgreSQL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (holding, is_held) = watch::channel(false);
        let (let_through, mut may_pass) = watch::channel(false);
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.expect("a client");
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let up = tokio::io::copy(&mut from_client, &mut to_server);
            let down = async {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
                    let piece = &buffer[..count];
                    if ends_a_statement(piece) {
                        holding.send_replace(true);
                        may_pass.wait_for(|may| *may).await.expect("the test goes on");
                    }
                    to_client.write_all(piece).await.expect("written");
                }
            };
            tokio::join!(up, down)
        });
        let (client, connection) = tokio_postgres::connect(&format!("{head}{address}/{name}"), NoTls)
            .await
            .expect("a session");
        tokio::spawn(connection);
        Self {
            client,
            is_held,
            let_through,
        }
    }

    /// Begins `read` on this session, makes a `change` once the server has answered it, reads `again`, and only then lets
    /// the first answer through.
    async fn overtake<R>(
        self,
        read: impl FnOnce(Client) -> R,
        change: impl Future<Output = ()>,
        again: impl Future<Output = ()> + Send + 'static,
    ) where
        R: Future<Output = ()> + Send + 'static,
    {
        let Self {
            client,
            mut is_held,
            let_through,
        } = self;
        let reading = tokio::spawn(read(client));
        is_held.wait_for(|held| *held).await.expect("an answer");
        change.await;
        let again = tokio::spawn(again);
        // It is done, or waits for the first.
        for _ in 0..100 {
            if !again.is_finished() {
                tokio::time::sleep(A_READ / 100).await;
            }
        }
        let_through.send_replace(true);
        reading.await.expect("read");
        again.await.expect("read");
    }
}

/// Whether one of the server's messages is a `CommandComplete`.
fn ends_a_statement(mut piece: &[u8]) -> bool {
    while let [kind, a, b, c, d, ..] = *piece {
        if kind == b'C' {
            return true;
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        piece = piece.get(1 + length..).unwrap_or_default();
    }
    false
}

#[tokio::test]
async fn event_types_are_those_that_were_read_last() {
    let database = Cluster::shared().database().await;
    let types = Arc::new(EventTypes::default());
    let workspace = WorkspaceId(1);
    let refresh = |types: Arc<EventTypes>, client: Client| async move {
        types.refresh(&client, Some(vec![workspace])).await.expect("read");
    };
    let again = refresh(types.clone(), database.session().await);
    let change = database.run(
        "insert into event_types (id, workspace_id, name, description, created_at)
         values (gen_random_uuid(), 1, 'x.made', '', now())",
    );
    let first = types.clone();
    let held = Held::open(&database).await;
    held.overtake(move |client| refresh(first, client), change, again)
        .await;
    assert!(types.names(workspace).contains("x.made"));
}

#[tokio::test]
async fn endpoints_are_as_they_were_read_last() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let text = format!(
        "[database]\nurl = \"{}\"\n[webhooks]\nallow_cidrs = [\"127.0.0.0/8\"]\n",
        database.url()
    );
    let config = Config::parse(&text, []).expect("valid");
    let db = app::database(&config).expect("an address");
    let vault = Vault::open(&db, &config.webhooks).await.expect("a vault");
    let registry = Arc::new(Registry::new(vault, config.webhooks.clone()));
    let id = WebhookId::parse(&hook.id).expect("an id");
    let workspace: i32 = database.rows("select workspace_id from webhooks").await[0].get(0);
    let changed: (WorkspaceId, Uuid) = (WorkspaceId(workspace), id.uuid());
    let refresh = move |registry: Arc<Registry>, client: Client| async move {
        registry.refresh(&client, &[changed]).await.expect("read");
    };
    let again = refresh(registry.clone(), database.session().await);
    let change = database.run("update webhooks set enabled = false");
    let first = registry.clone();
    let held = Held::open(&database).await;
    held.overtake(move |client| refresh(first, client), change, again)
        .await;
    assert!(!registry.find(id).expect("an endpoint").terms.is_enabled);
}
