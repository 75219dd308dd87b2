//! A copy of Redis from its file to its report. What passes by itself is tried again; everything else is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::attempt;
use super::job::{self, Limits};
use super::report::{Event, PlanSummary, Report, Tally};
use crate::error::Result;
use crate::{Say, Steer, progress};

/// Tries in a row that got nowhere.
const FRUITLESS: u32 = 5;

/// What would be copied, and whether it can be; changes nothing.
pub async fn plan(file: &Path, say: &Say) -> Result<PlanSummary> {
    let ready = job::read(file)?;
    let ends = Box::pin(attempt::open(&ready)).await?;
    let plan = ends.plan(&ready);
    say(progress::Event::Redis(Event::Plan(plan.clone())));
    Ok(plan)
}

/// Follows the limits in its file.
pub async fn copy(file: &Path, say: &Say) -> Result<Report> {
    let limits = file.to_owned();
    let steer: Steer<Limits> = Arc::new(move || job::limits(&limits));
    copy_steered(file, &steer, say).await
}

pub async fn copy_steered(file: &Path, steer: &Steer<Limits>, say: &Say) -> Result<Report> {
    let ready = job::read(file)?;
    let (begun, mut fruitless) = (Instant::now(), 0);
    loop {
        let tally = Arc::new(Tally::default());
        let error = match Box::pin(attempt::attempt(&ready, steer, &tally, say)).await {
            Ok(mut report) => {
                report.seconds = begun.elapsed().as_secs_f64();
                say(progress::Event::Redis(Event::Report(Box::new(report.clone()))));
                return Ok(report);
            }
            Err(error) => error,
        };
        let done = tally.done.load(Ordering::Relaxed) > 0;
        fruitless = if done { 0 } else { fruitless + 1 };
        // Before anything was reached there is nothing to lose by telling at once.
        if !error.passes() || fruitless >= FRUITLESS || (!done && fruitless > 0) {
            return Err(error);
        }
        say(progress::Event::Note { message: format!("{error}: begun again with what is done") });
        tokio::time::sleep(Duration::from_secs(1 << fruitless)).await;
    }
}
