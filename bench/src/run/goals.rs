//! The rows of the table, and what DESIGN.md ('Numbers to reach') asks of them.

use super::spread::Spread;
use std::fmt;

#[derive(Clone, Copy)]
pub enum Goal {
    /// Of the median.
    AtLeast(f64),
    /// Of the median.
    AtMost(f64),
    /// Zero in every sample: one fault is a fault.
    Never,
    /// Shown for what it explains; nothing is asked of it.
    Shown,
}

impl Goal {
    pub fn met(self, spread: Spread) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(spread.median >= least),
            Self::AtMost(most) => Some(spread.median <= most),
            Self::Never => Some(spread.max == 0.0),
            Self::Shown => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(formatter, ">= {least:.2}"),
            Self::AtMost(most) => write!(formatter, "<= {most}"),
            Self::Never => formatter.write_str("never"),
            Self::Shown => Ok(()),
        }
    }
}

pub struct Row {
    pub key: &'static str,
    pub label: &'static str,
    pub unit: &'static str,
    pub goal: Goal,
}

const fn row(key: &'static str, label: &'static str, unit: &'static str, goal: Goal) -> Row {
    Row {
        key,
        label,
        unit,
        goal,
    }
}

use Goal::{AtLeast, AtMost, Never, Shown};

/// Within 1.2 times the cost of the smallest size, as a ratio of rates.
const WITHIN: f64 = 1.0 / 1.2;

