//! One database a test, made from a template; and a way to look into it.

use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};

use crate::wait::{SOON, eventually};

/// A database of one test's own.
pub struct Database {
    url: String,
}

impl Database {
    /// Makes a database at the server, as a copy of `template` if there is one.
    pub(crate) async fn create(server: &str, template: Option<&str>) -> Self {
        let name = format!("t{}", uuid::Uuid::now_v7().simple());
        let template = template.unwrap_or("template0");
        let client = connect(&format!("{server}/postgres")).await;
        client
            .batch_execute(&format!("create database {name} template {template}"))
            .await
            .expect("a database");
        Self::at(format!("{server}/{name}"))
    }

    /// A database that is there already.
    pub const fn at(url: String) -> Self {
        Self { url }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// A session of one's own.
    pub async fn session(&self) -> Client {
        connect(&self.url()).await
    }

    /// The rows of a query.
    pub async fn rows(&self, query: &str) -> Vec<Row> {
        self.session().await.query(query, &[]).await.expect("a query")
    }

    /// The first column of the only row, as a number.
    pub async fn count(&self, query: &str) -> i64 {
        let rows = self.rows(query).await;
        rows.first().expect("a row").get(0)
    }

    /// Checks that a query counts so many.
    pub async fn expect_count(&self, query: &str, count: i64) {
        assert_eq!(self.count(query).await, count, "{query}");
    }

    /// What statements give as `psql` would print it: a line a row, columns parted by `|`.
    pub async fn ask(&self, statements: &str) -> String {
        let answers = self.session().await.simple_query(statements).await;
        let answers = answers.unwrap_or_else(|fault| panic!("{statements}: {fault:?}"));
        let rows = answers.iter().filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let lines: Vec<String> = rows
            .map(|row| {
                let cells: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or_default()).collect();
                cells.join("|")
            })
            .collect();
        lines.join("\n")
    }

    /// Runs statements.
    pub async fn run(&self, statements: &str) {
        let session = self.session().await;
        session.batch_execute(statements).await.expect("statements");
    }

    /// Waits until every live instance has in memory what is committed by now: keys, endpoints, types. Each writes down
    /// how far it has read, as the gateway's own confirmations take it.
    pub async fn wait_until_known(&self) {
        let behind = "select count(*) from instances i, changes c where i.live_until > now()
                      and not (i.life = server_life() and pg_visible_in_snapshot(c.xid, i.seen))";
        self.wait_for_count(behind, 0).await;
    }

    /// Waits until so many deliveries are leased: attempts of theirs have been under way for half a second.
    pub async fn wait_for_leases(&self, count: i64) {
        let leased = "select count(*) from scheduled_deliveries where owner is not null";
        self.wait_for_count(leased, count).await;
    }

    /// Waits until a query counts so many.
    pub async fn wait_for_count(&self, query: &str, count: i64) {
        eventually(&format!("{count} in {query}"), SOON * 6, || async {
            self.count(query).await == count
        })
        .await;
    }

    /// Everything that `table` holds, as text.
    pub async fn dump(&self, table: &str) -> String {
        let rows = self.rows(&format!("select t::text from {table} t")).await;
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        lines.join("\n")
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}
