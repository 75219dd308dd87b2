//! A copy of S3 from its file to its report. What passes by itself is tried again; everything else is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::attempt;
use super::job::{self, Limits};
use super::report::{Event, PlanSummary, Report, Tally};
use crate::error::Result;
use crate::share::Share;
use crate::{Halt, Say, Steer, progress};

/// Tries in a row that got nowhere: about five minutes.
const FRUITLESS: u32 = 10;
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What would be copied, and whether it can be; changes nothing.
pub async fn plan(file: &Path, say: &Say) -> Result<PlanSummary> {
    let ready = job::read(file, None)?;
    let mut ends = Box::pin(attempt::open(&ready)).await?;
    if ready.job.count {
        ends.count().await?;
    }
    let plan = ends.plan().clone();
    say(progress::Event::S3(Event::Plan(plan.clone())));
    Ok(plan)
}

/// Follows the limits in its file.
pub async fn copy(file: &Path, share: Option<&Share>, halt: &Halt, say: &Say) -> Result<Report> {
    let limits = file.to_owned();
    let steer: Steer<Limits> = Arc::new(move || job::limits(&limits));
    copy_steered(file, share, &steer, halt, say).await
}

pub async fn copy_steered(
    file: &Path,
    share: Option<&Share>,
    steer: &Steer<Limits>,
    halt: &Halt,
    say: &Say,
) -> Result<Report> {
    let ready = job::read(file, share)?;
    let (begun, mut fruitless, mut ever) = (Instant::now(), 0, false);
    loop {
        let tally = Arc::new(Tally::default());
        let error = match Box::pin(attempt::attempt(&ready, steer, halt, &tally, say)).await {
            Ok(mut report) => {
                report.seconds = begun.elapsed().as_secs_f64();
                say(progress::Event::S3(Event::Report(Box::new(report.clone()))));
                return Ok(report);
            }
            Err(error) => error,
        };
        let done = tally.copied.load(Ordering::Relaxed) > 0;
        ever |= done;
        fruitless = if done { 0 } else { fruitless + 1 };
        // Before anything was reached there is nothing to lose by telling at once.
        if !error.passes() || fruitless >= FRUITLESS || !ever {
            return Err(error);
        }
        say(progress::Event::Note { message: format!("{error}: begun again with what is done") });
        let wait = Duration::from_secs(1 << fruitless).min(LONGEST_WAIT);
        let _ = tokio::time::timeout(wait, halt.asked()).await;
    }
}
