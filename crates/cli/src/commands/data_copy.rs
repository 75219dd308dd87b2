//! `outboard data-copy`: what a copy's pod runs. Writes events, one JSON value a line, whoever reads them.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use verbs::data::{self, Say};

use crate::error::{Failure, Result};

/// Copy MariaDB databases, or keys of Redis, as a job's file says
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
}

pub fn run(args: &DataCopyArgs) -> Result<()> {
    let say: Say = Arc::new(|event| line(&event));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    let outcome = runtime.block_on(async {
        if args.scan {
            data::scan(&args.job, &say).await
        } else if args.dry_run {
            data::plan(&args.job, &say).await
        } else {
            data::copy(&args.job, &say).await
        }
    });
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

/// Nobody has to read it: the copy goes on.
fn line(event: &impl serde::Serialize) {
    if let Ok(text) = serde_json::to_string(event) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}
