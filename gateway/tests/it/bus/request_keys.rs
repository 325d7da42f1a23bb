//! Replies that are kept in the commit of their events.

use gateway::facade::bus::{Accepted, NewEvent, Once, RequestKey};

use super::instance::{Instance, event, named};
use super::place::Place;

fn request(key: &str, event: &NewEvent) -> RequestKey {
    fn reply(accepted: &Accepted, client_id: Option<&str>) -> Vec<u8> {
        format!("{} {client_id:?}", accepted.id).into_bytes()
    }
    RequestKey {
        workspace: event.workspace,
        key: key.into(),
        path: "/v1/events".into(),
        body_digest: [7; 32],
        client_id: event.client_id.clone(),
        reply,
    }
}

async fn publish(instance: &Instance, key: &str, event: NewEvent) -> Once {
    let request = request(key, &event);
    let keeper = instance.bus.reply_keeper().expect("this bus keeps replies");
    keeper.publish_once(event, request).await.expect("an answer")
}

fn accepted(once: Once) -> Accepted {
    match once {
        Once::Accepted(accepted) => accepted,
        other => panic!("{other:?}"),
    }
}

fn kept(once: Once) -> String {
    match once {
        Once::Kept(kept) => String::from_utf8(kept.reply).expect("text"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_is_taken_by_its_first_request_on_every_instance() {
    let place = Place::new().await;
    let (here, there) = (place.instance().await, place.instance().await);
    let first = accepted(publish(&here, "k", event(1)).await);
    for instance in [&here, &there] {
        assert_eq!(
            kept(publish(instance, "k", event(1)).await),
            format!("{} None", first.id)
        );
    }
    // Another workspace's key is another.
    place
        .database
        .run("insert into workspaces (id, name) overriding system value values (2, 'other')")
        .await;
    let theirs = NewEvent {
        workspace: gateway::facade::base::WorkspaceId(2),
        ..event(1)
    };
    accepted(publish(&there, "k", theirs).await);
    place
        .database
        .expect_count("select count(*) from events", 2)
        .await;
    here.crash().await;
    there.crash().await;
}

#[tokio::test]
async fn groups_of_all_kinds_are_answered_each_by_its_own() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let early = instance.publish(named(0, "early")).await;
    accepted(publish(&instance, "used", event(0)).await);
    // They arrive together, so groups hold many kinds.
    for round in 0..20 {
        let key = format!("k{round}");
        let (one, two, repeat, used, plain, id) = tokio::join!(
            publish(&instance, &key, event(1)),
            publish(&instance, &key, event(2)),
            publish(&instance, "early's", named(3, "early")),
            publish(&instance, "used", event(4)),
            instance.publish(event(5)),
            instance.publish(named(6, "early")),
        );
        // Of two with one key the first is accepted; the other hears its reply, or that it runs.
        let one = accepted(one);
        match two {
            Once::Running => {}
            other => assert_eq!(kept(other), format!("{} None", one.id)),
        }
        // A new key for an event that is there gets the event's reply.
        match (round, repeat) {
            (0, first) => assert_eq!((accepted(first).id, round), (early.id, 0)),
            (_, later) => assert_eq!(kept(later), format!("{} Some(\"early\")", early.id)),
        }
        kept(used);
        assert!(!plain.is_repeat);
        assert_eq!((id.id, id.is_repeat), (early.id, true));
    }
    // Two before, and in each round one with the round's key and a plain one.
    place
        .database
        .expect_count("select count(*) from events", 2 + 20 * 2)
        .await;
    instance.crash().await;
}

#[tokio::test]
async fn a_key_is_free_after_a_day_and_while_nobody_holds_its_reservation() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let first = accepted(publish(&instance, "k", event(1)).await);
    place
        .database
        .run("update idempotency_replies set created_at = now() - interval '25 hours'")
        .await;
    let second = accepted(publish(&instance, "k", event(1)).await);
    assert_ne!(first.id, second.id);
    assert_eq!(
        kept(publish(&instance, "k", event(1)).await),
        format!("{} None", second.id)
    );
    // An upload holds its key by a row.
    let reserve = "insert into idempotency_reservations (workspace_id, key, path, token, instance)
                   values (1, 'held', '/v1/imports', gen_random_uuid(), gen_random_uuid())";
    place.database.run(reserve).await;
    let held = publish(&instance, "held", event(2)).await;
    assert!(matches!(held, Once::Running), "{held:?}");
    place
        .database
        .run("update idempotency_reservations set reserved_at = now() - interval '61 seconds'")
        .await;
    accepted(publish(&instance, "held", event(2)).await);
    instance.crash().await;
}

#[tokio::test]
async fn a_key_that_another_transaction_locks_is_running() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let mut client = instance.db.client().await.expect("a connection");
    let transaction = gateway::facade::db::begin(&mut client)
        .await
        .expect("a transaction");
    transaction
        .execute("select pg_advisory_xact_lock(hashtextextended('k', 1))", &[])
        .await
        .expect("locked");
    let meanwhile = publish(&instance, "k", event(1)).await;
    assert!(matches!(meanwhile, Once::Running), "{meanwhile:?}");
    transaction.rollback().await.expect("given back");
    accepted(publish(&instance, "k", event(1)).await);
    place
        .database
        .expect_count("select count(*) from events", 1)
        .await;
    instance.crash().await;
}
