//! `preview`: an environment for what somebody proposes, a pull request or a branch. It is named after it, marked as its
//! preview, and swept once it is closed.

mod github;
mod subject;
mod sweep;

use api::names::{ClassName, EnvironmentName, ProjectName};
use api::{Environment, marks};
use kube::ResourceExt;

pub use github::{GitHub, GitHubError};
pub use subject::{Repository, Subject, What};
pub use sweep::{Outcome, Swept, sweep};

use crate::environment::{self, Choice, Settings, Wish};
use crate::{Cluster, Error, Result, Sink};

/// The preview that somebody wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: EnvironmentName,
    pub subject: Subject,
    /// Default: the only project of the namespace.
    pub project: Option<ProjectName>,
    pub class: Option<ClassName>,
    /// The environment whose bytes and settings it starts from; none: what the project says.
    pub like: Option<EnvironmentName>,
    pub versions: Vec<Choice>,
}

/// The wish for it: a new environment, or other versions of the one that there is.
pub async fn up(cluster: &Cluster, namespace: &str, wanted: &Wanted, events: Sink<'_>) -> Result<Wish> {
    let name = &wanted.name;
    if let Some(existing) = environment::find(cluster, namespace, name.as_str()).await? {
        let of = subject_of(&existing);
        let same = |of: &str| of.parse::<Subject>().is_ok_and(|of| of.is_same(&wanted.subject));
        if !of.is_some_and(same) {
            return Err(Error::NoPreview {
                environment: name.to_string(),
                subject: wanted.subject.to_string(),
                of: of.map(str::to_owned),
            });
        }
        let settings = Settings { versions: wanted.versions.clone(), ..Settings::default() };
        return environment::set(cluster, namespace, name.as_str(), &settings).await;
    }
    let mut wish = match &wanted.like {
        Some(like) => {
            let class = wanted.class.as_ref().map(ClassName::as_str);
            let wish = environment::clone(cluster, namespace, like.as_str(), name, class).await?;
            environment::with_versions(cluster, namespace, wish, &wanted.versions).await?
        }
        None => {
            let wanted = environment::Wanted {
                name: name.clone(),
                project: wanted.project.clone(),
                class: wanted.class.clone(),
                versions: wanted.versions.clone(),
                settings: vec![],
                revision: None,
            };
            environment::create(cluster, namespace, &wanted, events).await?
        }
    };
    wish.previews = Some(wanted.subject.to_string());
    Ok(wish)
}

/// What an environment is a preview of, as it is marked.
pub fn subject_of(environment: &Environment) -> Option<&str> {
    environment.annotations().get(marks::PREVIEW).map(String::as_str)
}
