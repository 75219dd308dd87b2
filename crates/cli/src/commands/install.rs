//! `outboard install`.

use std::time::Duration;

use clap::Args;
use verbs::install::{self, Options, Outcome};

use crate::args::{Format, duration};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::settings::SettingsArgs;

/// Install outboard in the cluster, or upgrade it: definitions, rights and the operator
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Print what would be installed, as YAML; asks no cluster
    #[arg(long)]
    pub dry_run: bool,
    /// Image of the operator [default: the one of this version]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Operators that run; one leads, more take over faster when its node dies
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=5))]
    pub replicas: u16,
    /// Return as soon as everything is written
    #[arg(long)]
    pub no_wait: bool,
    /// Give up waiting for the operator after this long
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = duration)]
    pub timeout: Duration,
}

impl InstallArgs {
    fn options(&self) -> Options {
        Options {
            image: self.image.clone().unwrap_or_else(|| Options::default().image),
            settings: self.settings.settings(),
            replicas: self.replicas,
        }
    }
}

pub async fn run(context: &Context, args: InstallArgs) -> Result<()> {
    let options = args.options();
    if args.dry_run {
        let manifests = install::manifests(&options);
        return match context.output.format {
            Format::Json => context.output.result(&manifests, |_| String::new()),
            Format::Table | Format::Wide | Format::Yaml => {
                let text =
                    install::to_yaml(&manifests).map_err(|error| Failure::Output(error.to_string()))?;
                context.output.line(text.trim_end())
            }
        };
    }
    let cluster = context.cluster().await?;
    context.waiting("kubectl -n outboard-system get pods".to_owned());
    let report = install::apply(&cluster, &options).await?;
    for object in report.objects.iter().filter(|object| object.outcome != Outcome::Unchanged) {
        let done = if object.outcome == Outcome::Created { "created" } else { "changed" };
        context.output.note(&format!("{done} {} {}", object.kind, object.name));
    }
    if !args.no_wait {
        context.output.note("waiting for the operator");
        install::wait(&cluster, &options, args.timeout).await?;
    }
    context.output.outcome(&report, |paint| {
        let counts =
            [(Outcome::Created, "created"), (Outcome::Changed, "changed"), (Outcome::Unchanged, "unchanged")];
        let counts: Vec<String> =
            counts.iter().map(|(outcome, word)| format!("{} {word}", report.count(*outcome))).collect();
        let state = if args.no_wait { "written" } else { "ready" };
        format!("outboard is {} in {}: {}", paint.good(state), cluster.server, counts.join(", "))
    })
}
