//! Tests a lane through any interleaving of dispatcher, workers and sweeper: no job waits without a worker, each comes out
//! exactly once, and what is counted as held or under way is what is.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::base::id::DeliveryId;

const CONCURRENCY: usize = 3;
const QUEUE: usize = 6;
/// Of all lanes together; the others take and give some of it back.
const ATTEMPTS: usize = 8;

/// What happens next. A number picks one of the workers that are there, by its remainder.
#[derive(Debug, Clone)]
enum Step {
    Offer,
    /// A worker runs until it has a job, rests, or ends.
    Run(usize),
    /// A worker is done with its job, and asks for the next.
    Finish(usize),
    /// An attempt failed often enough to open the breaker, or the breaker was closed.
    Fail,
    Reset,
    /// Other lanes have so many attempts under way.
    Others(usize),
    /// The sweeper takes out what waits for too long.
    TakeStale,
    /// It ends workers that have rested for long.
    Dismiss,
    /// It looks whether more waits than its workers were begun for.
    Want,
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Offer),
        10 => any::<usize>().prop_map(Step::Run),
        8 => any::<usize>().prop_map(Step::Finish),
        1 => Just(Step::Fail),
        1 => Just(Step::Reset),
        2 => (0..ATTEMPTS).prop_map(Step::Others),
        1 => Just(Step::TakeStale),
        3 => Just(Step::Dismiss),
        2 => Just(Step::Want),
        1 => Just(Step::Drain),
    ]
}

/// A worker asks for a job, or is at one.
enum Worker {
    Asking(Pin<Box<dyn Future<Output = Option<Job>>>>),
    Busy(Job),
}

struct World {
    lane: Rc<Lane>,
    budget: Arc<Budget>,
    workers: Vec<Worker>,
    /// Jobs that the lane took and that have not come out.
    waiting: Vec<DeliveryId>,
    others: usize,
    offered_count: u128,
}

impl World {
    fn new() -> Self {
        let budget = Arc::new(Budget::new(1 << 20, ATTEMPTS));
        let caps = Caps {
            concurrency: CONCURRENCY,
            queue: QUEUE,
        };
        let thresholds = Thresholds {
            after: Duration::ZERO,
            failures: 3,
            probe: Duration::from_secs(30),
        };
        Self {
            lane: Rc::new(Lane::new(
                caps,
                thresholds,
                HealthState::Healthy,
                budget.clone(),
                Arc::default(),
            )),
            budget,
            workers: Vec::new(),
            waiting: Vec::new(),
            others: 0,
            offered_count: 0,
        }
    }

    fn ask(&mut self, done_bytes: usize) {
        let lane = self.lane.clone();
        let asking = Box::pin(async move { lane.next(done_bytes).await });
        self.workers.push(Worker::Asking(asking));
    }

    fn offer(&mut self) {
        self.offered_count += 1;
        let job = Job {
            delivery: DeliveryId::from_uuid(uuid::Uuid::from_u128(self.offered_count)),
            ..Job::for_test(Hold::Leased {
                fence: 1,
                until: Instant::now(),
            })
        };
        let delivery = job.delivery;
        match self.lane.offer(job) {
            Offered::Refused(..) => return,
            Offered::Taken => {}
            Offered::NeedsWorker => self.ask(0),
        }
        self.waiting.push(delivery);
    }

