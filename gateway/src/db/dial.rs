//! How a session is opened: TLS, its settings in the start-up packet, and what to do where a pooler refuses these.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Config as PgConfig, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::Purpose;

/// How long to wait for a new connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Silence of a broken network after which the system gives a connection up.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
type Opened = (Client, Connection<Socket, Encrypted>);

/// Opens sessions of one address.
#[derive(Clone)]
pub(super) struct Dialer {
    settings: PgConfig,
    /// The options of the address.
    given: String,
    tls: MakeRustlsConnect,
    /// A pooler in between does not take options: sessions get their settings by statements.
    drops_options: Arc<AtomicBool>,
}

impl Dialer {
    /// Opens sessions at the address `settings`, with the `given` options.
    pub(super) fn new(mut settings: PgConfig, given: String, tls: MakeRustlsConnect) -> Self {
        settings
            .application_name(application_name())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(NETWORK_TIMEOUT)
            .keepalives_idle(NETWORK_TIMEOUT / 2)
            .keepalives_interval(Duration::from_secs(3))
            .keepalives_retries(3);
        Self {
            settings,
            given,
            tls,
            drops_options: Arc::default(),
        }
    }

    pub(super) const fn settings(&self) -> &PgConfig {
        &self.settings
    }

    /// Opens a session. `drive` runs its connection.
    pub(super) async fn dial(
        &self,
        purpose: Purpose,
        drive: impl FnOnce(Connection<Socket, Encrypted>) -> JoinHandle<()>,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, connection) = self.open(purpose).await?;
        let driver = drive(connection);
        if self.drops_options.load(Ordering::Relaxed) {
            client.batch_execute(&purpose.statements(&self.given)).await?;
        }
        Ok((client, driver))
    }

    async fn open(&self, purpose: Purpose) -> Result<Opened, Error> {
        if !self.drops_options.load(Ordering::Relaxed) {
            let mut settings = self.settings.clone();
            settings.options(purpose.options(&self.given));
            match settings.connect(self.tls.clone()).await {
                Err(fault) if refuses_options(&fault) => {
                    tracing::info!(%fault, "a pooler passes no options on; sessions are set up by statements");
                    self.drops_options.store(true, Ordering::Relaxed);
                }
                opened => return opened,
            }
        }
        self.settings.connect(self.tls.clone()).await
    }

    /// Opens a session of which nothing is asked but to be looked at.
    pub(super) async fn open_bare(&self) -> Result<Opened, Error> {
        self.open(Purpose::Migration).await
    }

    /// Notes that options do not arrive, although nobody refuses them.
    pub(super) fn note_dropped_options(&self) {
        self.drops_options.store(true, Ordering::Relaxed);
    }

    /// Has the server end what a session does that nobody waits for any more. Closing the connection would not: a commit
    /// that waits for a standby looks at neither socket nor time limits.
    pub(super) async fn cancel(&self, session: CancelToken) {
        let cancelling = session.cancel_query(self.tls.clone());
        match tokio::time::timeout(CONNECT_TIMEOUT, cancelling).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::debug!(%fault, "a session that was given up could not be cancelled"),
            Err(_) => tracing::debug!("a session that was given up could not be cancelled in time"),
        }
    }
}

impl deadpool_postgres::Connect for PooledDialer {
    fn connect(
        &self,
        _settings: &PgConfig,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.dialer.dial(self.purpose, drive))
    }
}

/// Opens the sessions of a pool.
pub(super) struct PooledDialer {
    pub dialer: Dialer,
    pub purpose: Purpose,
}

/// Runs a connection until it ends.
pub(super) fn drive(connection: Connection<Socket, Encrypted>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(fault) = connection.await {
            tracing::debug!(%fault, "a database connection ended");
        }
    })
}

/// By this the sessions of this process are known to others: who finds its owner dead ends them all.
pub fn application_name() -> &'static str {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| format!("gateway-{:08x}", fastrand::u32(..)))
}

/// What `PgBouncer` (08P01) and managed proxies (0A000) say of options in the start-up packet.
fn refuses_options(fault: &Error) -> bool {
    fault
        .code()
        .is_some_and(|code| *code == SqlState::PROTOCOL_VIOLATION || *code == SqlState::FEATURE_NOT_SUPPORTED)
}