pub const ROWS: &[Row] = &[
    row("hello.rate", "bare hello", "/s", Shown),
    row("whoami.rate", "gateway GET /v1/whoami", "/s", Shown),
    row("whoami.ratio", "  whoami / hello", "x", AtLeast(0.90)),
    row("whoami.p99_us", "  whoami p99", "us", Shown),
    row("badge.rate", "gateway GET /hoots/{id}/badge.svg", "/s", Shown),
    row("badge.ratio", "  badge / hello", "x", AtLeast(0.60)),
    row("badge.p99_ms", "  badge p99 at 5,000/s", "ms", AtMost(5.0)),
    row("record.rate", "gateway POST /v1/crm/contacts", "/s", Shown),
    row("report.rate", "gateway POST /v1/sentries/{id}", "/s", Shown),
    row("report.ratio", "  report / record", "x", Shown),
    row("report.p99_ms", "  report p99", "ms", Shown),
    row("sink.rate", "bare POST sink", "/s", Shown),
    row("accept.rate", "gateway POST /v1/events", "/s", Shown),
    row("accept.ratio", "  accept / sink", "x", AtLeast(0.40)),
    row("accept.p99_us", "  accept p99", "us", Shown),
    row(
        "accept.some_ids_rate",
        "  one in fifty with a client's id",
        "/s",
        Shown,
    ),
    row(
        "accept.some_ids_ratio",
        "  one in fifty with an id / plain",
        "x",
        AtLeast(0.95),
    ),
    row("accept.ids_rate", "  all with a client's id", "/s", Shown),
    row("accept.ids_ratio", "  all with an id / plain", "x", AtLeast(0.80)),
    row("accept.keys_rate", "  all with an Idempotency-Key", "/s", Shown),
    row(
        "accept.keys_ratio",
        "  all with a key / plain",
        "x",
        AtLeast(0.75),
    ),
    row("relay.rate", "raw signing client", "/s", Shown),
    row("raw.rate", "raw relay 1/(1/sink+1/relay)", "/s", Shown),
    row("deliver.rate", "gateway accept+deliver+record", "/s", Shown),
    row("deliver.ratio", "  deliver / raw relay", "x", AtLeast(0.50)),
    row("deliver.accept_rate", "  accepted meanwhile", "/s", Shown),
    row("deliver.unrecorded", "  record not seen in /metrics", "", Never),
    row("deliver.drain_ms", "  drain after the last accept", "ms", Shown),
    row("drain.rate", "parked backlog delivered+recorded", "/s", Shown),
    row("drain.ratio", "  drain / live delivery", "x", AtLeast(0.8)),
    row("deliver.connections", "  connections opened", "", Shown),
    row("deliver.duplicates", "  duplicates", "", Never),
    row("deliver.gateway_cpu_us", "  gateway CPU per event", "us", Shown),
    row("deliver.postgres_cpu_us", "  Postgres CPU per event", "us", Shown),
    row("idle.rss_mb", "gateway memory, idle", "MB", AtMost(40.0)),
    row(
        "deliver.rss_peak_mb",
        "gateway memory, delivery peak",
        "MB",
        AtMost(256.0),
    ),
    row("latency.rate", "latency at a quarter: offered", "/s", Shown),
    row("latency.p50_ms", "  accept to receipt p50", "ms", AtMost(5.0)),
    row("latency.p99_ms", "  accept to receipt p99", "ms", AtMost(50.0)),
    row("nine.rate", "nine endpoints alone: delivered", "/s", Shown),
    row("beside.rate", "nine beside a hanging one", "/s", Shown),
    row("neighbour.ratio", "  beside / alone", "x", AtLeast(0.95)),
    row("nine.p99_ms", "nine alone p99, quarter rate", "ms", Shown),
    row("beside.p99_ms", "nine beside p99, same rate", "ms", Shown),
    row("neighbour.p99_ratio", "  p99 beside / alone", "x", AtMost(1.25)),
    row("import.copy_s", "psql \\copy of the good rows", "s", Shown),
    row("import.new_s", "import of new rows", "s", Shown),
    row(
        "import.new_ratio",
        "  new rows / copy, rows a second",
        "x",
        AtLeast(0.80),
    ),
    row("import.same_s", "import of the same file again", "s", Shown),
    row("import.same_ratio", "  same file / copy", "x", AtLeast(1.50)),
    row("import.updated_s", "import that updates every row", "s", Shown),
    row("import.updated_ratio", "  all updated / copy", "x", AtLeast(0.50)),
    row(
        "import.rss_growth_mb",
        "  memory beyond idle, peak",
        "MB",
        AtMost(64.0),
    ),
    row("import.gateway_cpu_us", "  gateway CPU per new row", "us", Shown),
    row("errors", "replies that were no 2xx", "", Never),
    row("keys.rate", "whoami in the keys scenario", "/s", Shown),
    row("keys.load_seconds", "start with 1,000,000 keys", "s", AtMost(5.0)),
    row(
        "keys.rss_mb",
        "gateway memory with 1,000,000 keys",
        "MB",
        AtMost(200.0),
    ),
    row("keys.many_ratio", "  1,000,000 / 10,000 keys", "x", AtLeast(0.85)),
    row("keys.alone_p99_us", "paced whoami p99, alone", "us", Shown),
    row("keys.flood_p99_us", "  … beside a flood", "us", Shown),
    row(
        "keys.flood_p99_ratio",
        "  … beside a flood / alone",
        "x",
        AtMost(1.25),
    ),
    row("keys.flood_rate", "wrong keys answered", "/s", Shown),
    row(
        "late.alone_p50_ms",
        "retry's lateness p50, none parked",
        "ms",
        Shown,
    ),
    row(
        "late.alone_p99_ms",
        "retry's lateness p99, none parked",
        "ms",
        Shown,
    ),
    row("late.p50_ms", "  … p50, with the parked", "ms", Shown),
    row("late.p99_ms", "  … p99, with the parked", "ms", AtMost(250.0)),
    row("late.p99_ratio", "  … p99, parked / none", "x", Shown),
    row("late.duplicates", "  duplicates", "", Never),
    row("stored.few_accept_rate", "accept, 1,000 stored", "/s", Shown),
    row("stored.many_accept_rate", "accept, all stored", "/s", Shown),
    row(
        "stored.accept_ratio",
        "  all / 1,000 stored",
        "x",
        AtLeast(WITHIN),
    ),
    row("stored.few_deliver_rate", "deliver, 1,000 stored", "/s", Shown),
    row("stored.many_deliver_rate", "deliver, all stored", "/s", Shown),
    row(
        "stored.deliver_ratio",
        "  all / 1,000 stored",
        "x",
        AtLeast(WITHIN),
    ),
    row("stored.cpu_ratio", "  CPU per event, all / 1,000", "x", Shown),
    row(
        "stored.few_list_p50_ms",
        "list of 50 p50, 1,000 stored",
        "ms",
        Shown,
    ),
    row(
        "stored.many_list_p50_ms",
        "list of 50 p50, all stored",
        "ms",
        Shown,
    ),
    row(
        "stored.few_list_p99_ms",
        "list of 50 p99, 1,000 stored",
        "ms",
        Shown,
    ),
    row(
        "stored.many_list_p99_ms",
        "list of 50 p99, all stored",
        "ms",
        Shown,
    ),
    row("endpoints.one_rate", "deliver, 1 endpoint", "/s", Shown),
    row("endpoints.many_rate", "deliver, 1 of all endpoints", "/s", Shown),
    row("endpoints.ratio", "  all / 1 endpoint", "x", AtLeast(WITHIN)),
    row("endpoints.cpu_ratio", "  CPU per event, all / 1", "x", Shown),
    row("endpoints.rss_mb", "gateway memory, all endpoints", "MB", Shown),
    row("instances.one_rate", "delivered, one instance held", "/s", Shown),
    row("instances.two_rate", "delivered, two", "/s", Shown),
    row("instances.two_ratio", "  two / one", "x", Shown),
    row("instances.three_rate", "delivered, three", "/s", Shown),
    row("instances.three_ratio", "  three / one", "x", Shown),
];
