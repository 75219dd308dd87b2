//! `outboard data copy`.

use std::time::Duration;

use api::names::EnvironmentName;
use clap::{Args, ValueEnum};
use verbs::data::{self, MaskChoice, SnapshotChoice, Wanted};

use super::chosen::Chosen;
use super::{Gently, begin};
use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::Result;
use crate::output::copied as shown;

/// Replace the data of one environment's databases, Redis and S3 by those of another
///
/// Each database as of one moment, and each Redis that gives a snapshot; else keys, and objects, each as of their own.
/// Writers of the source go on. What writes to the target is stopped meanwhile and comes back by itself. Data is masked as
/// the project says, and verified on the target. A copy that is killed goes on where it was; Ctrl-C only stops watching.
#[derive(Args, Debug)]
pub struct CopyArgs {
    /// Environment whose data is copied
    #[arg(long, value_name = "ENVIRONMENT")]
    pub from: EnvironmentName,
    /// Environment whose data is replaced
    #[arg(long, value_name = "ENVIRONMENT")]
    pub to: EnvironmentName,
    /// Service to copy; may be repeated [default: every MariaDB, Redis and S3 that both have]
    #[arg(long, value_name = "SERVICE")]
    pub only: Vec<String>,
    #[command(flatten)]
    pub chosen: Chosen,
    /// Whether personal data is masked as the project says, or copied as it is
    #[arg(long, value_enum, default_value_t = Masking::Project, value_name = "MASKS")]
    pub mask: Masking,
    /// Whether a Redis is copied as of one moment, out of a snapshot: if it gives one, or else fail, or not
    #[arg(long, value_enum, default_value_t = Moment::Auto, value_name = "WHEN")]
    pub snapshot: Moment,
    /// Pods that copy the objects of an S3 together, on nodes of their own where there are some [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub workers: Option<u32>,
    #[command(flatten)]
    pub gently: Gently,
    /// Let what writes to the target go on
    #[arg(long)]
    pub no_quiesce: bool,
    /// Also into an environment of a protected class, or out of one unmasked; needs the right to release environments
    #[arg(long)]
    pub protected: bool,
    /// Name of the copy [default: one that begins with the target's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Say what would be copied and whether it can be, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Return as soon as the wish is written down
    #[arg(long)]
    pub detach: bool,
    /// Give up waiting after this long; the copy goes on [default: wait until it has ended]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub scope: Scope,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Masking {
    Project,
    None,
}

impl Masking {
    pub fn choice(self) -> MaskChoice {
        match self {
            Self::Project => MaskChoice::Project,
            Self::None => MaskChoice::None,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Moment {
    Auto,
    Always,
    Never,
}

impl Moment {
    pub fn choice(self) -> SnapshotChoice {
        match self {
            Self::Auto => SnapshotChoice::Auto,
            Self::Always => SnapshotChoice::Always,
            Self::Never => SnapshotChoice::Never,
        }
    }
}

pub async fn run(context: &Context, args: CopyArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let now = place.cluster.now().await;
    let wanted = Wanted {
        name: args.name.unwrap_or_else(|| data::fresh_name(args.to.as_str(), now)),
        from: args.from.to_string(),
        to: args.to.to_string(),
        services: args.only,
        keys: args.chosen.keys(),
        delete_up_to: args.chosen.delete_up_to,
        denied: args.chosen.denied(),
        snapshot: args.snapshot.choice(),
        workers: args.workers,
        masks: args.mask.choice(),
        limits: args.gently.limits(),
        dry_run: args.dry_run,
        scan: false,
        quiesce: !args.no_quiesce,
        protected: args.protected,
        backing: data::Backing::None,
    };
    let ended = begin(context, &place, &wanted, args.detach, args.timeout).await?;
    match ended {
        Some(detail) => context.output.outcome(&detail, |paint| shown::detail(&detail, *paint)),
        None => Ok(()),
    }
}
