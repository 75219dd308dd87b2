//! `outboard data …`

mod cancel;
mod chosen;
pub mod copy;
mod limit;
mod list;
mod pause;
mod reset;
mod resume;
mod scan;
mod show;

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use verbs::Change;
use verbs::data::{self, CopyLimits, Wanted};
use words::time::elapsed;

use crate::args::Scope;
use crate::context::{Context, Place};
use crate::error::Result;
use crate::output::copied as shown;
use crate::output::progress::Progress;

/// Copy data from environment to environment: masked, verified, resumable
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    Copy(copy::CopyArgs),
    Reset(reset::ResetArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Pause(pause::PauseArgs),
    Resume(resume::ResumeArgs),
    Cancel(cancel::CancelArgs),
    Limit(limit::LimitArgs),
    Scan(scan::ScanArgs),
}

pub async fn run(context: &Context, command: DataCommand) -> Result<()> {
    match command {
        DataCommand::Copy(args) => copy::run(context, args).await,
        DataCommand::Reset(args) => reset::run(context, args).await,
        DataCommand::List(args) => list::run(context, args).await,
        DataCommand::Show(args) => show::run(context, args).await,
        DataCommand::Pause(args) => pause::run(context, args).await,
        DataCommand::Resume(args) => resume::run(context, args).await,
        DataCommand::Cancel(args) => cancel::run(context, args).await,
        DataCommand::Limit(args) => limit::run(context, args).await,
        DataCommand::Scan(args) => scan::run(context, args).await,
    }
}

/// Which copy is meant.
#[derive(Args, Debug)]
pub struct Named {
    /// Name of the copy
    pub name: String,
    #[command(flatten)]
    pub scope: Scope,
}

/// How gently the source is treated.
#[derive(Args, Clone, Copy, Debug)]
pub struct Gently {
    /// Read at most so much of each service, such as 20MB/s [default: as fast as it goes]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub limit: Option<Rate>,
    /// Readers of each source, and as many writers, 1 to 32 [default: 4]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub connections: Option<u32>,
    /// Leave a MariaDB alone while it runs more statements than this besides the copy's [default: 50]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub threads_running: Option<u64>,
    /// Leave the source alone while it answers the simplest question later than this, in milliseconds [default: 1000; of Redis 50]
    #[arg(long, value_name = "MILLIS", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub latency: Option<u64>,
    /// Ask a Redis less while its main thread is busier than this, of 100 [default: no limit]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(1..=100))]
    pub cpu: Option<u64>,
    /// Objects of S3 under way at once, at most, 1 to 1024; how many there are is found out [default: 256]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub transfers: Option<u32>,
    /// Ask S3 at most so often a second, both sides together, or none [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = requests)]
    pub requests: Option<Requests>,
}

impl Gently {
    pub fn limits(self) -> CopyLimits {
        CopyLimits {
            connections: self.connections,
            bytes_per_second: self.limit.and_then(|Rate(rate)| rate),
            threads_running: self.threads_running,
            latency_millis: self.latency,
            cpu_percent: self.cpu,
            transfers: self.transfers,
            requests_per_second: self.requests.and_then(|Requests(count)| count),
        }
    }
}

/// So many bytes each second; none: as fast as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub Option<u64>);

/// `20MB/s`, `500KiB/s` or `none`.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    /// Less is not a limit but a standstill.
    const LEAST: u64 = 1024;
    let wrong = || "write a rate such as 20MB/s, 512KiB/s or none".to_owned();
    if text == "none" {
        return Ok(Rate(None));
    }
    let amount = text.strip_suffix("/s").unwrap_or(text);
    let letters = amount.find(|c: char| !c.is_ascii_digit()).unwrap_or(amount.len());
    let (number, unit) = amount.split_at(letters);
    let unit: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let rate = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
    match rate {
        0..LEAST => Err("a rate is at least 1KiB/s; `data pause` stops a copy".to_owned()),
        // Kubernetes keeps whole numbers of 64 bits with a sign.
        rate => i64::try_from(rate).map(|_| Rate(Some(rate))).map_err(|_| wrong()),
    }
}

/// So many each second; none: as many as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests(pub Option<u64>);

pub(super) fn requests(text: &str) -> Result<Requests, String> {
    const MOST: u64 = 1_000_000;
    match text.parse::<u64>() {
        _ if text == "none" => Ok(Requests(None)),
        Ok(count @ 1..=MOST) => Ok(Requests(Some(count))),
        _ => Err(format!("write a number from 1 to {MOST}, or none")),
    }
}

/// Waits for a copy that was asked for, and shows what became of it.
async fn wait(
    context: &Context,
    place: &Place,
    name: &str,
    timeout: Option<Duration>,
    mut progress: Progress<'_>,
    start: Instant,
) -> Result<data::Detail> {
    context.waiting(resume(place, name));
    let watched =
        data::watch(&place.cluster, &place.namespace, name, timeout, &mut |event| progress.event(&event))
            .await;
    progress.end();
    let detail = data::detail(&watched?);
    if !context.output.is_json() {
        context.output.note(&format!("after {}", elapsed(start.elapsed())));
    }
    Ok(detail)
}

/// How to watch it again, from anywhere.
fn resume(place: &Place, name: &str) -> String {
    format!("outboard -n {} data show {name} --wait", place.namespace)
}

/// Writes a copy down, then waits unless that was not asked for; none: it goes on by itself.
pub(super) async fn begin(
    context: &Context,
    place: &Place,
    wanted: &Wanted,
    detach: bool,
    timeout: Option<Duration>,
) -> Result<Option<data::Detail>> {
    let start = Instant::now();
    let mut progress = Progress::new(&context.output);
    let begun =
        data::begin(&place.cluster, &place.namespace, wanted, &mut |event| progress.event(&event)).await;
    let begun = match begun {
        Ok(begun) if !detach => begun,
        begun => {
            progress.end();
            let summary = data::summary(&begun?);
            let name = &summary.name;
            context.output.outcome(&summary, |paint| {
                format!(
                    "{} is on its way: watch it with `outboard data show {name} --wait`",
                    paint.strong(name)
                )
            })?;
            return Ok(None);
        }
    };
    let name = begun.metadata.name.as_deref().unwrap_or(&wanted.name);
    Box::pin(wait(context, place, name, timeout, progress, start)).await.map(Some)
}

/// What steering a copy did.
fn steered(context: &Context, name: &str, word: &str, copy: &api::DataCopy, change: Change) -> Result<()> {
    let summary = data::summary(copy);
    context.output.result(&summary, |paint| {
        let already = if change == Change::Unchanged { " already" } else { "" };
        format!("{} is {word}{already} ({})", paint.strong(name), shown::phase(summary.phase, *paint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_a_number_or_none() {
        assert_eq!((requests("50"), requests("none")), (Ok(Requests(Some(50))), Ok(Requests(None))));
        assert!(["0", "-1", "many", ""].iter().all(|wrong| requests(wrong).is_err()));
    }

    #[test]
    fn a_rate_needs_its_unit_and_is_no_standstill() {
        assert_eq!(rate("20MB/s"), Ok(Rate(Some(20_000_000))));
        assert_eq!(rate("512KiB"), Ok(Rate(Some(524_288))));
        assert_eq!(rate("none"), Ok(Rate(None)));
        for wrong in ["20", "MB/s", "1.5MB/s", "-1MB/s", "0MB/s", "10B/s", "99999999999GB/s", ""] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
