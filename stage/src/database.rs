//! One database a test, made from a template; and a way to look into it.

use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};

use super::cluster::Cluster;

/// A database of one test's own.
pub struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    /// Makes a database, as a copy of `template` if there is one.
    pub async fn create(cluster: &'static Cluster, template: Option<&str>) -> Self {
        let name = format!("t{}", uuid::Uuid::now_v7().simple());
        let template = template.unwrap_or("template0");
        let client = connect(&cluster.url("postgres")).await;
        client
            .batch_execute(&format!("create database {name} template {template}"))
            .await
            .expect("a database");
        Self { cluster, name }
    }

    /// A database that is there already.
    pub fn of(cluster: &'static Cluster, name: &str) -> Self {
        let name = name.to_owned();
        Self { cluster, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
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
