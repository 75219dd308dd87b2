//! `outboard apply`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use api::{Environment, Exit};
use clap::Args;
use serde::Serialize;
use verbs::environment::{self, State, Until};
use verbs::folder::{self, Folder, Found};
use verbs::project::{self, Wanted};
use verbs::{Change, Cluster};
use words::time::elapsed;

use crate::args::Changing;
use crate::context::Context;
use crate::error::{self, Failure, Result};
use crate::output::progress::Progress;
use crate::output::table::table;
use crate::output::{plan, receipt};

/// Make environments, and projects, as files say that are kept in git; what stands so already is left alone
///
/// Every file is read and checked before the first one is applied. Then each is applied by itself: one that fails does not
/// hold up the others, and the exit code is the highest of all.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// A file with environments, a directory of such files and of projects, or `-` for stdin
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub changing: Changing,
}

/// What became of one project or environment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    kind: &'static str,
    name: String,
    namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    /// How it is, once that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    exit: u8,
    message: String,
}

impl Outcome {
    fn new(kind: &'static str, name: &str, namespace: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            change: None,
            state: None,
            exit: Exit::Success.code(),
            message: String::new(),
        }
    }
}

/// A change that has been made and is waited for.
struct Written {
    /// Its place among the outcomes.
    index: usize,
    environment: Option<Box<Environment>>,
}

pub async fn run(context: &Context, args: ApplyArgs) -> Result<()> {
    let (path, said) = (args.file.clone(), context.global.namespace.clone());
    // On a thread of its own: stdin may keep us waiting, and Ctrl-C has to work meanwhile.
    let read = tokio::task::spawn_blocking(move || folder::read(&path, said.as_deref())).await;
    let folder = read.map_err(|error| Failure::Start(error.to_string()))??;
    let cluster = context.cluster().await?;
    let mut applying = Applying {
        context,
        cluster,
        changing: &args.changing,
        outcomes: Vec::new(),
        written: Vec::new(),
        coming: BTreeMap::new(),
    };
    applying.all(&folder).await?;
    if !args.changing.patience.no_wait {
        applying.wait().await;
    }
    let outcomes = applying.outcomes;
    context.output.outcome(&outcomes, |paint| {
        let rows = outcomes.iter().map(|outcome| {
            let change = outcome.change.map_or("-", Change::as_str).to_owned();
            let state = outcome.state.map_or_else(|| "-".to_owned(), |state| receipt::state(state, *paint));
            [outcome.kind.to_owned(), outcome.name.clone(), change, state, outcome.message.clone()]
        });
        table(["KIND", "NAME", "CHANGE", "STATE", "MESSAGE"], rows)
    })?;
    match outcomes.iter().map(|outcome| outcome.exit).max() {
        Some(worst) if worst != Exit::Success.code() => Err(Failure::Ended(worst)),
        _ => Ok(()),
    }
}

struct Applying<'a> {
    context: &'a Context,
    cluster: Cluster,
    changing: &'a Changing,
    outcomes: Vec<Outcome>,
    written: Vec<Written>,
    /// Namespace and name of projects that a dry run leaves unchanged, and what would be done to them.
    coming: BTreeMap<(String, String), Change>,
}

