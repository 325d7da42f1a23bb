//! Backups of a cluster, taken and restored by PostgreSQL's own programs while the test goes on.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::{Cluster, give_to_server, programs, run, unprivileged};
use super::database::Database;
use crate::warden;

impl Cluster {
    /// `pg_dump` of a database in the custom format, with further options; the file.
    pub async fn dump_file(&self, database: &Database, options: &[&str]) -> PathBuf {
        let file = fresh("dump");
        let mut command = self.dump(database.name());
        command.args(["-Fc", "-f"]).arg(&file).args(options);
        aside(command).await;
        file
    }

    /// A new database with what a dump holds.
    pub async fn restore(&'static self, dump: &Path) -> Database {
        let database = self.empty_database().await;
        let mut command = Command::new(programs().join("pg_restore"));
        command
            .args(["--exit-on-error", "--no-owner", "-d", &database.url()])
            .arg(dump);
        aside(command).await;
        database
    }

    /// `pg_basebackup` of the whole cluster, with the WAL that it needs; the folder.
    pub async fn base_backup(&self) -> PathBuf {
        let folder = fresh("backup");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).expect("private");
        give_to_server(&folder);
        let mut command = unprivileged(programs().join("pg_basebackup"));
        command
            .args(["-d", &self.url(""), "-c", "fast", "-X", "stream", "-D"])
            .arg(&folder);
        aside(command).await;
        folder
    }

    /// A server on a folder that [`base_backup`](Self::base_backup) has filled.
    pub async fn start_from(backup: PathBuf) -> Self {
        let starting = tokio::task::spawn_blocking(|| Self::start_on(backup));
        starting.await.expect("PostgreSQL starts on the backup")
    }

    /// The database here that has the name of `other`.
    pub fn same(&self, other: &Database) -> Database {
        Database::at(self.url(other.name()))
    }
}

/// A path in the stage's folder that nothing has yet.
fn fresh(kind: &str) -> PathBuf {
    warden::folder().join(format!("{kind}-{}", uuid::Uuid::now_v7().simple()))
}

/// Runs a command to its end, and leaves this thread to the load meanwhile.
async fn aside(mut command: Command) {
    let running = tokio::task::spawn_blocking(move || run(&mut command));
    running.await.expect("the command succeeds");
}
