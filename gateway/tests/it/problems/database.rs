//! What a client hears when the database fails.

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::db::DbError;
use gateway::facade::http::Problem;

use stage::Cluster;

#[tokio::test]
async fn a_statement_that_is_wrong_is_a_fault_of_ours_and_not_worth_trying_again() {
    let database = Cluster::shared().empty_database().await;
    let text = format!("[database]\nurl = \"{}\"\n", database.url());
    let db = app::database(&Config::parse(&text, []).expect("valid")).expect("an address");
    let client = db.client().await.expect("a connection");
    let status = |fault: tokio_postgres::Error| Problem::from(DbError::from(fault)).status();
    let wrongly_typed = client.query("select $1::int4", &[&"text"]).await;
    assert_eq!(status(wrongly_typed.expect_err("no number")), 500);
    let wrong = client.query("select no_such_column", &[]).await;
    assert_eq!(status(wrong.expect_err("no such column")), 500);
    let cut = client
        .query("select pg_terminate_backend(pg_backend_pid())", &[])
        .await;
    assert_eq!(status(cut.expect_err("the session ended")), 503);
}
