//! Two equal stages, of which one is made larger: the other, measured in the same rounds, is its calibrator.

use super::deliver::{Delivered, deliver, warm_up};
use crate::run::Options;
use crate::run::ledger::Ledger;
use crate::run::stage::Stage;
use anyhow::Result;
use std::path::PathBuf;

/// What was found on either.
pub struct Both<T> {
    pub small: T,
    pub large: T,
}

pub struct Pair<'a> {
    pub small: &'a Stage,
    pub large: Stage,
}

impl<'a> Pair<'a> {
    /// Sets a second stage, with a database and a gateway of its own, beside `small`.
    pub async fn set(small: &'a Stage, options: &Options) -> Result<Self> {
        let large = Options {
            gateway_log: options.gateway_log.as_ref().map(|log| {
                let mut name = PathBuf::clone(log).into_os_string();
                name.push(".large");
                name.into()
            }),
            ..options.clone()
        };
        let large = Stage::set(&large).await?;
        Ok(Self { small, large })
    }

    /// Runs `look` on both, one after the other. Who goes first takes turns: what makes the machine slower and
    /// slower would else always be the second one's.
    pub async fn look<T>(
        &self,
        round: u32,
        mut look: impl AsyncFnMut(&Stage) -> Result<T>,
    ) -> Result<Both<T>> {
        if round % 2 == 1 {
            let small = look(self.small).await?;
            let large = self.look_at_large(&mut look).await?;
            Ok(Both { small, large })
        } else {
            let large = self.look_at_large(&mut look).await?;
            let small = look(self.small).await?;
            Ok(Both { small, large })
        }
    }

    async fn look_at_large<T>(&self, look: &mut impl AsyncFnMut(&Stage) -> Result<T>) -> Result<T> {
        let found = look(&self.large).await;
        if found.is_err() {
            self.large.gateway.show_log_tail();
        }
        found
    }
}

/// Events delivered to the one endpoint that wants them, warmed up and from a quiet start.
pub async fn deliver_quietly(stage: &Stage, ledger: &mut Ledger) -> Result<Delivered> {
    warm_up(stage, ledger, 1).await?;
    stage.settle().await?;
    deliver(stage, ledger).await
}

impl Both<Delivered> {
    /// The larger one's rate by the smaller one's.
    pub fn rate_ratio(&self) -> f64 {
        self.large.rate() / self.small.rate()
    }

    /// The larger one's CPU time for an event, of gateway and Postgres, by the smaller one's.
    pub fn cpu_ratio(&self) -> f64 {
        let cost = |delivered: &Delivered| delivered.gateway_cpu_us + delivered.postgres_cpu_us;
        cost(&self.large) / cost(&self.small)
    }
}
