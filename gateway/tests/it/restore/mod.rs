//! A backup taken under load, restored into another cluster: what docs/backup.md promises of it.

mod backups;
mod scene;
