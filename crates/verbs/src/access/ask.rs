//! Asks Kubernetes whether somebody may do something: right by right, and by a dry run where policies decide.

use api::Environment;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::{Deed, Need, RELEASE};
use crate::environment::find;
use crate::error::Forbidden;
use crate::project;
use crate::{Cluster, Error, Result};

/// Whether `deed` may be done.
pub struct Question<'a> {
    pub deed: &'static Deed,
    /// With this environment.
    pub environment: Option<&'a str>,
    /// With one of this class of a project.
    pub class: Option<&'a str>,
    pub project: Option<&'a str>,
}

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    /// Who asks, if the cluster tells.
    pub user: Option<String>,
    /// What it is about is protected.
    pub protected: bool,
    /// Why not.
    pub refusal: Option<Error>,
}

/// What a question is about.
#[derive(Default)]
struct About {
    /// Of the environment.
    namespace: Option<String>,
    existing: Option<Environment>,
    protected: bool,
    /// It may not even be looked at.
    refused: Option<Error>,
}

pub async fn ask(cluster: &Cluster, namespace: &str, question: &Question<'_>) -> Result<Answer> {
    let user = cluster.user().await;
    let about = about(cluster, namespace, question).await?;
    if about.refused.is_some() {
        return Ok(Answer { user, protected: false, refusal: about.refused });
    }
    let mut refusal = None;
    for need in question.deed.needs(about.protected) {
        let place = match (need.inside, &about.namespace) {
            (false, _) => namespace,
            (true, Some(inside)) => inside.as_str(),
            (true, None) => return Err(Error::WhichEnvironment { deed: question.deed.word }),
        };
        if !is_allowed(cluster, place, &need).await? {
            refusal = Some(lacking(user.clone(), place, &need, question.deed, about.protected));
            break;
        }
    }
    if let (None, Some(existing)) = (&refusal, &about.existing) {
        refusal = tried(cluster, namespace, question.deed, existing).await?;
    }
    Ok(Answer { user, protected: about.protected, refusal })
}

async fn about(cluster: &Cluster, namespace: &str, question: &Question<'_>) -> Result<About> {
    if let Some(name) = question.environment {
        let existing = match find(cluster, namespace, name).await {
            Ok(found) => found,
            // Who may not even look may not do anything, and is told so in the same words.
            Err(refused @ Error::Forbidden(_)) => {
                return Ok(About { refused: Some(refused), ..About::default() });
            }
            Err(error) => return Err(error),
        };
        let Some(existing) = existing else {
            return Err(crate::environment::unknown(cluster, namespace, name).await);
        };
        let ran_in = format!("{}-{name}", existing.spec.project);
        let status = existing.status.clone().unwrap_or_default();
        return Ok(About {
            namespace: Some(status.namespace.unwrap_or(ran_in)),
            protected: status.protection.is_some(),
            existing: Some(existing),
            refused: None,
        });
    }
    let Some(class) = question.class else { return Ok(About::default()) };
    let name = match question.project {
        Some(name) => name.to_owned(),
        None => project::choose(cluster, namespace).await?,
    };
    let spec = project::get(cluster, namespace, &name).await?.spec;
    match spec.class(class) {
        Some(found) => Ok(About { protected: found.protected, ..About::default() }),
        None => Err(Error::NotFound {
            kind: "class",
            name: class.to_owned(),
            place: format!("project `{name}`"),
            known: spec.class_names().into_iter().map(str::to_owned).collect(),
            nearest: None,
        }),
    }
}

async fn is_allowed(cluster: &Cluster, namespace: &str, need: &Need) -> Result<bool> {
    let (resource, subresource) = match need.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (need.resource, None),
    };
    let attributes = ResourceAttributes {
        namespace: Some(namespace.to_owned()),
        group: Some(need.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(need.verb.to_owned()),
        name: need.name.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer =
        reviews.create(&PostParams::default(), &review).await.map_err(|error| cluster.explain(error))?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// The same that Kubernetes would say.
fn lacking(user: Option<String>, namespace: &str, need: &Need, deed: &Deed, protected: bool) -> Error {
    let released = need.verb == RELEASE.verb && need.resource == RELEASE.resource;
    let resource = match need.group {
        "" => need.resource.to_owned(),
        group => format!("{}.{group}", need.resource),
    };
    Error::Forbidden(Box::new(Forbidden {
        message: String::new(),
        policy: released.then(|| crate::install::RELEASE.to_owned()),
        role: deed.role(protected).map(|role| role.as_str().to_owned()),
        user: Some(user.unwrap_or_else(|| "somebody unknown".to_owned())),
        verb: Some(need.verb.to_owned()),
        resource: Some(resource),
        namespace: Some(namespace.to_owned()),
    }))
}

/// As a dry run: policies of the cluster, outboard's or others', may refuse what rights allow.
async fn tried(
    cluster: &Cluster,
    namespace: &str,
    deed: &Deed,
    existing: &Environment,
) -> Result<Option<Error>> {
    let api: Api<Environment> = Api::namespaced(cluster.client.clone(), namespace);
    let name = existing.name_any();
    let outcome = match deed.word {
        "destroy" => {
            api.delete(&name, &DeleteParams { dry_run: true, ..DeleteParams::default() }).await.map(drop)
        }
        "change" => {
            let params = PatchParams { dry_run: true, ..PatchParams::default() };
            api.patch(&name, &params, &Patch::Merge(json!({}))).await.map(drop)
        }
        _ => return Ok(None),
    };
    match outcome.map_err(|error| cluster.explain(error)) {
        Ok(()) => Ok(None),
        Err(refused @ (Error::Forbidden(_) | Error::Refused { .. })) => Ok(Some(refused)),
        Err(error) => Err(error),
    }
}
