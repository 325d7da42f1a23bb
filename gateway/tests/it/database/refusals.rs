//! What goes wrong on the first day is told with its cause and its cure.

use stage::{Cluster, cli};

async fn told(url: &str) -> String {
    let refused = cli::run(url, &["migrate"], &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    String::from_utf8(refused.stderr).expect("UTF-8")
}

#[tokio::test]
async fn causes_come_with_their_cures() {
    let cluster = Cluster::shared();
    let database = cluster.empty_database().await;
    let name = format!("r{}", uuid::Uuid::now_v7().simple());
    database
        .run(&format!(
            "revoke create on schema public from public; create role {name} login"
        ))
        .await;
    let as_role = database.url().replace("postgres@", &format!("{name}@"));
    for (url, words) in [
        (
            as_role,
            ["SQLSTATE 42501", "grant usage, create on schema public"],
        ),
        (cluster.url("no_such_database"), ["SQLSTATE 3D000", "createdb"]),
        (
            database.url().replace("postgres@", "nobody_here@"),
            ["SQLSTATE 28000", "pg_hba.conf"],
        ),
    ] {
        let told = told(&url).await;
        assert!(words.iter().all(|word| told.contains(word)), "{told}");
    }
    let latin = format!("l{}", uuid::Uuid::now_v7().simple());
    let session = database.session().await;
    let create =
        format!("create database {latin} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'");
    session.batch_execute(&create).await.expect("a database");
    let latin = told(&cluster.url(&latin)).await;
    assert!(latin.contains("LATIN1") && latin.contains("UTF8"), "{latin}");
    database
        .run(
            "create table refinery_schema_history (version int4 primary key, name varchar(255),
                 applied_on varchar(255), checksum varchar(255));
             insert into refinery_schema_history values (1, 'orders', '', '1')",
        )
        .await;
    let foreign = told(&database.url()).await;
    assert!(
        foreign.contains("another program's") && foreign.contains("orders"),
        "{foreign}"
    );
}
