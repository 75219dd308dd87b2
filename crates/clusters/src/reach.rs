//! Reaches a cluster's own Kubernetes API as an administrator, and waits until it answers.

use std::time::{Duration, Instant};

use aws::Failure;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig as Config};
use kube::{Api, Client, config};

use crate::diagnose::diagnose;
use crate::error::spoken;
use crate::kubeconfig::{Kubeconfig, kubeconfig};
use crate::plan::spec::Topology;
use crate::work::{Wanted, Work};
use crate::{Error, Event, Result, Sink, status};

/// Hours that the certificate is good for with which add-ons are applied, or things given back.
const HOURS: u32 = 2;
const CONNECT: Duration = Duration::from_secs(10);
/// Machines boot, and install what they need: longer than this no cluster was seen to take.
const LONGEST: Duration = Duration::from_secs(1200);
const PAUSE: Duration = Duration::from_secs(5);
/// Rights of a new cluster take a moment; who is refused for longer than that stays so.
const REFUSED: Duration = Duration::from_secs(120);
/// How often it is looked at what machines say of themselves.
const LOOK: Duration = Duration::from_secs(30);

/// A client with the cluster's own kubeconfig, and the server that leads to; nothing is sent yet.
pub async fn client(wanted: &Wanted) -> Result<(Client, String)> {
    let broken = |why: String| Error::Unreadable { what: "the cluster's kubeconfig".to_owned(), why };
    let read = match kubeconfig(wanted, HOURS).await? {
        Kubeconfig::Drawn(value) => {
            serde_json::from_value::<Config>(value).map_err(|error| broken(error.to_string()))
        }
        // Not what is there instead: it may be a secret of another kind.
        Kubeconfig::Kept { place, text } => {
            let wrong = |why: &str| Error::Unreadable {
                what: format!("the kubeconfig in {place}"),
                why: why.to_owned(),
            };
            let read = Config::from_yaml(&text).map_err(|_| wrong("it is no YAML of kind Config"))?;
            // Whoever may write there would have commands run here, or files of this machine sent away.
            match reaches_out(&read) {
                Some(what) => Err(wrong(&format!("it says `{what}`, and only what is in it is used"))),
                None => Ok(read),
            }
        }
    }?;
    let options = KubeConfigOptions::default();
    let mut config = config::Config::from_custom_kubeconfig(read, &options)
        .await
        .map_err(|error| broken(error.to_string()))?;
    config.connect_timeout = Some(CONNECT);
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let client = Client::try_from(config).map_err(|error| broken(error.to_string()))?;
    Ok((client, server))
}

/// What of a kubeconfig would use something of this machine.
fn reaches_out(read: &Config) -> Option<&'static str> {
    let users = read.auth_infos.iter().filter_map(|user| user.auth_info.as_ref());
    let of_user = users.filter_map(|user| {
        let said = [
            ("exec", user.exec.is_some()),
            ("auth-provider", user.auth_provider.is_some()),
            ("tokenFile", user.token_file.is_some()),
            ("client-certificate", user.client_certificate.is_some()),
            ("client-key", user.client_key.is_some()),
        ];
        said.into_iter().find(|(_, said)| *said).map(|(what, _)| what)
    });
    let mut clusters = read.clusters.iter().filter_map(|cluster| cluster.cluster.as_ref());
    let authority = clusters.any(|cluster| cluster.certificate_authority.is_some());
    of_user.chain(authority.then_some("certificate-authority")).next()
}

/// Why an API does not answer as it should.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Silent {
    /// Nobody is there, or somebody who is not ready yet.
    Away(String),
    /// Somebody is there, and it is not that we wait for, or we are not whom it takes orders from.
    Refuses(String),
}

impl Silent {
    pub fn why(self) -> String {
        match self {
            Self::Away(why) | Self::Refuses(why) => why,
        }
    }
}

/// Whether the API answers, and lets us look; else why not, in one line.
pub async fn answers(client: &Client) -> std::result::Result<String, Silent> {
    let asked = async {
        let version = client.apiserver_version().await?;
        // One that answers to nobody who is an administrator helps nobody.
        Api::<Namespace>::all(client.clone()).list_metadata(&ListParams::default().limit(1)).await?;
        Ok::<_, kube::Error>(version.git_version)
    };
    match tokio::time::timeout(CONNECT * 2, asked).await {
        Ok(Ok(version)) => Ok(version),
        Ok(Err(error)) => {
            let why = chain(&error);
            let refuses = matches!(&error, kube::Error::Api(status) if matches!(status.code, 401 | 403));
            // Of a certificate only the words of its error are known here.
            match refuses || why.contains("certificate") {
                true => Err(Silent::Refuses(why)),
                false => Err(Silent::Away(why)),
            }
        }
        Err(_) => Err(Silent::Away("no answer in time".to_owned())),
    }
}