    /// Runs the worker at `index`; whether anything came of it.
    fn run_worker(&mut self, index: usize) -> bool {
        let Worker::Asking(asking) = &mut self.workers[index] else {
            return false;
        };
        match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => false,
            Poll::Ready(None) => {
                drop(self.workers.remove(index));
                true
            }
            Poll::Ready(Some(job)) => {
                self.came_out(&job);
                self.workers[index] = Worker::Busy(job);
                true
            }
        }
    }

    fn came_out(&mut self, job: &Job) {
        let place = self.waiting.iter().position(|delivery| *delivery == job.delivery);
        self.waiting.remove(place.expect("it waited, and came out once"));
    }

    fn finish(&mut self, index: usize) {
        if let Worker::Busy(job) = &self.workers[index] {
            let weight = job.weight();
            self.workers.remove(index);
            self.ask(weight);
        }
    }

    fn take_stale(&mut self) {
        for job in self.lane.take_stale() {
            self.came_out(&job);
        }
    }

    fn others(&mut self, count: usize) {
        self.budget.end(self.others);
        self.budget.begin(count);
        self.others = count;
    }

    fn run(&mut self, step: Step) {
        let count = self.workers.len();
        match step {
            Step::Offer => self.offer(),
            Step::Run(which) if count > 0 => drop(self.run_worker(which % count)),
            Step::Finish(which) if count > 0 => self.finish(which % count),
            Step::Run(_) | Step::Finish(_) => {}
            Step::Fail => (0..3).for_each(|_| self.lane.note(false, Duration::ZERO)),
            Step::Reset => self.lane.reset(),
            Step::Others(count) => self.others(count),
            Step::TakeStale => self.take_stale(),
            Step::Dismiss => {
                self.lane.state.lock().last_offer -= MAX_REST * 2;
                self.lane.dismiss_resting();
            }
            Step::Want => {
                if self.lane.wants_worker() {
                    self.ask(0);
                }
            }
            Step::Drain => self.lane.drain(),
        }
        self.check();
    }

    fn check(&self) {
        let state = self.lane.state.lock();
        let busy = self.workers.iter().filter_map(|worker| match worker {
            Worker::Busy(job) => Some(job.weight()),
            Worker::Asking(_) => None,
        });
        assert_eq!(state.worker_count, self.workers.len());
        assert!(state.worker_count <= CONCURRENCY);
        let asking_count = self.workers.len() - busy.clone().count();
        assert!(state.resting_count <= asking_count);
        assert_eq!(state.queue.len(), self.waiting.len());
        assert!(
            state.queue.is_empty() || state.active_count() > 0,
            "a job waits without a worker"
        );
        let asks_with = state.held_bytes - state.queue.iter().map(Job::weight).sum::<usize>();
        assert!(asks_with >= busy.sum());
        let free = (0..ATTEMPTS)
            .take_while(|held| self.budget.has_attempts(*held))
            .count();
        let used = state.active_count() + self.others;
        assert_eq!(free, ATTEMPTS.saturating_sub(used));
    }

    /// The sweeper drains the lane and the workers run until they have ended.
    fn end(&mut self) {
        self.run(Step::Drain);
        loop {
            let mut has_moved = false;
            for index in (0..self.workers.len()).rev() {
                has_moved |= self.run_worker(index);
                if index < self.workers.len() && matches!(self.workers[index], Worker::Busy(_)) {
                    self.finish(index);
                    has_moved = true;
                }
            }
            self.check();
            if !has_moved {
                break;
            }
        }
        assert!(self.workers.is_empty(), "{} never ended", self.workers.len());
        assert!(self.waiting.is_empty(), "{} never came out", self.waiting.len());
        assert_eq!(self.lane.state.lock().held_bytes, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_job_has_a_worker_and_comes_out_once(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world.end();
    }
}

#[test]
fn a_worker_that_is_told_to_end_takes_the_job_that_came_meanwhile() {
    let mut world = World::new();
    // It rests, is dismissed, and no attempt is left for another worker.
    for step in [
        Step::Offer,
        Step::Run(0),
        Step::Finish(0),
        Step::Run(0),
        Step::Dismiss,
    ] {
        world.run(step);
    }
    world.run(Step::Others(ATTEMPTS - 1));
    world.run(Step::Offer);
    assert_eq!(world.waiting.len(), 1);
    world.run(Step::Run(0));
    assert!(world.waiting.is_empty());
    world.end();
}
