//! The Prometheus registry behind `/metrics`.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use super::names;

/// Seconds, from a fraction of a millisecond to the longest attempt.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Rows in one commit.
const ROWS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// How often histograms fold their samples, so that they stay small between scrapes.
pub const UPKEEP: Duration = Duration::from_secs(1);

/// The registry of this process, with what the operating system counts of it: CPU, memory, open files.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    process: Collector,
}

impl Metrics {
    /// Installs the registry for the whole process, or gives `None` where one is installed already (in tests).
    pub fn install() -> Option<Self> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_rows".into()), ROWS))
            .ok()?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        names::describe();
        // Shown from the start: an operator who cannot see the log looks here.
        metrics::counter!(names::LOG_LINES_DROPPED).increment(0);
        let process = Collector::default();
        process.describe();
        Some(Self { handle, process })
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.process.collect();
        self.handle.render()
    }

    /// Folds the samples of histograms.
    pub fn keep_up(&self) {
        self.handle.run_upkeep();
    }
}
