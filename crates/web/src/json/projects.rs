//! Projects, as programs see them and store them. No environment changes by it.

use std::collections::BTreeSet;
use std::time::Duration;

use api::ProjectSpec;
use api::names::{PartName, ProjectName};
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use verbs::file::{self, FileProblem, Source};
use verbs::project::{self, Wanted};
use verbs::{Change, Error, Event};

use super::answer::{Answer, Body, is_of_what_was_seen, tagged, unmoved};
use super::page::{Page, cut, linked};
use crate::app::{App, Mine, Result};
use crate::command;
use crate::failure::Failure;
use crate::pages::{Address, ComponentPlace, Nothing, namespace};

/// So long the operator may take to store a revision.
const PATIENCE: Duration = Duration::from_secs(60);
/// For the deepest that the longest body unfolds into.
const STACK: usize = 64 << 20;

/// List projects
#[utoipa::path(
    get,
    path = "/api/v1/projects",
    operation_id = "listProjects",
    tag = "projects",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many a page; all unless it is said"),
        ("after" = Option<String>, Query, description = "Where the page before ended: it stands in its `Link`"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "Every project that is shown here", body = ref("#/components/schemas/Projects")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(Mine(app): Mine, headers: HeaderMap, uri: Uri, Address(page): Address<Page>) -> Answer {
    let all = app.listed_projects().await?;
    let (all, next) = cut(all, &page, |project| format!("{}/{}", project.namespace, project.name))?;
    linked(&headers, &uri, &all, next.as_deref())
}

/// A project as it is stored.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectDetail {
    pub name: String,
    pub namespace: String,
    /// The revision of this; none: the operator has not stored it.
    pub revision: Option<String>,
    /// Why it was not stored.
    pub problem: Option<String>,
    /// Components that were applied from files of their own.
    pub own_files: BTreeSet<String>,
    pub spec: ProjectSpec,
}

/// A project, as its file says it
#[utoipa::path(
    get,
    path = "/api/v1/projects/{namespace}/{name}",
    operation_id = "showProject",
    tag = "projects",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "The project", body = ref("#/components/schemas/ProjectDetail")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(
    Mine(app): Mine,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
    Address(Nothing {}): Address<Nothing>,
) -> Answer {
    let (namespace, name) = place(&app, path)?;
    tagged(&headers, &detail(&app, &namespace, name.as_str()).await?)
}

async fn detail(app: &App, namespace: &str, name: &str) -> Result<ProjectDetail, Error> {
    let project = project::get(&app.cluster, namespace, name).await?;
    let status = project.status.clone().unwrap_or_default();
    Ok(ProjectDetail {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        revision: status.revision,
        problem: status.problem,
        own_files: project::own_files(&project),
        spec: project.spec,
    })
}

/// A whole project that is to be stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedProject {
    /// The text of its `outboard.yaml`. Files beside it cannot be named.
    pub file: String,
    /// Components that are to be as this file says again, though they have files of their own.
    #[serde(default)]
    pub take: Vec<String>,
    /// Only say what would be stored.
    #[serde(default)]
    pub dry_run: bool,
}

/// What storing did, or would do.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedProject {
    pub project: String,
    pub namespace: String,
    /// The one component that was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    pub change: Change,
    /// The stored revision, which environments name; none: nothing was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Components of which the file says something else than is stored: their own files count.
    pub kept: Vec<String>,
    /// What in the file is worth a second look.
    pub warnings: Vec<String>,
}

