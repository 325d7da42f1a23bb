//! Two instances on one database, and a workspace that both know.

use super::{Api, Cluster, Database, Desk, Gateway};

/// A desk at one instance, and the same workspace at the other.
pub struct Pair {
    pub database: Database,
    pub one: Gateway,
    pub two: Gateway,
    pub desk: Desk,
    pub other: Api,
}

impl Pair {
    /// Starts both on a new database.
    pub async fn start(environment: &[(&str, &str)]) -> Self {
        Self::at(Cluster::shared().database().await, environment).await
    }

    /// Starts both on this database.
    pub async fn at(database: Database, environment: &[(&str, &str)]) -> Self {
        let one = Gateway::start(&database.url(), environment).await;
        let two = Gateway::start(&database.url(), environment).await;
        let desk = Desk::at(&one, &database).await;
        database.wait_until_known().await;
        let other = desk.seen_from(&two);
        Self {
            database,
            one,
            two,
            desk,
            other,
        }
    }
}
