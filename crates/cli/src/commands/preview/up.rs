//! `outboard preview up`.

use api::names::{ClassName, EnvironmentName, ProjectName};
use clap::Args;
use serde_json::json;
use verbs::environment::{self, Choice, Detail, Until};
use verbs::preview::{self, Repository, Subject, Wanted, What};
use words::of_verb;
use words::preview::{Told, comment};

use crate::args::{Patience, Scope};
use crate::context::{Context, Place};
use crate::error::Result;
use crate::output::progress::Progress;

/// Make the environment of a pull request or branch, or give it other versions; print what the pull request is told
///
/// The body of one comment, in Markdown: the address, the versions, and why it is not ready if it is not. It begins with a
/// hidden line by which CI finds its comment again. Once the cluster was reached it is printed whatever the exit code is.
#[derive(Args, Debug)]
pub struct UpArgs {
    /// Repository, as GitHub names it
    #[arg(long, value_name = "OWNER/NAME", env = "GITHUB_REPOSITORY")]
    pub repo: Repository,
    /// Number of the pull request
    #[arg(long, value_name = "NUMBER", required_unless_present = "branch", conflicts_with = "branch")]
    pub pr: Option<u64>,
    /// Branch, where there is no pull request
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// Version of a component; may be repeated
    #[arg(long = "set", value_name = "COMPONENT=VERSION")]
    pub versions: Vec<Choice>,
    /// Start from what this environment runs [default: from the project]
    #[arg(long, value_name = "ENVIRONMENT")]
    pub like: Option<EnvironmentName>,
    /// Class (stage) of a new one [default: that of --like, else the only one there is, else qa]
    #[arg(short, long, value_name = "CLASS")]
    pub class: Option<ClassName>,
    /// Name of the environment [default: pr-NUMBER, or one made of the branch's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<EnvironmentName>,
    /// Put the evidence of a verdict into the comment: log lines, which whoever sees the pull request then sees, too
    #[arg(long)]
    pub evidence: bool,
    #[command(flatten)]
    pub patience: Patience,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: UpArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let what = match (args.pr, args.branch) {
        (Some(number), _) => What::Pull(number),
        (None, branch) => What::Branch(branch.unwrap_or_default()),
    };
    let subject = Subject { repository: args.repo, what };
    let name = match args.name {
        Some(name) => name,
        None => subject.environment().map_err(verbs::Error::from)?,
    };
    let wanted = Wanted {
        name: name.clone(),
        subject: subject.clone(),
        project: place.project.as_deref().map(ProjectName::parse).transpose().map_err(verbs::Error::from)?,
        class: args.class,
        like: args.like,
        versions: args.versions,
    };
    let outcome = make(context, &place, &wanted, &args.patience).await;
    let failed = outcome.as_ref().err().map(|error| of_verb(error, None));
    let told = match (&outcome, &failed) {
        (Err(verbs::Error::Verdict { verdict, .. }), _) => Told::Wrong(verdict),
        (Err(verbs::Error::PlanRefused { verdict, .. }), _) => Told::Refused(verdict),
        (_, Some(words)) => Told::Failed(words),
        (_, None) => Told::Well,
    };
    // What is told does not depend on whether this second look works.
    let detail = standing(&place.cluster, &place.namespace, name.as_str()).await.ok().flatten();
    let text = comment(&subject.to_string(), name.as_str(), detail.as_ref(), &told, args.evidence);
    context.output.outcome(&json!({"comment": text, "environment": detail}), |_| text.clone())?;
    Ok(outcome?)
}

async fn make(
    context: &Context,
    place: &Place,
    wanted: &Wanted,
    patience: &Patience,
) -> Result<(), verbs::Error> {
    let (cluster, namespace) = (&place.cluster, place.namespace.as_str());
    let mut progress = Progress::new(&context.output);
    let made = async {
        let mut tell = |event| progress.event(&event);
        let wish = preview::up(cluster, namespace, wanted, &mut tell).await?;
        let planned = Box::pin(environment::plan(cluster, namespace, wish, &mut tell)).await?;
        let written = Box::pin(environment::carry_out(cluster, namespace, planned, &mut tell)).await?.0;
        if patience.no_wait {
            return Ok(());
        }
        let until = Until { timeout: Some(patience.timeout), hold: None, written: Some(Box::new(written)) };
        environment::watch(cluster, namespace, wanted.name.as_str(), until, &mut tell).await?;
        Ok(())
    };
    let made = made.await;
    progress.end();
    made
}

async fn standing(
    cluster: &verbs::Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<Detail>, verbs::Error> {
    match environment::find(cluster, namespace, name).await? {
        Some(environment) => Ok(Some(environment::detail(cluster, &environment).await)),
        None => Ok(None),
    }
}
