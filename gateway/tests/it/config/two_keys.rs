//! The migration that gives records two keys, on a database whose records have one external id several times.

use std::path::Path;

use stage::{Cluster, Database, cli};

/// The version before it.
const BEFORE: i32 = 10;

/// A database at an earlier version, made from the migrations themselves.
async fn at_version(last: i32) -> Database {
    let newest = Cluster::shared().database().await;
    let applied = newest
        .rows(&format!(
            "select version::int4, name, applied_on, checksum from refinery_schema_history
             where version <= {last} order by version"
        ))
        .await;
    let database = Cluster::shared().empty_database().await;
    database
        .run(
            "create table refinery_schema_history
                 (version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))",
        )
        .await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for row in applied {
        let (version, name): (i32, &str) = (row.get(0), row.get(1));
        let file = folder.join(format!("V{version}__{name}.sql"));
        let text = std::fs::read_to_string(&file).expect("a migration");
        database.run(&format!("begin; {text}; commit")).await;
        let (applied_on, checksum): (&str, &str) = (row.get(2), row.get(3));
        let insert = format!(
            "insert into refinery_schema_history values ({version}, '{name}', '{applied_on}', '{checksum}')"
        );
        database.run(&insert).await;
    }
    database
}

#[tokio::test]
async fn of_records_with_one_external_id_one_keeps_it() {
    let database = at_version(BEFORE).await;
    // Contacts are known by their email first, so several may have one external id; of the last group none is known by it.
    // A product is known by its SKU, or by its external id where it has none. Deals have that alone.
    database
        .run(
            "insert into workspaces (name) values ('other');
             insert into contacts (workspace_id, id, updated_at, key, words, email, external_id, extra) values
                 (1, '00000000-0000-7000-8000-000000000001', now(), '0a@x.y', '', 'a@x.y', 'X', '{\"T\":\"1\"}'),
                 (1, '00000000-0000-7000-8000-000000000002', now(), '1X', '', null, 'X', null),
                 (1, '00000000-0000-7000-8000-000000000003', now(), '0c@x.y', '', 'c@x.y', 'X', null),
                 (2, '00000000-0000-7000-8000-000000000004', now(), '0a@x.y', '', 'a@x.y', 'X', null),
                 (1, '00000000-0000-7000-8000-000000000005', now(), '0e@x.y', '', 'e@x.y', 'Y', null),
                 (1, '00000000-0000-7000-8000-000000000006', now(), '0f@x.y', '', 'f@x.y', 'Y', null),
                 (1, '00000000-0000-7000-8000-000000000007', now(), '0g@x.y', '', 'g@x.y', null, null);
             insert into products (workspace_id, id, updated_at, key, words, name, sku, external_id) values
                 (1, gen_random_uuid(), now(), '0S1', '', 'one', 'S1', 'P'),
                 (1, gen_random_uuid(), now(), '1P', '', 'two', null, 'P');
             insert into deals (workspace_id, id, updated_at, key, words, name, external_id) values
                 (1, gen_random_uuid(), now(), '0D', '', 'deal', 'D')",
        )
        .await;
    cli::succeed(&database.url(), &["migrate"]);
    let contacts = "select right(id::text, 1), coalesce(external_id, '-'), coalesce(key, '-'), coalesce(extra::jsonb, '{}')::text
                    from contacts order by id";
    let found: Vec<String> = database
        .rows(contacts)
        .await
        .iter()
        .map(|row| {
            (0..4)
                .map(|at| row.get::<_, &str>(at))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        found,
        [
            r#"1 - 0a@x.y {"T": "1", "external_id": "X"}"#,
            "2 X - {}",
            r#"3 - 0c@x.y {"external_id": "X"}"#,
            "4 X 0a@x.y {}",
            "5 Y 0e@x.y {}",
            r#"6 - 0f@x.y {"external_id": "Y"}"#,
            "7 - 0g@x.y {}",
        ]
    );
    let others = "select string_agg(concat_ws(' ', name, external_id, key), ', ' order by name)";
    assert_eq!(
        database.ask(&format!("{others} from products")).await,
        "one 0S1, two P"
    );
    assert_eq!(database.ask(&format!("{others} from deals")).await, "deal D");
    // And from now on there cannot be two.
    let second = "insert into contacts (workspace_id, id, updated_at, words, email, external_id)
                  values (1, gen_random_uuid(), now(), '', 'h@x.y', 'X')";
    let session = database.session().await;
    let refused = session.batch_execute(second).await.expect_err("taken");
    assert_eq!(
        refused.code().map(tokio_postgres::error::SqlState::code),
        Some("23505")
    );
}
