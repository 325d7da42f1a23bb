//! Connections: a pool for short work, and dedicated ones for tasks that keep theirs.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config as PgConfig, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::DbError;
use super::tls::{self, SetupError};
use crate::base::secret::Secret;
use crate::config::{Database, PostgresAddress};

/// How long to wait for a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for a place in the pool.
const PLACE_TIMEOUT: Duration = Duration::from_secs(3);
/// Silence of a broken network after which the system gives a connection up.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(10);
/// The server ends a transaction whose client has vanished without a word, and frees the locks that it holds. It compiles
/// no statement: each is a few steps in indexes, which the planner takes for more where a range of ids is all it knows, and
/// compiling takes hundreds of times as long as they do.
const POOLED: &str = "set idle_in_transaction_session_timeout = '50s'; set jit = off";

/// A pooled connection.
pub type Client = Object;

/// A connection that its owner keeps, with the task that drives it.
pub struct Dedicated {
    client: tokio_postgres::Client,
    driver: tokio::task::JoinHandle<()>,
}

impl std::ops::Deref for Dedicated {
    type Target = tokio_postgres::Client;
    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl std::ops::DerefMut for Dedicated {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}

impl Drop for Dedicated {
    fn drop(&mut self) {
        // Ends the session at once, also when the server does not answer.
        self.driver.abort();
    }
}

/// The database.
#[derive(Clone)]
pub struct Db {
    settings: PgConfig,
    tls: MakeRustlsConnect,
    pool: Pool,
}

type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

impl Db {
    /// Prepares a pool of at most `size` connections to `url`; none is opened yet.
    pub fn new(url: &Secret<String>, size: usize, database: &Database) -> Result<Self, SetupError> {
        let address = PostgresAddress::parse(url.expose()).map_err(SetupError::Address)?;
        let roots = address
            .root_certificate_file
            .or_else(|| database.root_certificate_file.clone());
        let tls = tls::connector(address.tls, roots.as_deref())?;
        let mut settings = address.settings;
        settings
            .application_name("gateway")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(NETWORK_TIMEOUT)
            .keepalives_idle(NETWORK_TIMEOUT);
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(settings.clone(), tls.clone(), recycling);
        let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(POOLED).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(PLACE_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .post_create(prepare)
            .build()
            .map_err(|fault| SetupError::Pool(fault.to_string()))?;
        Ok(Self { settings, tls, pool })
    }

    /// A connection from the pool.
    pub async fn client(&self) -> Result<Client, DbError> {
        self.pool.get().await.map_err(|fault| match fault {
            PoolError::Backend(fault) | PoolError::PostCreateHook(HookError::Backend(fault)) => fault.into(),
            other => DbError::Away(other.to_string()),
        })
    }

    /// A connection of one's own.
    pub async fn connect(&self) -> Result<Dedicated, DbError> {
        let (client, connection) = self.handshake().await?;
        let driver = tokio::spawn(async move {
            if let Err(fault) = connection.await {
                tracing::debug!(%fault, "a database connection ended");
            }
        });
        Ok(Dedicated { client, driver })
    }

    /// A connection of one's own that calls `notified` for each notification, and once when it ends.
    pub async fn connect_listening(
        &self,
        notified: impl Fn() + Send + 'static,
    ) -> Result<Dedicated, DbError> {
        let (client, mut connection) = self.handshake().await?;
        let driver = tokio::spawn(async move {
            let messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            let mut messages = std::pin::pin!(messages);
            while let Some(Ok(message)) = futures_util::StreamExt::next(&mut messages).await {
                if matches!(message, tokio_postgres::AsyncMessage::Notification(_)) {
                    notified();
                }
            }
            notified();
        });
        Ok(Dedicated { client, driver })
    }

    async fn handshake(&self) -> Result<(tokio_postgres::Client, Connection<Socket, Encrypted>), DbError> {
        let connecting = self.settings.connect(self.tls.clone());
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(DbError::Away("connecting timed out".into())),
        }
    }
}

/// A connection that was taken out of its pool for good: what its session holds ends with it.
pub type Detached = deadpool_postgres::ClientWrapper;

/// Takes a connection out of its pool.
pub fn detach(client: Client) -> Detached {
    Object::take(client)
}

/// Begins a transaction on a pooled connection; dropped without a commit, it is rolled back.
pub async fn begin(client: &mut Client) -> Result<tokio_postgres::Transaction<'_>, DbError> {
    let client: &mut tokio_postgres::Client = client;
    Ok(client.transaction().await?)
}
