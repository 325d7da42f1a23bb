use std::sync::Arc;

use futures_util::FutureExt;
use uuid::Uuid;

use super::*;
use crate::bus::{Ledger, Origin};

fn job() -> Job {
    Job::for_test(Hold::Leased {
        fence: 1,
        until: Instant::now(),
    })
}

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(1 << 20, 1_000))
}

fn lane() -> Arc<Lane> {
    let caps = Caps {
        concurrency: 2,
        queue: 100,
    };
    let thresholds = Thresholds {
        after: Duration::from_secs(300),
        failures: 20,
        probe: Duration::from_secs(30),
    };
    Arc::new(Lane::new(
        caps,
        thresholds,
        HealthState::Healthy,
        budget(),
        Arc::default(),
    ))
}

#[tokio::test]
async fn a_resting_worker_takes_the_next_job_and_ends_when_it_is_dismissed() {
    let lane = lane();
    assert!(matches!(lane.offer(job()), Offered::NeedsWorker));
    let (done, mut counted) = tokio::sync::mpsc::unbounded_channel();
    let worker = tokio::spawn({
        let lane = lane.clone();
        async move {
            while lane.next(0).await.is_some() {
                let _ = done.send(());
            }
        }
    });
    counted.recv().await.expect("the first");
    while lane.load().1 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert!(matches!(lane.offer(job()), Offered::Taken));
        // While the worker is on its way to this one, another job needs another worker.
        assert!(matches!(lane.offer(job()), Offered::NeedsWorker));
        lane.state.lock().worker_count -= 1;
        counted.recv().await.expect("one");
        counted.recv().await.expect("the other");
        while lane.load().1 {
            tokio::task::yield_now().await;
        }
    }
    lane.drain();
    worker.await.expect("ended");
    assert_eq!(lane.load(), (0, false));
}

#[tokio::test]
async fn a_fast_lane_takes_more_and_says_when_half_of_it_has_begun() {
    let lane = lane();
    assert_eq!(lane.room(), 8, "its pace is not known");
    lane.note(true, Duration::from_millis(20));
    assert_eq!(lane.room(), 100, "as much as may wait");
    for _ in 0..10 {
        lane.offer(job());
    }
    let rings = || lane.has_room.notified().now_or_never().is_some();
    lane.tell_of_room();
    for _ in 0..4 {
        lane.next(0).await.expect("a job");
        assert!(!rings());
    }
    lane.next(0).await.expect("a job");
    assert!(rings(), "five of ten are left");
    lane.next(0).await.expect("a job");
    assert!(!rings(), "once, until it is asked for again");
    // A rate limit, and not the pace, says how much it begins.
    lane.reserve(1_000).expect("a place");
    assert_eq!(lane.room(), 8 - 4);
}

#[tokio::test]
async fn a_slow_lane_takes_nothing_new_until_it_has_caught_up() {
    let lane = lane();
    let batch = Ledger::default().open(Origin::Own, Uuid::nil());
    let fresh = || Job {
        hold: Hold::Fresh(batch),
        ..job()
    };
    for _ in 0..2 {
        assert!(matches!(lane.offer(fresh()), Offered::NeedsWorker));
        lane.next(0).await.expect("under way");
    }
    for _ in 0..20 {
        assert!(matches!(lane.offer(fresh()), Offered::Taken));
    }
    assert!(lane.take_stale().is_empty());
    lane.note(true, Duration::from_secs(10));
    lane.next(0).await.expect("the next");
    assert!(matches!(lane.offer(fresh()), Offered::Refused(_, Refusal::Slow)));
    assert_eq!(lane.take_stale().len(), 17, "those that will not begin soon");
    // The receiver is fast again, but what waits goes first.
    for _ in 0..2 {
        lane.note(true, Duration::ZERO);
        lane.next(0).await.expect("was kept");
        assert!(matches!(lane.offer(fresh()), Offered::Refused(_, Refusal::Slow)));
    }
    lane.drain();
    assert!(lane.next(0).await.is_none());
    assert!(!lane.state.lock().is_slow);
}

#[test]
fn a_probe_that_finds_no_place_is_not_spent() {
    let caps = Caps {
        concurrency: 1,
        queue: 1,
    };
    let thresholds = Thresholds {
        after: Duration::from_secs(300),
        failures: 20,
        probe: Duration::from_secs(30),
    };
    let lane = Lane::new(caps, thresholds, HealthState::Paused, budget(), Arc::default());
    assert!(matches!(lane.offer(job()), Offered::NeedsWorker));
    assert!(matches!(lane.offer(job()), Offered::Refused(_, Refusal::Full)));
    lane.probe_at_once();
    assert!(matches!(lane.offer(job()), Offered::Refused(_, Refusal::Full)));
    lane.state.lock().queue.clear();
    assert!(matches!(lane.offer(job()), Offered::Taken), "the probe");
    lane.state.lock().queue.clear();
    assert!(matches!(lane.offer(job()), Offered::Refused(_, Refusal::Paused)));
    let test = Job {
        is_test: true,
        ..job()
    };
    assert!(
        matches!(lane.offer(test), Offered::Taken),
        "a test goes out at once"
    );
}

#[test]
fn health_is_written_where_it_differs_from_what_was_written() {
    let lane = lane();
    assert_eq!(lane.take_unwritten(), None);
    for is_success in [false, false, false, true] {
        lane.note(is_success, Duration::ZERO);
    }
    assert_eq!(lane.take_unwritten(), None, "it failed and healed in between");
    for _ in 0..3 {
        lane.note(false, Duration::ZERO);
    }
    assert_eq!(lane.take_unwritten(), Some(HealthState::Failing));
    assert_eq!(lane.take_unwritten(), None);
    lane.unwrite();
    assert_eq!(lane.take_unwritten(), Some(HealthState::Failing));
}