/// Check an `outboard.yaml` and store it as a project revision
///
/// Answered once the operator has stored it. Said again, nothing changes.
#[utoipa::path(
    put,
    path = "/api/v1/projects/{namespace}/{name}",
    operation_id = "applyProject",
    tag = "projects",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path, description = "As the file names it, too"),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    request_body = ref("#/components/schemas/WantedProject"),
    responses(
        (status = 200, description = "What was stored, or would be", body = ref("#/components/schemas/AppliedProject")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn apply(
    Mine(app): Mine,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
    Body(wanted): Body<WantedProject>,
) -> Answer {
    let (namespace, name) = place(&app, path)?;
    let sent = Source::Sent(wanted.file);
    let file = read(move || file::check(&sent)).await?;
    let said = file.content.project.metadata.name.clone().unwrap_or_default();
    if said != name.as_str() {
        let sentence = format!("the file is of project `{}`, not of {name}", said.escape_debug());
        return Err(Failure::said(sentence, "send it to the address of the project that it names").into());
    }
    let take: Result<BTreeSet<String>, _> =
        wanted.take.iter().map(|name| PartName::parse(name).map(|name| name.to_string())).collect();
    let take = take.map_err(Error::from)?;
    let warnings = file.content.warnings.iter().map(told).collect();
    let whole = Wanted::Whole { file: &file, take: &take };
    let applied = stored(&app, &headers, (namespace.as_str(), &name), &whole, wanted.dry_run).await?;
    Ok(axum::Json(AppliedProject { warnings, ..applied }).into_response())
}

/// A component that is to be stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedComponent {
    /// The text of its file: its keys, and nothing around them. Files beside it cannot be named.
    pub file: String,
    /// The project need not have it yet.
    #[serde(default)]
    pub new: bool,
    /// Only say what would be stored.
    #[serde(default)]
    pub dry_run: bool,
}

/// Store one component from a file of its own, and leave the rest of the project as it is
///
/// From then on it is as its own file says, whatever `outboard.yaml` says. Answered once the operator has stored it.
#[utoipa::path(
    put,
    path = "/api/v1/projects/{namespace}/{name}/components/{component}",
    operation_id = "applyComponent",
    tag = "projects",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path, description = "The project"),
        ("component" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Only if the project is as this ETag says; else 412"),
    ),
    request_body = ref("#/components/schemas/WantedComponent"),
    responses(
        (status = 200, description = "What was stored, or would be", body = ref("#/components/schemas/AppliedProject")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn apply_component(
    Mine(app): Mine,
    headers: HeaderMap,
    place: ComponentPlace,
    Body(wanted): Body<WantedComponent>,
) -> Answer {
    let name = ProjectName::parse(&place.project).map_err(Error::from)?;
    let (component, sent) = (place.component.clone(), Source::Sent(wanted.file));
    let file = read(move || file::component(&component, &sent)).await?;
    let one = Wanted::Component { project: &name, file: &file, new: wanted.new };
    let applied = stored(&app, &headers, (place.namespace.as_str(), &name), &one, wanted.dry_run).await?;
    Ok(axum::Json(AppliedProject { component: Some(place.component), ..applied }).into_response())
}

/// Stores it, if the project still is as whoever asks saw it.
async fn stored(
    app: &App,
    headers: &HeaderMap,
    (namespace, name): (&str, &ProjectName),
    wanted: &Wanted<'_>,
    dry_run: bool,
) -> Result<AppliedProject> {
    if is_of_what_was_seen(headers)? {
        let now = match detail(app, namespace, name.as_str()).await {
            Ok(detail) => Some(detail),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        unmoved(headers, &format!("project `{name}`"), now.as_ref())?;
    }
    let answer = |change, revision, kept| AppliedProject {
        project: name.to_string(),
        namespace: namespace.to_owned(),
        component: None,
        change,
        revision,
        kept,
        warnings: vec![],
    };
    // Also of what is only tried out: on record it stands as if it were done.
    let component = match wanted {
        Wanted::Whole { .. } => None,
        Wanted::Component { file, .. } => Some(file.content.name.as_str()),
    };
    app.note(command::applied(namespace, name.as_str(), component));
    if dry_run {
        let (change, kept) = project::outlook(&app.cluster, namespace, wanted).await.map_err(broken)?;
        return Ok(answer(change, None, kept));
    }
    let mut deaf = |_: Event| {};
    let applied = Box::pin(project::apply(&app.cluster, namespace, wanted, Some(PATIENCE), &mut deaf)).await;
    let applied = applied.map_err(broken)?;
    Ok(answer(applied.change, Some(applied.revision), applied.kept))
}

/// Reads what was sent where there is room for it: aliases of aliases unfold into many levels before they are counted.
async fn read<T: Send + 'static>(read: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T> {
    let reading = spawn_blocking(move || {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(read)?;
        thread.join().map_err(|_| std::io::Error::other("something of ours broke while it was read"))
    });
    let read = reading.await.map_err(|error| Failure::ours(&error))?;
    read.map_err(|error| Failure::ours(&error))?.map_err(broken)
}

/// With every problem of a file.
fn broken(error: Error) -> Failure {
    let problems: Vec<String> = match &error {
        Error::File(broken) => broken.problems.iter().map(told).collect(),
        _ => vec![],
    };
    problems.into_iter().fold(Failure::from(error), Failure::detail)
}

/// As a compiler would say it.
fn told(problem: &FileProblem) -> String {
    let path = if problem.path.is_empty() { String::new() } else { format!(" ({})", problem.path) };
    let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("line {}, column {}: {}{path}{hint}", problem.line, problem.column, problem.message)
}

fn place(app: &App, path: Result<Path<(String, String)>, PathRejection>) -> Result<(String, ProjectName)> {
    let Path((namespace, name)) = path.map_err(|_| Failure::nowhere())?;
    let namespace = self::namespace(&namespace)?;
    app.within(&namespace)?;
    Ok((namespace, ProjectName::parse(&name).map_err(Error::from)?))
}
