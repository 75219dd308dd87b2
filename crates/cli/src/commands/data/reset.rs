//! `outboard data reset`.

use std::time::Duration;

use api::names::EnvironmentName;
use clap::Args;
use verbs::data::{self, Backing, MaskChoice, Wanted};

use super::begin;
use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::copied as shown;
use crate::terminal;

/// Replace the data of an environment by what it got last, once more and from where that came from
///
/// From another environment, as its data is now, or from a backup; with the services, keys and masks that were chosen then.
#[derive(Args, Debug)]
pub struct ResetArgs {
    /// Environment whose data is replaced
    pub environment: EnvironmentName,
    /// Replace it without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Also into an environment of a protected class, or out of one unmasked; needs the right to release environments
    #[arg(long)]
    pub protected: bool,
    /// Say from where it would come and whether it may, and change nothing
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

pub async fn run(context: &Context, args: ResetArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let (cluster, namespace, name) = (&place.cluster, place.namespace.as_str(), args.environment.as_str());
    let wanted = Wanted { protected: args.protected, ..data::reset(cluster, namespace, name).await? };
    let source = match &wanted.backing {
        Backing::From(backup) => format!("the backup {backup}"),
        Backing::None | Backing::Made => wanted.from.clone(),
    };
    let how = how(&wanted);
    if args.dry_run {
        data::rehearse(cluster, namespace, &wanted).await?;
        let told = serde_json::json!({
            "environment": name,
            "from": wanted.from,
            "source": source,
            "services": wanted.services,
            "masks": wanted.masks,
        });
        return context.output.result(&told, |paint| {
            format!("the data of {} would be replaced by that of {source}: {how}", paint.strong(name))
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
        "Replace the data of environment {name} of namespace {namespace}{} by that of {source}: {how}? [y/N] ",
        place.at(),
    );
    if !args.yes && !matches!(terminal::ask(question).await?.as_str(), "y" | "yes") {
        context.output.note(&format!("{name} stays as it is"));
        return Ok(());
    }
    match Box::pin(begin(context, &place, &wanted, args.detach, args.timeout)).await? {
        Some(detail) => context.output.outcome(&detail, |paint| shown::detail(&detail, *paint)),
        None => Ok(()),
    }
}

/// What of it comes, and how personal data does.
fn how(wanted: &Wanted) -> String {
    let services = match wanted.services.as_slice() {
        [] => "all services".to_owned(),
        named => named.join(", "),
    };
    let masks = match wanted.masks {
        MaskChoice::Project => "masked as the project says",
        MaskChoice::None => "personal data as it is, not masked",
    };
    format!("{services}; {masks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_asked_is_told_what_comes_and_whether_it_is_masked() {
        let wanted = Wanted::between("c1".into(), "live", "qa");
        assert_eq!(how(&wanted), "all services; masked as the project says");
        let services = vec!["db".into(), "cache".into()];
        let bare = Wanted { services, masks: MaskChoice::None, ..wanted };
        assert_eq!(how(&bare), "db, cache; personal data as it is, not masked");
    }
}
