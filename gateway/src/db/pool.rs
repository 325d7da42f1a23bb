//! Connections: a pool for short work, and dedicated ones for tasks that keep theirs.

use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
    TimeoutType, Timeouts,
};
use metrics::{counter, gauge};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Connection, Socket};

use super::abandon::{is_abandoning, within};
use super::dial::{CONNECT_TIMEOUT, Dialer, Encrypted, PooledDialer, drive};
use super::error::DbError;
use super::session::Purpose;
use super::tls::{self, SetupError};
use crate::base::secret::Secret;
use crate::config::{Database, PostgresAddress, Roots};
use crate::telemetry::names;

/// How long to wait for a place in the pool.
const PLACE_TIMEOUT: Duration = Duration::from_secs(3);

/// A pooled connection.
pub struct Client {
    object: Option<Object>,
    dialer: Dialer,
}

impl std::ops::Deref for Client {
    type Target = ClientWrapper;
    fn deref(&self) -> &ClientWrapper {
        // Taken by `drop` and `detach` alone, after which nobody has it.
        self.object.as_ref().expect("held")
    }
}

impl std::ops::DerefMut for Client {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        // As above.
        self.object.as_mut().expect("held")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        if !is_abandoning() || object.is_closed() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let dialer = self.dialer.clone();
        runtime.spawn(async move {
            // Until then it keeps its place in the pool, so that there are never more sessions than places.
            dialer.cancel(object.cancel_token()).await;
            drop(Object::take(object));
        });
    }
}

/// A connection that its owner keeps, with the task that drives it.
pub struct Dedicated {
    client: tokio_postgres::Client,
    driver: JoinHandle<()>,
    dialer: Dialer,
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

impl Dedicated {
    /// Waits until the connection has ended.
    pub async fn ended(&mut self) {
        if !self.driver.is_finished() {
            // However it ended.
            let _ = (&mut self.driver).await;
        }
    }
}

impl Drop for Dedicated {
    fn drop(&mut self) {
        let is_open = !self.client.is_closed();
        // Ends the session at once, also when the server does not answer.
        self.driver.abort();
        if is_open && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (dialer, session) = (self.dialer.clone(), self.client.cancel_token());
            runtime.spawn(async move { dialer.cancel(session).await });
        }
    }
}

/// The database.
#[derive(Clone)]
pub struct Db {
    dialer: Dialer,
    pool: Pool,
    /// What metrics call the pool.
    pool_name: &'static str,
}

fn pool(dialer: &Dialer, size: usize, purpose: Purpose) -> Result<Pool, SetupError> {
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let pooled = PooledDialer {
        dialer: dialer.clone(),
        purpose,
    };
    let manager = Manager::from_connect(dialer.settings().clone(), pooled, recycling);
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(PLACE_TIMEOUT),
            create: Some(CONNECT_TIMEOUT),
            recycle: Some(CONNECT_TIMEOUT),
        })
        .build()
        .map_err(|fault| SetupError::Pool(fault.to_string()))
}

impl Db {
    /// Prepares a pool of at most `size` connections to `url`; none is opened yet.
    pub fn new(
        url: &Secret<String>,
        size: usize,
        database: &Database,
        purpose: Purpose,
    ) -> Result<Self, SetupError> {
        let address = PostgresAddress::parse(url.expose()).map_err(SetupError::Address)?;
        let roots = match address.roots {
            Roots::Unsaid => database
                .root_certificate_file
                .clone()
                .map_or(Roots::Unsaid, Roots::File),
            said => said,
        };
        let tls = tls::connector(address.tls, &roots)?;
        let dialer = Dialer::new(address.settings, address.options, tls);
        let pool = pool(&dialer, size, purpose)?;
        Ok(Self {
            dialer,
            pool,
            pool_name: "requests",
        })
    }

