//! `outboard data-copy`: what a copy's pod runs. Writes events, one JSON value a line, whoever reads them.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use verbs::data::{self, Desk, Halt, Say, Share, Task};

use crate::error::{Failure, Result};

/// So long it may take to let go of what it holds: less than a pod is given.
const LEAVE: Duration = Duration::from_secs(5);

/// Copy MariaDB databases, keys of Redis or objects of S3, as a job's file says
#[derive(Args, Debug)]
pub struct DataCopyArgs {
    /// Source, target, what of it, masks and limits; passwords are named by file or variable
    #[arg(long, value_name = "FILE")]
    pub job: PathBuf,
    /// Say what would be copied and whether it can be, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Propose masks for columns that look like personal data, and change nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub scan: bool,
    /// Store what a backup has of the service, as backup.json beside the job says
    #[arg(long, conflicts_with_all = ["dry_run", "scan", "share"])]
    pub backup: bool,
    /// Copy what a backup has of the service, as backup.json beside the job says
    #[arg(long, conflicts_with_all = ["dry_run", "scan", "share", "backup"])]
    pub restore: bool,
    /// In a pod: the ConfigMap of its namespace in which it tells how far it has come
    #[arg(long, value_name = "CONFIGMAP", requires = "number")]
    pub report: Option<String>,
    /// Which start of the service this is
    #[arg(long = "try", id = "number", value_name = "NUMBER", requires = "report")]
    pub number: Option<u32>,
    /// Of objects: which of several this is that copy them together, each its own ranges of keys. START is a name that
    /// these have in common and no others ever had
    #[arg(long, value_name = "INDEX/OF@START", conflicts_with_all = ["dry_run", "scan"])]
    pub share: Option<Share>,
}

impl DataCopyArgs {
    fn task(&self) -> Task {
        if self.backup {
            return Task::Backup;
        }
        match (self.scan, self.dry_run) {
            (true, _) => Task::Scan,
            (false, true) => Task::Plan,
            (false, false) => Task::Copy,
        }
    }
}

pub fn run(args: &DataCopyArgs) -> Result<()> {
    let say: Say = Arc::new(|event| line(&event));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    let outcome = runtime.block_on(async {
        let halt = Halt::default();
        let mut work = std::pin::pin!(work(args, &halt, &say));
        tokio::select! {
            outcome = &mut work => Some(outcome),
            () = terminated() => {
                halt.ask();
                tokio::time::timeout(LEAVE, work).await.ok()
            }
        }
    });
    // What is done stands in the ledger. Its connections end with it, and so does what they had begun.
    let outcome = match outcome {
        None | Some(Err(data::Error::Stopped)) => return Err(Failure::Interrupted),
        Some(outcome) => outcome,
    };
    outcome.map_err(|error| {
        line(&json!({
            "event": "failed",
            "message": error.to_string(),
            "details": error.details(),
            "fix": error.fix(),
        }));
        error.into()
    })
}

async fn work(args: &DataCopyArgs, halt: &Halt, say: &Say) -> std::result::Result<(), data::Error> {
    if let (Some(name), Some(number)) = (args.report.clone(), args.number) {
        let desk = Desk { name, number, share: args.share.clone(), restores: args.restore };
        return data::run(&args.job, args.task(), desk, halt, say).await;
    }
    match args.task() {
        Task::Copy if args.restore => Box::pin(data::restore_backup(&args.job, halt, say)).await,
        Task::Copy => data::copy(&args.job, args.share.as_ref(), halt, say).await,
        Task::Backup => Box::pin(data::store_backup(&args.job, halt, say)).await,
        Task::Plan => halt.unless(data::plan(&args.job, say)).await,
        Task::Scan => halt.unless(data::scan(&args.job, say)).await,
    }
}

/// The first process of a container gets no signal that it does not listen for.
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Nobody has to read it: the copy goes on.
fn line(event: &impl serde::Serialize) {
    if let Ok(text) = serde_json::to_string(event) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}
