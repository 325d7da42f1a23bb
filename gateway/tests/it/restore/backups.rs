//! The two kinds of backup.

use stage::{Cluster, cluster::Sync};

use super::scene::Scene;

/// What docs/backup.md leaves out of a dump: the change feed's position in a server that is no more.
const LEFT_OUT: &[&str] = &["--exclude-table-data=changes", "--exclude-table-data=instances"];

#[tokio::test]
async fn a_dump_keeps_what_was_acknowledged_before_it_began() {
    let scene = Scene::start().await;
    let dump = scene.cluster.dump_file(&scene.database, LEFT_OUT).await;
    let other: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let restored = other.restore(&dump).await;
    scene.goes_on_at(&restored).await;
    other.kill();
}

#[tokio::test]
async fn a_dump_of_everything_is_as_good() {
    let scene = Scene::start().await;
    let dump = scene.cluster.dump_file(&scene.database, &[]).await;
    let other: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    // The server's transaction ids are far behind those in the rows.
    let restored = other.restore(&dump).await;
    scene.goes_on_at(&restored).await;
    other.kill();
}

#[tokio::test]
async fn a_physical_backup_keeps_what_was_acknowledged_before_it_began() {
    let scene = Scene::start().await;
    let backup = scene.cluster.base_backup().await;
    let other = Cluster::start_from(backup).await;
    let restored = other.same(&scene.database);
    scene.goes_on_at(&restored).await;
}
