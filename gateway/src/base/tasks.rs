//! The tasks that run as long as the process does, in groups that stop one after another.
//!
//! If a task panics, or ends before it is asked to, the whole process stops, so that its supervisor restarts it instead of
//! leaving it half alive.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::stop::{Stop, TaskFault};

/// A group of long-running tasks: starts them, asks them to stop and waits for them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    whole: Stop,
    stop: CancellationToken,
    running: TaskTracker,
}

impl Tasks {
    /// A group whose faults stop `whole`.
    pub fn of(whole: &Stop) -> Self {
        Self {
            whole: whole.clone(),
            ..Self::default()
        }
    }

    /// Runs `task`, which heeds [`stop`](Self::stop) and does not end before.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let group = self.clone();
        self.running.spawn(async move {
            let ended = tokio::spawn(task).await;
            // A task that was cancelled went with the runtime.
            match ended {
                Err(fault) if fault.is_panic() => group.whole.fail(TaskFault::panicked(name)),
                Err(_) => {}
                Ok(()) => group.note_end(name),
            }
        });
    }

    /// Runs `work` on a thread of its own, under the same rule.
    ///
    /// `owned` is dropped once the end is noted: dropping it may take long, and may end other tasks, which are not at fault.
    pub fn spawn_thread<T: Send + 'static>(
        &self,
        name: &'static str,
        mut owned: T,
        work: impl FnOnce(&mut T) + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let group = self.clone();
        std::thread::Builder::new().name(name.into()).spawn(move || {
            // After a panic `owned` is dropped and not looked at.
            match std::panic::catch_unwind(AssertUnwindSafe(|| work(&mut owned))) {
                Ok(()) => group.note_end(name),
                Err(_) => group.whole.fail(TaskFault::panicked(name)),
            }
            drop(owned);
        })
    }

    fn note_end(&self, name: &'static str) {
        if !self.whole.is_asked() && !self.stop.is_cancelled() {
            self.whole.fail(TaskFault::ended(name));
        }
    }

    /// The signal that every task waits for beside its work.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Gives the signal and waits until every task has ended.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_groups() -> (Stop, Tasks, Tasks) {
        let whole = Stop::default();
        let (one, other) = (Tasks::of(&whole), Tasks::of(&whole));
        (whole, one, other)
    }

    #[tokio::test]
    async fn a_panic_in_one_group_stops_the_whole() {
        let (whole, one, other) = two_groups();
        let stop = other.stop();
        other.spawn("other", async move { stop.cancelled().await });
        one.spawn("one", async { panic!("on purpose") });
        whole.failed().await;
        assert!(whole.is_asked());
        assert_eq!(whole.fault(), Some(TaskFault::panicked("one")));
        one.shut_down().await;
        other.shut_down().await;
        assert_eq!(
            whole.fault(),
            Some(TaskFault::panicked("one")),
            "the first is kept"
        );
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_stops_the_whole() {
        let (whole, one, _other) = two_groups();
        one.spawn("one", async {});
        whole.failed().await;
        assert_eq!(whole.fault(), Some(TaskFault::ended("one")));
    }

    /// Fails as a task does of which another was the source.
    struct Source(Stop);

    impl Drop for Source {
        fn drop(&mut self) {
            self.0.fail(TaskFault::ended("reader"));
        }
    }

    #[tokio::test]
    async fn a_thread_is_watched_like_a_task_and_named_before_what_ends_of_it() {
        type Work = Box<dyn FnOnce(&mut Source) + Send>;
        let ends: Work = Box::new(|_| ());
        let panics: Work = Box::new(|_| panic!("on purpose"));
        for (work, fault) in [
            (ends, TaskFault::ended("thread")),
            (panics, TaskFault::panicked("thread")),
        ] {
            let (whole, one, _other) = two_groups();
            let source = Source(whole.clone());
            let thread = one.spawn_thread("thread", source, work).expect("a thread");
            whole.failed().await;
            thread.join().expect("the panic is caught");
            assert_eq!(whole.fault(), Some(fault));
        }
    }

    #[tokio::test]
    async fn tasks_that_were_asked_to_end_are_no_fault() {
        let (whole, one, other) = two_groups();
        let stop = one.stop();
        one.spawn("by its group", async move { stop.cancelled().await });
        one.shut_down().await;
        let stop = whole.token();
        other.spawn("by the whole", async move { stop.cancelled().await });
        whole.ask();
        other.shut_down().await;
        assert_eq!(whole.fault(), None);
    }
}
