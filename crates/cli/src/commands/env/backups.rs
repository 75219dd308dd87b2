//! `outboard env backups`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::data;
use words::copy::grouped;
use words::size::bytes;
use words::time::age;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::copied as shown;
use crate::output::table::{columns, or_dash};

/// List backups, those of destroyed environments too
#[derive(Args, Debug)]
pub struct BackupsArgs {
    /// Of this environment [default: of all]
    pub name: Option<EnvironmentName>,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: BackupsArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let of = args.name.as_ref().map(EnvironmentName::as_str);
    let backups = data::backups(&place.cluster, &place.namespace, of).await?;
    if backups.is_empty() && !context.output.is_json() {
        context.output.note("no backups: make one with `outboard env backup NAME`");
    }
    context.output.result(&backups, |paint| {
        if backups.is_empty() {
            return String::new();
        }
        let head = ["BACKUP", "ENVIRONMENT", "PHASE", "SERVICES", "HOLDS", "SIZE", "AGE", "WHY NOT"];
        let rows = backups.iter().map(|backup| {
            let gone = if backup.gone { " (destroyed)" } else { "" };
            let holds = format!("{} {}", grouped(backup.rows), backup.counts);
            vec![
                backup.name.clone(),
                format!("{}{gone}", backup.environment),
                shown::phase(backup.phase, *paint),
                or_dash(Some(backup.services.join(",")).filter(|all| !all.is_empty()).as_deref()),
                or_dash((backup.rows > 0).then_some(holds).as_deref()),
                or_dash((backup.bytes > 0).then(|| bytes(backup.bytes)).as_deref()),
                age(backup.created.as_deref()),
                or_dash(backup.why.as_deref()),
            ]
        });
        columns(&head, rows)
    })
}
