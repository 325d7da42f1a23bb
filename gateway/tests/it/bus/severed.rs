//! A way to PostgreSQL that breaks in the middle of a commit: before the server has heard of it, or after it is done
//! and before the client hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::db::Db;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use stage::Database;

/// When the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    BeforeTheCommit,
    AfterTheCommit,
}

/// A proxy before a database. While it is armed, every connection through it breaks at its first COMMIT.
pub struct Severed {
    url: String,
    is_cut: Arc<AtomicBool>,
    is_armed: Arc<AtomicBool>,
}

impl Severed {
    /// A proxy that is armed from the start.
    pub async fn before(database: &Database, cut: Cut) -> Self {
        let severed = Self::unarmed(database, cut).await;
        severed.arm(true);
        severed
    }

    /// A proxy that breaks nothing until it is armed.
    pub async fn unarmed(database: &Database, cut: Cut) -> Self {
        let url = database.url();
        let (head, rest) = url.split_once("127.0.0.1:").expect("over TCP");
        let (port, name) = rest.split_once('/').expect("a name");
        let server = format!("127.0.0.1:{port}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let is_cut = Arc::new(AtomicBool::new(false));
        let is_armed = Arc::new(AtomicBool::new(false));
        let severed = Self {
            url: format!("{head}{address}/{name}"),
            is_cut: is_cut.clone(),
            is_armed: is_armed.clone(),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("PostgreSQL listens");
                tokio::spawn(relay(client, server, cut, is_cut.clone(), is_armed.clone()));
            }
        });
        severed
    }

    /// Has connections break, or spares them.
    pub fn arm(&self, is_armed: bool) {
        self.is_armed.store(is_armed, Ordering::SeqCst);
    }

    /// The address of the database behind it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections through it.
    pub fn db(&self) -> Db {
        let text = format!("[database]\npool_size = 2\nurl = \"{}\"\n", self.url);
        let config = Config::parse(&text, []).expect("valid");
        app::database(&config).expect("an address")
    }

    /// Whether a connection was cut.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }
}

async fn relay(
    client: TcpStream,
    server: TcpStream,
    cut: Cut,
    is_cut: Arc<AtomicBool>,
    is_armed: Arc<AtomicBool>,
) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let committing = CancellationToken::new();
    let ended = CancellationToken::new();
    let up = relay_up(
        from_client,
        to_server,
        cut,
        &is_armed,
        committing.clone(),
        ended.clone(),
    );
    let down = async {
        relay_down(from_server, to_client, committing.clone()).await;
        ended.cancel();
    };
    tokio::join!(up, down);
    is_cut.fetch_or(committing.is_cancelled(), Ordering::SeqCst);
}

async fn relay_up(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    cut: Cut,
    is_armed: &AtomicBool,
    committing: CancellationToken,
    ended: CancellationToken,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let piece = &buffer[..count];
        let is_commit = is_armed.load(Ordering::SeqCst) && piece.windows(7).any(|seven| seven == b"COMMIT\0");
        if is_commit {
            committing.cancel();
            if cut == Cut::BeforeTheCommit {
                return;
            }
        }
        if to.write_all(piece).await.is_err() {
            return;
        }
        if is_commit {
            // Both halves stay open, so that the server ends its work and answers.
            return ended.cancelled().await;
        }
    }
    // The client has gone, and so goes the session.
}

async fn relay_down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, committing: CancellationToken) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // The answer to the commit, or the server's end of a connection that was cut before it.
        if committing.is_cancelled() || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
