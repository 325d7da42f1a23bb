//! TLS to a server that demands it.

use std::path::Path;

use stage::certificate::Authority;
use stage::cluster::{Cluster, give_to_server};
use stage::{Database, Gateway, SOON, cli, eventually};

use super::whoami;

/// Who may come in how. The one database without TLS is for the look at the others.
const ACCESS: &str =
    "hostssl all all all trust\nhostnossl template1 all all trust\nhostnossl all all all reject\n";

/// A server that takes nothing but TLS, with a certificate for `localhost`.
fn demanding_cluster(authority: &Authority) -> Cluster {
    let certificate = authority.certify("server", "DNS:localhost");
    give_to_server(&certificate.key);
    let setting = |name: &str, file: &Path| format!("{name}={}", file.display());
    let settings = [
        "ssl=on",
        &setting("ssl_cert_file", &certificate.chain),
        &setting("ssl_key_file", &certificate.key),
    ];
    Cluster::start_with(&settings, Some(ACCESS))
}

#[tokio::test]
async fn every_way_to_trust_the_server() {
    let (authority, stranger) = (Authority::new("root"), Authority::new("other"));
    let cluster: &'static Cluster = Box::leak(Box::new(demanding_cluster(&authority)));
    let (root, other) = (authority.root(), stranger.root());
    // A folder's name may hold a blank, an address may not.
    let encoded = |path: &str| path.replace(' ', "%20");
    let (root_in_url, other_in_url) = (encoded(&root), encoded(&other));
    let url =
        |host: &str, rest: &str| format!("postgres://postgres@{host}:{}/postgres?{rest}", cluster.port());
    let tries = [
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true),
        ("127.0.0.1", "application_name=x".to_owned(), true),
        // No root is needed, and the name does not matter …
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        // … but a root that is given is heeded.
        (
            "127.0.0.1",
            format!("sslmode=require&sslrootcert={root_in_url}"),
            true,
        ),
        (
            "127.0.0.1",
            format!("sslmode=require&sslrootcert={other_in_url}"),
            false,
        ),
        (
            "127.0.0.1",
            format!("sslmode=verify-ca&sslrootcert={root_in_url}"),
            true,
        ),
        (
            "localhost",
            format!("sslmode=verify-ca&sslrootcert={other_in_url}"),
            false,
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={root_in_url}"),
            true,
        ),
        // The wrong name, the wrong root, and the public authorities.
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={root_in_url}"),
            false,
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={other_in_url}"),
            false,
        ),
        ("localhost", "sslmode=verify-full".to_owned(), false),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=/nowhere".to_owned(),
            false,
        ),
    ];
    for (host, rest, is_good) in tries {
        let output = cli::run(&url(host, &rest), &["migrate"], &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_good, "{host} {rest}: {errors}");
    }
    // What the operating system trusts, which this variable names, and by its name alone.
    for (host, trusted, is_good) in [
        ("localhost", &root, true),
        ("localhost", &other, false),
        ("127.0.0.1", &root, false),
    ] {
        let system = [("SSL_CERT_FILE", trusted.as_str())];
        let output = cli::run(&url(host, "sslrootcert=system"), &["migrate"], &system);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_good, "{host} {trusted}: {errors}");
    }

    // All kinds of connections: pool, change feed, listening, bus.
    let settings = [("GATEWAY_DATABASE__ROOT_CERTIFICATE_FILE", root.as_str())];
    let gateway = Gateway::start(&url("localhost", "sslmode=verify-full"), &settings).await;
    let made = cli::run(
        &url("localhost", "sslmode=require"),
        &["keys", "create", "--name", "tls", "--scopes", "*"],
        &[],
    );
    let key = String::from_utf8(made.stdout).unwrap();
    eventually("the feed works over TLS", SOON, async || {
        whoami(&gateway, key.trim()).await == 200
    })
    .await;
    let unencrypted = "select count(*) from pg_stat_activity a join pg_stat_ssl s using (pid)
                       where a.client_addr is not null and not s.ssl and a.datname = 'postgres'";
    let onlooker = Database::at(cluster.url("template1"));
    assert_eq!(onlooker.count(unencrypted).await, 0);
    let encrypted = unencrypted.replace("not s.ssl", "s.ssl");
    assert!(onlooker.count(&encrypted).await > 0);
}
