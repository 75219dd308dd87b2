//! Previews, as CI makes them: an environment for a pull request or a branch, with what the pull request is told of it.

use std::collections::BTreeMap;

use api::Environment;
use api::names::{ClassName, EnvironmentName, ProjectName};
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verbs::environment::{self, Detail};
use verbs::preview::{self, Repository, Subject, What};
use verbs::{Cluster, Error, Event};
use words::preview::{Told as Stands, comment};

use super::answer::{Answer, Body, once, tagged, unconditional};
use crate::app::{Mine, Result};
use crate::ask::choices;
use crate::begun::Told;
use crate::command;
use crate::failure::Failure;
use crate::pages::{Address, Place, namespace};

/// A preview that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedPreview {
    /// The control namespace.
    pub namespace: String,
    /// As GitHub names it: `OWNER/NAME`.
    pub repository: String,
    /// Number of the pull request, …
    #[serde(default)]
    pub pull: Option<u64>,
    /// … or the branch, where there is none.
    #[serde(default)]
    pub branch: Option<String>,
    /// Versions by component.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// The environment whose bytes and settings it starts from; none: what the project says.
    #[serde(default)]
    pub like: Option<String>,
    /// Of a new one. None: that of `like`, else the only one there is, else `qa`.
    #[serde(default)]
    pub class: Option<String>,
    /// None: the only project of the namespace.
    #[serde(default)]
    pub project: Option<String>,
    /// Name of the environment. None: `pr-NUMBER`, or one made of the branch's.
    #[serde(default)]
    pub name: Option<String>,
    /// Put the evidence of a verdict into the comment: log lines, which whoever sees the pull request then sees, too.
    #[serde(default)]
    pub evidence: bool,
}

/// A preview, and what its pull request is told.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The body of one comment, in Markdown; it begins with a hidden line by which it is found again.
    pub comment: String,
    pub environment: Detail,
}

