//! A session of the database that a test holds open.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use crate::stage::{Cluster, programs};

/// A session that stays open.
pub struct Session {
    child: Child,
}

impl Session {
    pub fn open(cluster: &Cluster) -> Self {
        let child = Command::new(programs().join("psql"))
            .args(["-XAtq", &cluster.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql");
        Self { child }
    }

    /// Runs a statement to its end.
    pub fn run(&mut self, sql: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{sql}\n\\echo done").expect("psql listens");
        let mut seen = String::new();
        let mut byte = [0];
        let stdout = self.child.stdout.as_mut().expect("piped");
        while !seen.ends_with("done\n") {
            assert_eq!(stdout.read(&mut byte).expect("psql answers"), 1, "{seen}");
            seen.push(char::from(byte[0]));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
