//! `outboard env export`.

use std::path::{Path, PathBuf};

use api::names::EnvironmentName;
use clap::{Args, ValueEnum};
use serde_json::json;
use verbs::environment::{self, Exported, Form};
use verbs::export;

use crate::args::Scope;
use crate::context::Context;
use crate::error::{Failure, Result};

/// Write an environment as files that do without outboard, or as the object to keep in git
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
    /// In which form
    #[arg(long = "as", value_enum, value_name = "FORM")]
    pub form: As,
    /// A revision of its history [default: the present one]
    #[arg(short, long, value_name = "NUMBER")]
    pub revision: Option<i64>,
    /// Read the values of its Secrets, by your own right, and write them down
    #[arg(long)]
    pub with_secrets: bool,
    /// File to write, for kustomize the directory [default: stdout]
    #[arg(long, value_name = "PATH", required_if_eq("form", "kustomize"))]
    pub to: Option<PathBuf>,
    /// Write over what is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum As {
    /// Objects for `kubectl apply -f`, into an empty namespace
    Manifests,
    /// A directory for `kubectl apply -k`
    Kustomize,
    /// The Environment itself, for `kubectl apply` in a cluster with outboard
    Environment,
}

pub async fn run(context: &Context, args: ExportArgs) -> Result<()> {
    let form = match args.form {
        As::Manifests => Form::Manifests,
        As::Kustomize => Form::Kustomize,
        As::Environment => Form::Environment,
    };
    if matches!(form, Form::Environment) && (args.with_secrets || args.revision.is_some()) {
        return Err(Failure::Usage {
            sentence: "the Environment holds neither objects nor Secrets".to_owned(),
            hint: "--revision and --with-secrets go with --as manifests and --as kustomize".to_owned(),
        });
    }
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    let exported =
        environment::export(&place.cluster, &place.namespace, name, form, args.revision, args.with_secrets)
            .await?;
    match args.to.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let written = export::write(&exported, path, args.force)?;
            let result =
                json!({"environment": exported.environment, "revision": exported.revision, "files": written});
            context
                .output
                .result(&result, |paint| format!("{} wrote {}", paint.good("✓"), written.join(", ")))
        }
        None => context.output.result(&exported, |_| whole(&exported)),
    }
}

fn whole(exported: &Exported) -> String {
    exported.files.values().map(String::as_str).collect::<Vec<_>>().join("---\n")
}
