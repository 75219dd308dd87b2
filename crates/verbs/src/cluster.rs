//! Reaching the cluster: kubeconfig, context and the control namespace.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config};

use crate::{Error, Result};

/// How long a connection may take to open: a person is waiting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which cluster is meant, as far as the person said.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Instead of `$KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// Instead of the kubeconfig's current context.
    pub context: Option<String>,
    /// Instead of oneself: takes the right to impersonate.
    pub user: Option<String>,
    /// Of that user.
    pub groups: Vec<String>,
}

/// A client with what its errors need to be understood.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    /// URL of the API server.
    pub server: String,
    /// The namespace that the kubeconfig's context names.
    pub context_namespace: Option<String>,
}

impl Cluster {
    /// Reads the kubeconfig and prepares a client; nothing is sent yet.
    pub async fn connect(target: &Target) -> Result<Self> {
        let (mut config, context_namespace) = match read_kubeconfig(target)? {
            Some(kubeconfig) => from_kubeconfig(kubeconfig, target).await?,
            // Inside a pod there is no file, but a service account.
            None => match Config::incluster() {
                Ok(config) => {
                    let namespace = config.default_namespace.clone();
                    (config, Some(namespace))
                }
                Err(_) => return Err(Error::NoKubeconfig { looked_at: looked_at() }),
            },
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        if let Some(user) = &target.user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups =
                Some(target.groups.clone()).filter(|groups| !groups.is_empty());
        }
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = Client::try_from(config).map_err(|error| Error::Kubernetes(Box::new(error)))?;
        Ok(Self { client, server, context_namespace })
    }

    /// The namespace that holds Projects and Environments: as said, else the context's, else named like the project.
    pub fn control_namespace(&self, said: Option<&str>, project: Option<&str>) -> Result<String> {
        said.or(self.context_namespace.as_deref()).or(project).map(str::to_owned).ok_or(Error::NoNamespace)
    }

    /// The time by the API server's clock, which is what the operator goes by; ours where it does not tell.
    pub async fn now(&self) -> Timestamp {
        let asked = async {
            let request = http::Request::get("/version").body(Body::empty()).ok()?;
            let answer = self.client.send(request).await.ok()?;
            clock(answer.headers().get(http::header::DATE)?.to_str().ok()?)
        };
        asked.await.unwrap_or_else(Timestamp::now)
    }

    /// Who the cluster says we are; `None` if it does not tell.
    pub async fn user(&self) -> Option<String> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
        review.status?.user_info?.username
    }
}

/// The time of an HTTP `Date`.
fn clock(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date).ok().map(|time| time.timestamp())
}

/// `None` when there is no file at the default place.
fn read_kubeconfig(target: &Target) -> Result<Option<Kubeconfig>> {
    let read = match &target.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    match read {
        Ok(kubeconfig) => Ok(Some(kubeconfig)),
        Err(KubeconfigError::FindPath) => Ok(None),
        Err(KubeconfigError::ReadConfig(source, _))
            if target.kubeconfig.is_none() && source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::Kubeconfig(error)),
    }
}

async fn from_kubeconfig(kubeconfig: Kubeconfig, target: &Target) -> Result<(Config, Option<String>)> {
    let name = target.context.as_ref().or(kubeconfig.current_context.as_ref());
    let context = kubeconfig.contexts.iter().find(|context| Some(&context.name) == name);
    if let (None, Some(wanted)) = (context, &target.context) {
        let known = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
        return Err(Error::UnknownContext { context: wanted.clone(), known });
    }
    let namespace = context.and_then(|named| named.context.as_ref()?.namespace.clone());
    let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(Error::Kubeconfig)?;
    Ok((config, namespace.filter(|namespace| !namespace.is_empty())))
}

fn looked_at() -> String {
    match std::env::var("KUBECONFIG") {
        Ok(paths) if !paths.is_empty() => format!("KUBECONFIG={paths}"),
        _ => "~/.kube/config".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_server_is_read_from_its_answers() {
        let date = clock("Wed, 25 Nov 2026 13:18:12 GMT");
        assert_eq!(date.map(|time| time.to_string()).as_deref(), Some("2026-11-25T13:18:12Z"));
        assert_eq!(clock("soon"), None);
    }
}
