//! `outboard env restore`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::data::{self, Wanted};
use verbs::environment::{self, Lost};

use super::{carry_out, carry_out_filled};
use crate::args::{Changing, Scope};
use crate::commands::data::begin;
use crate::commands::data::copy::Masking;
use crate::context::{Context, Place};
use crate::error::{Failure, Result};
use crate::output::copied as shown;
use crate::terminal;

/// Bring an environment back that was destroyed, with the volumes that its class kept, where no job runs again; or its data out of a
/// backup, also into one that is there
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Of a backup: service to restore; may be repeated [default: all that it has]
    #[arg(value_name = "SERVICE", requires = "backup")]
    pub services: Vec<String>,
    /// Replace its data by a backup's: its name, `latest`, or `OTHER/latest` of another environment
    #[arg(long, value_name = "BACKUP", conflicts_with_all = ["kept", "without_data"])]
    pub backup: Option<String>,
    /// Whether personal data in it is masked as the project says, unless it comes back to where it was, or never
    #[arg(long, value_enum, requires = "backup", default_value_t = Masking::Project, value_name = "MASKS")]
    pub mask: Masking,
    /// Replace the data of an environment that is there without asking
    #[arg(short, long, requires = "backup")]
    pub yes: bool,
    /// Also into an environment of a protected class, or out of one unmasked; needs the right to release environments
    #[arg(long, requires = "backup")]
    pub protected: bool,
    /// Revision to run again [default: the last one that was ready]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub revision: Option<i64>,
    /// Of several that ended with the same revision, the record of what was kept of one
    #[arg(long, value_name = "RECORD", conflicts_with = "without_data")]
    pub kept: Option<String>,
    /// With empty services, for which jobs run; volumes that were kept stay as they are
    #[arg(long)]
    pub without_data: bool,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: RestoreArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    if let Some(backup) = &args.backup {
        return Box::pin(out_of_backup(context, &place, backup, &args)).await;
    }
    let lost =
        Lost { name: args.name, revision: args.revision, kept: args.kept, without_data: args.without_data };
    let wish = environment::restore(&place.cluster, &place.namespace, &lost).await?;
    carry_out(context, &place, wish, &args.changing).await
}

/// Into the environment as it stands; one that was destroyed is made again first, without data.
async fn out_of_backup(context: &Context, place: &Place, said: &str, args: &RestoreArgs) -> Result<()> {
    let (cluster, namespace, name) = (&place.cluster, place.namespace.as_str(), args.name.as_str());
    let chosen = data::chosen(cluster, namespace, (name, said), &args.services).await?;
    let now = cluster.now().await;
    let wanted = Wanted {
        masks: args.mask.choice(),
        protected: args.protected,
        ..data::restore(&chosen, name, args.services.clone(), now)
    };
    let lost = Lost { name: args.name.clone(), revision: args.revision, kept: None, without_data: true };
    match environment::restore(cluster, namespace, &lost).await {
        Ok(wish) => {
            if args.changing.dry_run {
                data::try_out(cluster, namespace, &wanted).await?;
            }
            return Box::pin(carry_out_filled(context, place, wish, &args.changing, Some(&wanted))).await;
        }
        // It is there: its data is replaced.
        Err(verbs::Error::StillThere { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if args.changing.dry_run {
        data::rehearse(cluster, namespace, &wanted).await?;
        return context.output.result(&serde_json::json!({"backup": chosen.backup, "into": name}), |paint| {
            format!("the data of {} would be replaced by the backup {}", paint.strong(name), chosen.backup)
        });
    }
    if !args.yes && !terminal::can_ask() {
        return Err(Failure::Usage {
            sentence: format!(
                "replacing the data of {name} has to be confirmed, and there is no terminal to ask on"
            ),
            hint: "say --yes".to_owned(),
        });
    }
    let question = format!(
        "Replace the data of environment {name} of namespace {namespace}{} by that of {}? [y/N] ",
        place.at(),
        chosen.backup
    );
    if !args.yes && !matches!(terminal::ask(question).await?.as_str(), "y" | "yes") {
        context.output.note(&format!("{name} stays as it is"));
        return Ok(());
    }
    let patience = &args.changing.patience;
    match Box::pin(begin(context, place, &wanted, patience.no_wait, Some(patience.timeout))).await? {
        Some(detail) => context.output.outcome(&detail, |paint| shown::detail(&detail, *paint)),
        None => Ok(()),
    }
}
