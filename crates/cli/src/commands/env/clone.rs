//! `outboard env clone`.

use api::names::{ClassName, EnvironmentName};
use clap::Args;
use verbs::environment::{self, Choice};

use super::carry_out_filled;
use super::fill::Filling;
use crate::args::{Changing, Scope};
use crate::commands::data::copy::Masking;
use crate::context::Context;
use crate::error::Result;

/// Create an environment with the same bytes and settings as another, and data of its own, or with --data a copy of it
#[derive(Args, Debug)]
pub struct CloneArgs {
    /// The environment to be like
    pub from: EnvironmentName,
    /// Name of the new environment
    pub to: EnvironmentName,
    /// Class (stage) of the new one [default: the same]
    #[arg(short, long, value_name = "CLASS")]
    pub class: Option<ClassName>,
    /// Version of a component, where it is not the original's; may be repeated
    #[arg(long = "set", value_name = "COMPONENT=VERSION")]
    pub versions: Vec<Choice>,
    /// Start with the data of the original, or of another environment: services first, then the copy, then what uses them
    #[arg(long, group = "filled", value_name = "ENVIRONMENT", require_equals = true)]
    pub data: Option<Option<EnvironmentName>>,
    /// Start with the data of a backup: its name, or `OTHER/latest` of an environment
    #[arg(long, group = "filled", value_name = "BACKUP")]
    pub backup: Option<String>,
    /// Whether personal data in it is masked as the project says, or copied as it is [default: project]
    #[arg(long, value_enum, requires = "filled", value_name = "MASKS")]
    pub mask: Option<Masking>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: CloneArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let class = args.class.as_ref().map(ClassName::as_str);
    let wish =
        environment::clone(&place.cluster, &place.namespace, args.from.as_str(), &args.to, class).await?;
    let wish = environment::with_versions(&place.cluster, &place.namespace, wish, &args.versions).await?;
    let data = args.data.map(|other| other.unwrap_or(args.from));
    let filling = Filling { data, backup: args.backup, mask: args.mask };
    let copy = filling.copy(&place.cluster, &place.namespace, &args.to).await?;
    carry_out_filled(context, &place, wish, &args.changing, copy.as_ref()).await
}
