//! TLS to a server that demands it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::cluster::{Cluster, run, unprivileged};
use crate::stage::{Gateway, command, within};

/// Makes a root and a certificate for `localhost`, and a server that takes nothing but TLS over TCP.
fn demanding_cluster() -> Cluster {
    Cluster::start_with(|data| {
        let openssl = |arguments: &[&str]| {
            let mut command = unprivileged();
            run(command.arg("openssl").args(arguments).current_dir(data));
        };
        let request = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        openssl(
            &[
                &words(request)[..],
                &["-x509", "-keyout", "ca.key", "-out", "ca.crt"],
                &["-subj", "/CN=root"],
            ]
            .concat(),
        );
        openssl(
            &[
                &words(request)[..],
                &["-x509", "-keyout", "no.key", "-out", "other.crt"],
                &["-subj", "/CN=other"],
            ]
            .concat(),
        );
        openssl(
            &[
                &words(request)[..],
                &["-keyout", "server.key", "-out", "server.csr"],
                &["-subj", "/CN=localhost"],
            ]
            .concat(),
        );
        let mut names = unprivileged();
        run(names
            .args(["sh", "-c", "echo subjectAltName=DNS:localhost > names"])
            .current_dir(data));
        openssl(&words(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
        ));
        std::fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhostssl all all all trust\nhostnossl all all all reject\n",
        )
        .unwrap();
        let at = |name: &str| data.join(name).display().to_string();
        vec![
            "ssl=on".into(),
            format!("ssl_cert_file={}", at("server.crt")),
            format!("ssl_key_file={}", at("server.key")),
        ]
    })
}

fn readable(cluster: &Cluster, name: &str) -> String {
    let file = cluster.folder.join("data").join(name);
    let copy = std::env::temp_dir().join(format!("gateway-access-{}-{name}", cluster.port));
    std::fs::copy(Path::new(&file), &copy).unwrap();
    copy.display().to_string()
}

#[test]
fn every_way_to_trust_the_server() {
    assert!(
        Command::new("openssl").arg("version").output().is_ok(),
        "openssl is installed"
    );
    let cluster = demanding_cluster();
    let (root, other) = (readable(&cluster, "ca.crt"), readable(&cluster, "other.crt"));
    let url = |host: &str, rest: &str| format!("postgres://postgres@{host}:{}/postgres?{rest}", cluster.port);
    let tries = [
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true),
        ("127.0.0.1", "application_name=x".to_owned(), true),
        // No root is needed, and the name does not matter …
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        // … but a root that is given is heeded.
        ("127.0.0.1", format!("sslmode=require&sslrootcert={root}"), true),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), false),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={root}"), true),
        (
            "localhost",
            format!("sslmode=verify-ca&sslrootcert={other}"),
            false,
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={root}"),
            true,
        ),
        // The wrong name, the wrong root, and the public authorities.
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={root}"),
            false,
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={other}"),
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
        let output = command(&url(host, &rest), &["workspaces", "list"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_good, "{host} {rest}: {errors}");
    }

    // All kinds of connections: pool, change feed, listening, bus.
    let settings = [("GATEWAY_DATABASE__ROOT_CERTIFICATE_FILE", root.as_str())];
    let gateway = Gateway::start_with(&url("localhost", "sslmode=verify-full"), &settings);
    let made = command(
        &url("localhost", "sslmode=require"),
        &["keys", "create", "--name", "tls", "--scopes", "*"],
    );
    let key = String::from_utf8(made.stdout).unwrap();
    within(Duration::from_secs(1), "the feed works over TLS", || {
        gateway.whoami(key.trim()) == 200
    });
    let unencrypted = cluster.sql(
        "select count(*) from pg_stat_activity a join pg_stat_ssl s using (pid)
         where a.client_addr is not null and not s.ssl",
    );
    assert_eq!(unencrypted, "0");
    for file in [root, other] {
        let _ = std::fs::remove_file(file);
    }
}