/// The API of a cluster that is to be destroyed, if that may be asked to give something back; else why not.
pub async fn of_doomed(work: &Work) -> Result<std::result::Result<(Client, String), String>> {
    let spec = &work.file.spec;
    if spec.topology == Topology::Own && spec.give_back != Some(true) {
        return Ok(Err("topology own gives back only with `giveBack: true` in its file".to_owned()));
    }
    let status = status::of(&work.bucket, work.identity.clone()).await?;
    let Some(contract) = status.contract else { return Ok(Err("there is no whole cluster".to_owned())) };
    let wanted = Wanted { file: work.file.clone(), beside: work.beside.clone() };
    let (client, server) = match client(&wanted).await {
        Ok(reached) => reached,
        Err(Error::NoCluster { .. }) => return Ok(Err("there is no whole cluster".to_owned())),
        Err(Error::NoKubeconfig { place }) => return Ok(Err(format!("there is no {place}"))),
        Err(Error::Aws { failure: failure @ (Failure::Denied(_) | Failure::Missing), .. }) => {
            return Ok(Err(format!("its kubeconfig cannot be had: {}", spoken(&failure))));
        }
        Err(Error::LostKey { parameter }) => return Ok(Err(format!("parameter {parameter} is gone"))),
        Err(error @ (Error::Unreadable { .. } | Error::Keys(_))) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    if server != contract.endpoint.trim_end_matches('/') {
        // What is deleted there would be another cluster's.
        return Ok(Err(format!("its kubeconfig leads to {server}, not to its own {}", contract.endpoint)));
    }
    Ok(match answers(&client).await {
        Ok(_) => Ok((client, server)),
        Err(silent) => Err(format!("its API does not answer: {}", silent.why())),
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}

/// Waits until the API of a cluster that has just been made answers. What machines say of themselves ends it early: when each of
/// the control plane has a cause, nobody is left who could make it answer.
pub async fn answering(wanted: &Wanted, sink: Sink<'_>) -> Result<Client> {
    let (client, _) = client(wanted).await?;
    let (begun, mut looked, mut told) = (Instant::now(), Instant::now(), false);
    let mut refused: Option<Instant> = None;
    loop {
        let silent = match answers(&client).await {
            Ok(version) => {
                sink(Event::Checked { what: "API", found: format!("it answers: Kubernetes {version}") });
                return Ok(client);
            }
            Err(silent) => silent,
        };
        refused = matches!(silent, Silent::Refuses(_)).then(|| refused.unwrap_or_else(Instant::now));
        let why = silent.why();
        if refused.is_some_and(|since| since.elapsed() > REFUSED) {
            return Err(Error::NoApi { why });
        }
        if !told {
            sink(Event::Doing { what: format!("waiting for the API to answer ({why})") });
            told = true;
        }
        if looked.elapsed() > LOOK && wanted.file.spec.topology == Topology::Kubeadm {
            looked = Instant::now();
            let found = diagnose(wanted).await?;
            let mut control = found.iter().filter(|one| one.name.contains("control-plane")).peekable();
            if control.peek().is_some() && control.clone().all(|one| one.cause.is_some()) {
                let causes = control.filter_map(|one| Some(format!("{}: {}", one.name, one.cause.as_ref()?)));
                return Err(Error::NoApi { why: causes.collect::<Vec<_>>().join("; ") });
            }
        }
        if begun.elapsed() > LONGEST {
            return Err(Error::NoApi { why });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    /// An API that answers everything alike.
    fn api(code: StatusCode) -> Client {
        let service = tower::service_fn(move |_: Request<Body>| {
            let status =
                json!({"kind": "Status", "status": "Failure", "message": "so it is", "code": code.as_u16()});
            let answer = Response::builder().status(code).body(Body::from(status.to_string().into_bytes()));
            std::future::ready(answer)
        });
        Client::new(service, "default")
    }

    #[tokio::test]
    async fn an_api_that_refuses_us_is_told_from_one_that_is_not_there_yet() {
        for code in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            assert!(matches!(answers(&api(code)).await, Err(Silent::Refuses(_))), "{code}");
        }
        let away = answers(&api(StatusCode::SERVICE_UNAVAILABLE)).await;
        assert!(matches!(&away, Err(Silent::Away(why)) if why.contains("so it is")), "{away:?}");
    }

    #[test]
    fn a_kubeconfig_that_lies_elsewhere_uses_nothing_of_this_machine() {
        let of = |user: &str, cluster: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Config\nusers: [{{name: a, user: {{{user}}}}}]\nclusters: [{{name: a, cluster: {{server: https://a{cluster}}}}}]\n"
            );
            reaches_out(&Config::from_yaml(&text).unwrap())
        };
        assert_eq!(of("token: a, client-key-data: YQ==", ""), None);
        assert_eq!(of("exec: {command: sh, apiVersion: client.authentication.k8s.io/v1}", ""), Some("exec"));
        assert_eq!(of("tokenFile: /etc/passwd", ""), Some("tokenFile"));
        assert_eq!(of("client-key: /root/.ssh/id", ""), Some("client-key"));
        assert_eq!(of("token: a", ", certificate-authority: /etc/a"), Some("certificate-authority"));
    }
}
