//! An instance is gone, and a transaction that holds its row in `bus_owners` stays: the server has not noticed yet that the
//! machine vanished.

use std::time::Duration;

use super::receipts::hanging;
use stage::{Cluster, Desk, Gateway};

#[tokio::test]
async fn the_row_of_the_dead_is_freed_for_its_successor() {
    let database = Cluster::shared().database().await;
    let one = Gateway::start(&database.url(), &[]).await;
    let owner = database.count("select id::bigint from bus_owners").await;
    let two = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&one, &database).await;
    let (receiver, sent) = hanging(&desk, &database, 5).await;
    let held = database.session().await;
    held.batch_execute(&format!(
        "begin; update bus_owners set watermark = watermark where id = {owner}"
    ))
    .await
    .expect("held");
    one.kill();
    let desk = desk.moved_to(&two);
    // The contract says 20 s; a machine that has other things to do is given twice that.
    receiver.wait_long_for(10, Duration::from_secs(40)).await;
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
    database
        .wait_for_count("select count(*) from bus_owners", 1)
        .await;
    assert!(
        two.log()
            .contains("sessions that held a dead instance's row were ended"),
        "it is told"
    );
}