    /// The same database through a pool of its own.
    pub fn with_own_pool(
        &self,
        pool_name: &'static str,
        size: usize,
        purpose: Purpose,
    ) -> Result<Self, SetupError> {
        let pool = pool(&self.dialer, size, purpose)?;
        Ok(Self {
            pool,
            pool_name,
            ..self.clone()
        })
    }

    /// Shows in the metrics how busy the pool is.
    pub fn observe(&self) {
        let status = self.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        gauge!(names::DB_POOL_IN_USE, "pool" => self.pool_name).set(in_use as f64);
        gauge!(names::DB_POOL_WAITING, "pool" => self.pool_name).set(status.waiting as f64);
        // So that it is there before the first one.
        counter!(names::DB_POOL_TIMEOUTS, "pool" => self.pool_name).increment(0);
    }

    /// A connection from the pool.
    pub async fn client(&self) -> Result<Client, DbError> {
        let object = self.pool.get().await.map_err(|fault| match fault {
            PoolError::Backend(fault) | PoolError::PostCreateHook(HookError::Backend(fault)) => {
                DbError::from(fault).before_a_connection()
            }
            PoolError::Timeout(TimeoutType::Wait) => {
                counter!(names::DB_POOL_TIMEOUTS, "pool" => self.pool_name).increment(1);
                DbError::Unreachable("every connection of the pool is in use".into())
            }
            other => DbError::Unreachable(other.to_string()),
        })?;
        Ok(Client {
            object: Some(object),
            dialer: self.dialer.clone(),
        })
    }

    /// A dedicated connection, for the engine.
    pub async fn connect(&self) -> Result<Dedicated, DbError> {
        self.connect_for(Purpose::Background).await
    }

    /// A dedicated connection.
    pub async fn connect_for(&self, purpose: Purpose) -> Result<Dedicated, DbError> {
        self.dedicate(purpose, drive).await
    }

    /// A dedicated connection that calls `notified` for each notification, and once when it ends.
    pub async fn connect_listening(
        &self,
        notified: impl Fn() + Send + 'static,
    ) -> Result<Dedicated, DbError> {
        let drive = |mut connection: Connection<Socket, Encrypted>| {
            tokio::spawn(async move {
                let messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
                let mut messages = std::pin::pin!(messages);
                while let Some(Ok(message)) = futures_util::StreamExt::next(&mut messages).await {
                    if matches!(message, AsyncMessage::Notification(_)) {
                        notified();
                    }
                }
                notified();
            })
        };
        self.dedicate(Purpose::Feed, drive).await
    }

    async fn dedicate(
        &self,
        purpose: Purpose,
        drive: impl FnOnce(Connection<Socket, Encrypted>) -> JoinHandle<()>,
    ) -> Result<Dedicated, DbError> {
        let dialing = async { Ok(self.dialer.dial(purpose, drive).await?) };
        let dialed = within(CONNECT_TIMEOUT, dialing).await;
        let (client, driver) = dialed.map_err(DbError::before_a_connection)?;
        Ok(Dedicated {
            client,
            driver,
            dialer: self.dialer.clone(),
        })
    }

    pub(super) const fn dialer(&self) -> &Dialer {
        &self.dialer
    }
}

/// A connection that was taken out of its pool for good: what its session holds ends with it.
pub type Detached = ClientWrapper;

/// Takes a connection out of its pool.
pub fn detach(mut client: Client) -> Detached {
    // As in `deref`.
    Object::take(client.object.take().expect("held"))
}

/// Begins a transaction on a pooled connection; dropped without a commit, it is rolled back.
pub async fn begin(client: &mut Client) -> Result<tokio_postgres::Transaction<'_>, DbError> {
    let client: &mut tokio_postgres::Client = client;
    Ok(client.transaction().await?)
}

/// Commits. A transaction that is to be kept ends here and nowhere else: a connection that breaks now leaves open whether
/// it took effect, and the error says so.
pub async fn commit(transaction: tokio_postgres::Transaction<'_>) -> Result<(), DbError> {
    transaction
        .commit()
        .await
        .map_err(|fault| DbError::from(fault).of_a_commit())
}