impl Applying<'_> {
    /// Projects first: environments name what they store.
    async fn all(&mut self, folder: &Folder) -> Result<()> {
        for file in &folder.projects {
            let name = file.content.project.metadata.name.clone().unwrap_or_default();
            let said = self.context.global.namespace.as_deref();
            let namespace = self.cluster.control_namespace(said, Some(&name))?;
            let outcome = Outcome::new("project", &name, &namespace);
            let take = BTreeSet::new();
            let wanted = Wanted::Whole { file, take: &take };
            let done = Box::pin(self.project(&namespace, &wanted)).await;
            if let Ok(Done { change, .. }) = &done
                && self.changing.dry_run
            {
                self.coming.insert((namespace, name), *change);
            }
            self.tell(outcome, done)?;
        }
        for found in &folder.environments {
            let file = &found.environment;
            let said = file.namespace.as_deref().or(self.context.global.namespace.as_deref());
            let namespace = self.cluster.control_namespace(said, Some(&file.spec.project))?;
            let outcome = Outcome::new("environment", file.name.as_str(), &namespace);
            let done = Box::pin(self.environment(&namespace, found)).await;
            self.tell(outcome, done)?;
        }
        Ok(())
    }

    async fn project(&self, namespace: &str, wanted: &Wanted<'_>) -> Result<Done> {
        if self.changing.dry_run {
            let (change, kept) = project::outlook(&self.cluster, namespace, wanted).await?;
            return Ok(Done { change, message: own(&kept), written: None });
        }
        let mut progress = Progress::new(&self.context.output);
        let timeout = Some(self.changing.patience.timeout);
        let applied =
            project::apply(&self.cluster, namespace, wanted, timeout, &mut |event| progress.event(&event))
                .await;
        progress.end();
        let applied = applied?;
        let message = [applied.revision, own(&applied.kept)].join(" ").trim_end().to_owned();
        Ok(Done { change: applied.change, message, written: None })
    }

    async fn environment(&self, namespace: &str, found: &Found) -> Result<Done> {
        let unchanged = Done { change: Change::Unchanged, message: String::new(), written: None };
        let coming = self.coming.get(&(namespace.to_owned(), found.environment.spec.project.clone()));
        let project = &found.environment.spec.project;
        if coming == Some(&Change::Created) {
            let message = format!("not planned: project {project} is not stored yet");
            return Ok(Done { change: Change::Created, message, written: None });
        }
        let mut events = self.context.events();
        let wish = environment::declared(&self.cluster, namespace, &found.environment, &mut events).await?;
        let Some(wish) = wish else { return Ok(unchanged) };
        let created = wish.base.is_none();
        let planned = Box::pin(environment::plan(&self.cluster, namespace, wish, &mut events)).await?;
        if planned.is_idle() {
            return Ok(unchanged);
        }
        if self.context.output.is_json() {
            self.context.output.item(&serde_json::json!({"event": "planned", "plan": planned}))?;
        } else {
            self.context.output.line(plan::whole(&planned, self.context.output.paint).trim_end())?;
        }
        if self.changing.dry_run {
            let mut message = words::plan::summary(&planned);
            if coming == Some(&Change::Updated) {
                message.push_str(&format!("; planned for the present revision of project {project}"));
            }
            let change = if created { Change::Created } else { Change::Updated };
            return match planned.status.verdict {
                Some(verdict) => Err(verbs::Error::PlanRefused {
                    environment: planned.environment,
                    verdict: Box::new(verdict),
                }
                .into()),
                None => Ok(Done { change, message, written: None }),
            };
        }
        let (written, change) =
            Box::pin(environment::carry_out(&self.cluster, namespace, planned, &mut events)).await?;
        Ok(Done { change, message: String::new(), written: Some(Box::new(written)) })
    }

    /// Tells what became of one, and goes on; unless nobody answers at all.
    fn tell(&mut self, mut outcome: Outcome, done: Result<Done>) -> Result<()> {
        match done {
            Ok(done) => {
                outcome.change = Some(done.change);
                outcome.message = done.message;
                if outcome.kind == "environment" && done.change != Change::Unchanged && !self.changing.dry_run
                {
                    self.written.push(Written { index: self.outcomes.len(), environment: done.written });
                }
            }
            Err(
                failure @ Failure::Verb(verbs::Error::Unreachable { .. } | verbs::Error::WentAway { .. }),
            ) => {
                return Err(failure);
            }
            Err(failure) => fail(self.context, &mut outcome, &failure),
        }
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Waits for all that was written: they come up beside each other.
    async fn wait(&mut self) {
        let begun = Instant::now();
        for Written { index, environment } in std::mem::take(&mut self.written) {
            let outcome = &mut self.outcomes[index];
            self.context
                .waiting(format!("outboard -n {} env show {} --wait", outcome.namespace, outcome.name));
            let hold = self.changing.hold;
            let timeout = self.changing.patience.timeout + hold.unwrap_or_default();
            let timeout = timeout.saturating_sub(begun.elapsed());
            let until = Until { timeout: Some(timeout), hold, written: environment };
            let mut progress = Progress::new(&self.context.output);
            let watched = Box::pin(environment::watch(
                &self.cluster,
                &outcome.namespace,
                &outcome.name,
                until,
                &mut |event| progress.event(&event),
            ))
            .await;
            progress.end();
            match watched {
                Ok(now) => {
                    outcome.state = Some(environment::summary(&now).state);
                    outcome.message = format!("after {}", elapsed(begun.elapsed()));
                }
                Err(error) => {
                    outcome.state = Some(State::Failed);
                    fail(self.context, outcome, &error.into());
                }
            }
        }
    }
}

/// What was done to one.
struct Done {
    change: Change,
    message: String,
    written: Option<Box<Environment>>,
}

fn fail(context: &Context, outcome: &mut Outcome, failure: &Failure) {
    context.output.note(&format!("{} {}:", outcome.kind, outcome.name));
    outcome.exit = error::tell(&context.output, failure, None).code();
    outcome.message = failure.to_string();
}

/// That components have files of their own.
pub fn own(kept: &[String]) -> String {
    match kept {
        [] => String::new(),
        [only] => format!("(component {only} stays as its own file says)"),
        several => format!("(components {} stay as their own files say)", several.join(", ")),
    }
}
