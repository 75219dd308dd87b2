//! `outboard project apply`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use api::names::{PartName, ProjectName};
use clap::Args;
use verbs::Cluster;
use verbs::file::{self, Checked, OwnFile, Read, Source};
use verbs::project::{self, Wanted};

use crate::args::duration;
use crate::commands::apply::own;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::problems;
use crate::output::progress::Progress;

/// Check an outboard.yaml and store it as a project revision; no environment changes by it
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The file, the directory it is in, or `-` for stdin [default: outboard.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Store one component, whose keys FILE holds, and leave the rest of the project as it is. From then on the component
    /// is as its own file says, whatever outboard.yaml says
    #[arg(short, long, value_name = "NAME", requires = "file")]
    pub component: Option<PartName>,
    /// The component is a new one
    #[arg(long, requires = "component")]
    pub new: bool,
    /// The project of that component [default: the one of outboard.yaml here, else the only one in the control namespace]
    #[arg(short, long, value_name = "PROJECT", requires = "component")]
    pub project: Option<ProjectName>,
    /// A component that is to be as outboard.yaml says again, though it has a file of its own; may be repeated
    #[arg(long, value_name = "NAME", conflicts_with = "component")]
    pub take: Vec<PartName>,
    /// Give up waiting for the operator after this long
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub timeout: Duration,
}

pub async fn run(context: &Context, args: ApplyArgs) -> Result<()> {
    match args.component.clone() {
        None => whole(context, args).await,
        Some(component) => one(context, args, component).await,
    }
}

async fn whole(context: &Context, args: ApplyArgs) -> Result<()> {
    let source = Source::from_argument(args.file.as_deref());
    let file: Read<Checked> = read(move || file::check(&source)).await?;
    problems::warn(&context.output, &file);
    let name = file.content.project.metadata.name.clone().unwrap_or_default();
    let take: BTreeSet<String> = args.take.iter().map(ToString::to_string).collect();
    let cluster = context.cluster().await?;
    let namespace = cluster.control_namespace(context.global.namespace.as_deref(), Some(&name))?;
    store(context, &cluster, &namespace, &Wanted::Whole { file: &file, take: &take }, args.timeout).await
}

async fn one(context: &Context, args: ApplyArgs, component: PartName) -> Result<()> {
    let source = match args.file.as_deref() {
        Some(path) if path.is_dir() => {
            return Err(Failure::Usage {
                sentence: format!("{} is a directory", path.display()),
                hint: format!("name the file that holds the keys of component {component}"),
            });
        }
        path => Source::from_argument(path),
    };
    let file: Read<OwnFile> = read(move || file::component(component.as_str(), &source)).await?;
    let cluster = context.cluster().await?;
    let known = args.project.as_ref().map(ToString::to_string);
    let known = known.or_else(|| file::project_name(&Source::from_argument(None)));
    let namespace = cluster.control_namespace(context.global.namespace.as_deref(), known.as_deref())?;
    let project = match known {
        Some(project) => project,
        None => project::choose(&cluster, &namespace).await?,
    };
    let project = ProjectName::parse(&project).map_err(verbs::Error::from)?;
    let wanted = Wanted::Component { project: &project, file: &file, new: args.new };
    store(context, &cluster, &namespace, &wanted, args.timeout).await
}

async fn store(
    context: &Context,
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted<'_>,
    timeout: Duration,
) -> Result<()> {
    let mut progress = Progress::new(&context.output);
    context.waiting(format!("outboard -n {namespace} project list"));
    let applied = project::apply(cluster, namespace, wanted, Some(timeout), &mut |event| {
        progress.event(&event);
    })
    .await;
    progress.end();
    let applied = applied?;
    context.output.outcome(&applied, |paint| {
        let what = match &applied.component {
            Some(component) => format!("component {component} of project {}", applied.project),
            None => format!("project {}", applied.project),
        };
        let change = applied.change.as_str();
        let text = format!("{what} {change}: {} {}", paint.strong(&applied.revision), own(&applied.kept));
        text.trim_end().to_owned()
    })
}

/// On a thread of its own: stdin may keep us waiting, and Ctrl-C has to work meanwhile.
async fn read<T: Send + 'static>(read: impl FnOnce() -> verbs::Result<T> + Send + 'static) -> Result<T> {
    let read = tokio::task::spawn_blocking(read).await;
    Ok(read.map_err(|error| Failure::Start(error.to_string()))??)
}
