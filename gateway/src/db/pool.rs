//! Connections: a pool for short work, and dedicated ones for tasks that keep theirs.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::{Config as PgConfig, NoTls};

use super::error::DbError;
use crate::base::secret::Secret;

/// How long to wait for a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for a place in the pool.
const PLACE_TIMEOUT: Duration = Duration::from_secs(3);
/// Silence of a broken network after which the system gives a connection up.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(10);

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
    pool: Pool,
}

impl Db {
    /// Prepares a pool of at most `size` connections; none is opened yet.
    pub fn new(url: &Secret<String>, size: usize) -> Result<Self, DbError> {
        let mut settings =
            PgConfig::from_str(url.expose()).map_err(|_| DbError::Away("bad address".into()))?;
        settings
            .application_name("gateway")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(NETWORK_TIMEOUT)
            .keepalives_idle(NETWORK_TIMEOUT);
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(settings.clone(), NoTls, recycling);
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(PLACE_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .build()
            .map_err(|fault| DbError::Away(fault.to_string()))?;
        Ok(Self { settings, pool })
    }

    /// A connection from the pool.
    pub async fn client(&self) -> Result<Client, DbError> {
        self.pool.get().await.map_err(|fault| match fault {
            PoolError::Backend(fault) => fault.into(),
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

    async fn handshake(
        &self,
    ) -> Result<
        (
            tokio_postgres::Client,
            tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>,
        ),
        DbError,
    > {
        let connecting = self.settings.connect(NoTls);
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
