//! An instance is gone, and a transaction that holds its row in `bus_owners` stays: the server has not noticed yet that the
//! machine vanished.

use std::time::Duration;

use serde_json::json;

use stage::load::LABEL;
use stage::{Act, Cluster, Desk, Gateway, Receiver, SOON, eventually};

#[tokio::test]
async fn the_row_of_the_dead_is_freed_for_its_successor() {
    let database = Cluster::shared().database().await;
    let one = Gateway::start(&database.url(), &[]).await;
    let owner = database.count("select id::bigint from bus_owners").await;
    let two = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&one, &database).await;
    let other = desk.seen_from(&two);
    let receiver = Receiver::deciding(|nth, _| if nth < 5 { Act::Hang } else { Act::Status(200) }).await;
    desk.hook_with(&receiver, &[LABEL], json!({"timeout_seconds": 60}))
        .await;
    let mut sent = Vec::new();
    for nth in 0..5 {
        sent.push(desk.send(LABEL, json!({"number": nth})).await);
    }
    receiver.wait_for(5).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let held = database.session().await;
    held.batch_execute(&format!(
        "begin; update bus_owners set watermark = watermark where id = {owner}"
    ))
    .await
    .expect("held");
    one.kill();
    let desk = Desk { api: other, ..desk };
    // The contract says 20 s; a machine that has other things to do is given twice that.
    receiver.wait_long_for(10, Duration::from_secs(40)).await;
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
    eventually("the dead is forgotten", SOON, || async {
        database.count("select count(*) from bus_owners").await == 1
    })
    .await;
    assert!(
        two.log()
            .contains("sessions that held a dead instance's row were ended"),
        "it is told"
    );
}
