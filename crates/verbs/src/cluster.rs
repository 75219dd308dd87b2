//! Reaching the cluster: kubeconfig, context and the control namespace.

use std::path::PathBuf;
use std::time::Duration;

use http::Request;
use http::header::{AUTHORIZATION, HeaderValue};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config};
use tower::BoxError;

use crate::project::KeptVersions;
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
    /// Reached through a server of outboard, which `server` is then.
    pub through: bool,
    /// Seen as somebody else than this process is known as: what only this process may have is nothing of theirs.
    pub acting: bool,
    /// What was said about versions a moment ago.
    pub kept: KeptVersions,
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
        Ok(Self {
            client,
            server,
            context_namespace,
            through: false,
            acting: false,
            kept: KeptVersions::default(),
        })
    }

    /// Through a server of outboard, with the token of whoever asks; nothing is sent yet. Only what its `proxy` lists is there.
    /// `token` is asked before each request: a command may go on for longer than one is good.
    pub fn through<F, E>(server: &str, token: impl Fn() -> F + Send + Sync + 'static) -> Result<Self>
    where
        F: Future<Output = std::result::Result<String, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let server = server.trim_end_matches('/').to_owned();
        let address = format!("{server}/kube");
        let address = match address.parse::<http::Uri>() {
            Ok(address) if is_safe(&address) => address,
            Err(error) if server.starts_with("https://") => {
                return Err(Error::Unreachable { server, reason: error.to_string() });
            }
            _ => return Err(Error::InClear { server }),
        };
        let mut config = Config::new(address);
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let bare = Client::try_from(config).map_err(|error| Error::Kubernetes(Box::new(error)))?;
        let namespace = bare.default_namespace().to_owned();
        let service = tower::service_fn(move |mut request: Request<Body>| {
            let (bare, token) = (bare.clone(), token());
            async move {
                let mut bearer =
                    HeaderValue::try_from(format!("Bearer {}", token.await.map_err(Into::into)?))?;
                bearer.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, bearer);
                Ok::<_, BoxError>(bare.send(request).await?)
            }
        });
        let client = Client::new(service, namespace);
        Ok(Self {
            client,
            server,
            context_namespace: None,
            through: true,
            acting: false,
            kept: KeptVersions::default(),
        })
    }

    /// The namespace that holds Projects and Environments: as said, else the context's, else named like the project.
    pub fn control_namespace(&self, said: Option<&str>, project: Option<&str>) -> Result<String> {
        said.or(self.context_namespace.as_deref()).or(project).map(str::to_owned).ok_or(Error::NoNamespace)
    }

    /// The time by the API server's clock, which is what the operator goes by; ours where it does not tell.
    pub async fn now(&self) -> Timestamp {
        let asked = async {
            let request = Request::get("/version").body(Body::empty()).ok()?;
            let answer = self.client.send(request).await.ok()?;
            clock(answer.headers().get(http::header::DATE)?.to_str().ok()?)
        };
        asked.await.unwrap_or_else(Timestamp::now)
    }

    /// Who the cluster says we are; `None` if it does not tell.
    pub async fn user(&self) -> Option<String> {
        self.known_as().await.ok().flatten()
    }

    /// The same, with why we are not let in.
    pub async fn known_as(&self) -> Result<Option<String>> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let review = review.map_err(|error| self.explain(error))?;
        Ok(review.status.and_then(|status| status.user_info?.username))
    }
}

/// In clear, whoever is on the way would have the token. What stands before an `@` is no host, whatever it looks like.
fn is_safe(address: &http::Uri) -> bool {
    let here = matches!(address.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let plain = address.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    plain && (address.scheme_str() == Some("https") || (address.scheme_str() == Some("http") && here))
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

    async fn token() -> std::result::Result<String, std::io::Error> {
        Ok("t".to_owned())
    }

    #[tokio::test]
    async fn a_token_goes_to_no_server_in_clear() {
        for server in [
            "http://outboard.example.com",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1:80@evil.example",
            "http://localhost@evil.example",
            "http://[::1]:80@evil.example/",
            "https://ann:secret@outboard.example.com",
            "outboard.example.com",
            "ftp://a",
        ] {
            assert!(matches!(Cluster::through(server, token), Err(Error::InClear { .. })), "{server}");
        }
        let local = Cluster::through("http://127.0.0.1:8090/", token).unwrap();
        assert_eq!(local.server, "http://127.0.0.1:8090");
        for server in ["https://outboard.example.com", "http://localhost", "http://[::1]:8090"] {
            assert!(Cluster::through(server, token).is_ok(), "{server}");
        }
    }

    #[tokio::test]
    async fn a_token_is_asked_for_before_each_request() {
        use std::io::{BufRead, BufReader, Write};
        use std::sync::atomic::{AtomicU32, Ordering};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let said = std::thread::spawn(move || {
            let mut said = vec![];
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head = lines.map(Result::unwrap).take_while(|line| !line.is_empty());
                said.extend(head.filter(|line| line.starts_with("authorization") || line.starts_with("GET")));
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                    .unwrap();
            }
            said
        });
        let count = std::sync::Arc::new(AtomicU32::new(0));
        let cluster = Cluster::through(&server, move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move { Ok::<_, std::io::Error>(format!("t{number}")) }
        })
        .unwrap();
        for _ in 0..2 {
            cluster.now().await;
        }
        let wanted = ["GET /kube/version HTTP/1.1", "authorization: Bearer t0"];
        let said = said.join().unwrap();
        assert_eq!(said[..2], wanted);
        assert_eq!(said[3], "authorization: Bearer t1");
    }

    #[test]
    fn the_clock_of_a_server_is_read_from_its_answers() {
        let date = clock("Wed, 25 Nov 2026 13:18:12 GMT");
        assert_eq!(date.map(|time| time.to_string()).as_deref(), Some("2026-11-25T13:18:12Z"));
        assert_eq!(clock("soon"), None);
    }
}
