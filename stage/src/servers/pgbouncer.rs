//! `PgBouncer` in front of a cluster.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::cluster::other_user;
use crate::wait::SOON;
use crate::warden;

/// A running pooler; dropped, it is ended.
pub struct PgBouncer {
    child: Child,
    port: u16,
}

impl PgBouncer {
    /// Starts one in this `pool_mode` in front of the server of `url`; `more` are lines of its configuration.
    pub fn start(url: &str, mode: &str, more: &str) -> Self {
        let server: tokio_postgres::Config = url.parse().expect("an address");
        let port = super::port::unused_port();
        let name = format!("pgbouncer-{}", uuid::Uuid::now_v7().simple());
        let file = warden::folder().join(name).with_extension("ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = {mode}\nunix_socket_dir =\nmax_client_conn = 200\n\
             default_pool_size = 60\n{more}",
            server.get_ports()[0],
        );
        std::fs::write(&file, text).expect("a configuration");
        let log = std::fs::File::create(file.with_extension("log")).expect("a log");
        let mut command = Command::new("pgbouncer");
        if let Some((user, group)) = other_user() {
            command.uid(user).gid(group);
        }
        let child = command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("pgbouncer: scripts/need pgbouncer");
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = std::fs::read_to_string(file.with_extension("log"));
            assert!(started.elapsed() < SOON, "pgbouncer: {}", log.unwrap_or_default());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { child, port }
    }

    /// The same database by way of the pooler.
    pub fn url(&self, url: &str) -> String {
        let server: tokio_postgres::Config = url.parse().expect("an address");
        let name = server.get_dbname().expect("a database");
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
