//! `PgBouncer` between the gateway and the server.

use stage::pgbouncer::PgBouncer;
use stage::{Cluster, Desk, Gateway, Receiver, cli};

use serde_json::json;

#[tokio::test]
async fn one_that_keeps_sessions_is_fine() {
    for more in ["", "ignore_startup_parameters = options\n"] {
        let database = Cluster::shared().empty_database().await;
        let pooler = PgBouncer::start(&database.url(), "session", more);
        let gateway = Gateway::start(&pooler.url(&database.url()), &[]).await;
        let desk = Desk::at(&gateway, &database).await;
        let receiver = Receiver::start().await;
        desk.hook(&receiver, &["deal.won"]).await;
        let event = desk.send("deal.won", json!({})).await;
        desk.delivery_that(&event, "succeeded").await;
        // The limits hold although the pooler passes no options on.
        let session = database.session().await;
        session
            .batch_execute("begin; lock table webhooks in access exclusive mode")
            .await
            .expect("locked");
        let reply = desk.api.get("/v1/webhooks").await;
        let problem = reply.problem(503, "unavailable");
        assert!(problem.to_string().contains("holds what this needs"), "{problem}");
        drop(session);
        assert!(gateway.terminate().await.success());
    }
}

#[tokio::test]
async fn one_that_keeps_none_is_refused_with_words() {
    for mode in ["transaction", "statement"] {
        let database = Cluster::shared().empty_database().await;
        let pooler = PgBouncer::start(&database.url(), mode, "");
        let url = pooler.url(&database.url());
        for command in ["serve", "migrate"] {
            let told = cli::refused(&url, &[command], &[]);
            assert!(told.contains("pool_mode = session"), "{mode} {command}: {told}");
        }
    }
}
