//! How many reports one sentry takes on this instance.

use metrics::counter;

use crate::base::caller::WorkspaceId;
use crate::base::id::SentryId;
use crate::config;
use crate::http::buckets::Buckets;
use crate::http::problem::Problem;
use crate::telemetry::names;

const BURST: u32 = 60;

/// A bucket for each sentry.
pub struct Pace {
    buckets: Buckets,
    per_second: u32,
}

impl Pace {
    /// Full buckets that refill as the settings say.
    pub fn new(settings: &config::Sentries) -> Self {
        let per_second = settings.max_reports_per_second;
        Self {
            buckets: Buckets::new(per_second, BURST),
            per_second,
        }
    }

    /// 429 if the sentry has had too many reports. The workspace is the caller's, so that nobody uses up another's.
    pub fn take(&self, workspace: WorkspaceId, id: SentryId) -> Result<(), Problem> {
        self.buckets.take(&(workspace, id)).map_err(|wait| {
            counter!(names::SENTRY_REPORTS_REFUSED).increment(1);
            Problem::too_many_reports(self.per_second, wait)
        })
    }
}