/// Make the environment of a pull request or branch, or give it other versions
///
/// Answered as soon as it is written down; the environment's events tell when it is ready, and `GET` then has the comment. If it
/// cannot be made, the last of the problem's `details` is the comment that says so.
#[utoipa::path(
    post,
    path = "/api/v1/previews",
    operation_id = "bringUpPreview",
    tag = "previews",
    params(("Idempotency-Key" = Option<String>, Header, description = "What the asker calls this request; at most 64 characters")),
    request_body = ref("#/components/schemas/WantedPreview"),
    responses(
        (status = 202, description = "It is on its way", body = ref("#/components/schemas/Preview")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn up(Mine(app): Mine, headers: HeaderMap, Body(said): Body<WantedPreview>) -> Answer {
    unconditional(&headers)?;
    let asked = format!("preview {said:?}");
    let namespace = namespace(&said.namespace)?;
    app.within(&namespace)?;
    let (wanted, evidence) = (wanted(&said)?, said.evidence);
    app.note(command::preview(&namespace, &wanted));
    let cluster = app.cluster.clone();
    let begin = async move { made(&cluster, &namespace, &wanted, evidence).await };
    once(&app, &headers, asked, Box::pin(begin)).await
}

/// What is wanted, if it makes sense.
fn wanted(said: &WantedPreview) -> Result<preview::Wanted> {
    let repository = said.repository.parse::<Repository>().map_err(|wrong| {
        Failure::said(format!("`{}` is no repository", said.repository.escape_debug()), wrong)
    })?;
    let what = match (said.pull, said.branch.as_deref().filter(|branch| !branch.is_empty())) {
        (Some(number), None) => What::Pull(number),
        (None, Some(branch)) => What::Branch(branch.to_owned()),
        _ => {
            return Err(Failure::said(
                "a preview is of a pull request or of a branch",
                "say either `pull` or `branch`",
            ));
        }
    };
    let subject = Subject { repository, what };
    let name = match &said.name {
        Some(name) => EnvironmentName::parse(name),
        None => subject.environment(),
    };
    Ok(preview::Wanted {
        name: name.map_err(Error::from)?,
        subject,
        project: said.project.as_deref().map(ProjectName::parse).transpose().map_err(Error::from)?,
        class: said.class.as_deref().map(ClassName::parse).transpose().map_err(Error::from)?,
        like: said.like.as_deref().map(EnvironmentName::parse).transpose().map_err(Error::from)?,
        versions: choices(&said.versions)?,
    })
}

async fn made(cluster: &Cluster, namespace: &str, wanted: &preview::Wanted, evidence: bool) -> Result<Told> {
    let (name, subject) = (wanted.name.as_str(), wanted.subject.to_string());
    let error = match written(cluster, namespace, wanted).await {
        Ok(written) => {
            let environment = environment::detail(cluster, &written).await;
            let comment = comment(&subject, name, Some(&environment), &Stands::Well, evidence);
            let place = Place { namespace: namespace.to_owned(), name: name.to_owned() };
            let at = format!("/api/v1{}", place.path());
            return Told::new(StatusCode::ACCEPTED, Some(at), &Preview { comment, environment });
        }
        Err(error) => error,
    };
    let words = words::of_verb(&error, None);
    let stands = match &error {
        Error::Verdict { verdict, .. } => Stands::Wrong(verdict),
        Error::PlanRefused { verdict, .. } => Stands::Refused(verdict),
        _ => Stands::Failed(&words),
    };
    // What is told does not depend on whether this second look works.
    let detail = match environment::find(cluster, namespace, name).await.ok().flatten() {
        Some(found) => Some(environment::detail(cluster, &found).await),
        None => None,
    };
    let comment = comment(&subject, name, detail.as_ref(), &stands, evidence);
    Err(Failure::from(error).detail(comment))
}

async fn written(cluster: &Cluster, namespace: &str, wanted: &preview::Wanted) -> Result<Environment, Error> {
    let mut deaf = |_: Event| {};
    let wish = preview::up(cluster, namespace, wanted, &mut deaf).await?;
    let planned = Box::pin(environment::plan(cluster, namespace, wish, &mut deaf)).await?;
    Ok(Box::pin(environment::carry_out(cluster, namespace, planned, &mut deaf)).await?.0)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct How {
    evidence: bool,
}

/// A preview as it stands, with what its pull request is told now
#[utoipa::path(
    get,
    path = "/api/v1/previews/{namespace}/{name}",
    operation_id = "showPreview",
    tag = "previews",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path, description = "The environment"),
        ("evidence" = Option<bool>, Query, description = "With the evidence of a verdict: log lines"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "The preview", body = ref("#/components/schemas/Preview")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(Mine(app): Mine, headers: HeaderMap, place: Place, Address(how): Address<How>) -> Answer {
    let found = app.environment(&place.namespace, &place.name).await?;
    let Some(subject) = preview::subject_of(&found) else {
        let sentence = format!("environment `{}` is no preview", place.name);
        let hint = "look at the environment itself";
        return Err(Failure::said(sentence, hint).with(StatusCode::NOT_FOUND).into());
    };
    let environment = environment::detail(&app.cluster, &found).await;
    let stands = environment.verdict.as_ref().map_or(Stands::Well, Stands::Wrong);
    let comment = comment(subject, &place.name, Some(&environment), &stands, how.evidence);
    tagged(&headers, &Preview { comment, environment })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<preview::Wanted> {
        wanted(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_preview_is_of_one_thing_and_named_after_it() {
        let of = |rest: &str| said(&format!(r#"{{"namespace": "shop", "repository": "acme/shop"{rest}}}"#));
        assert_eq!(of(r#", "pull": 42"#).unwrap().name.as_str(), "pr-42");
        assert_eq!(of(r#", "branch": "cart", "name": "mine""#).unwrap().name.as_str(), "mine");
        assert_eq!(of(r#", "branch": "cart""#).unwrap().name.as_str(), "cart");
        for wrong in
            ["", r#", "pull": 1, "branch": "x""#, r#", "branch": """#, r#", "pull": 1, "name": "../x""#]
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(said(r#"{"namespace": "shop", "repository": "shop", "pull": 1}"#).is_err());
    }
}
