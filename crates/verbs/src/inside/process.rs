//! A process in a container that was started for somebody: waits until it runs, connects it, learns how it ended.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;
use kube::core::{Request, Resource};
use serde::Serialize;
use tokio::sync::watch;

use super::error::Trouble;
use super::output::Output;
use super::session::{self, End, Streams};
use super::start::{self, Starting, State};
use super::watch::follow;
use crate::{Cluster, Error, Result};

/// Until a pod says of a container that has ended that it has.
const SETTLING: Duration = Duration::from_secs(3);

/// How starting somebody's process comes along.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Step {
    /// Its container is written down and on its way.
    Created {
        environment: String,
        part: String,
        namespace: String,
        pod: String,
        container: String,
        image: String,
        /// The environment revision it is made from, for a pod of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<i64>,
    },
    /// It runs.
    Started { pod: String, container: String },
    /// Something about it did not work, and nothing more depends on that.
    Problem { message: String },
}

/// The container, and what it is called by in errors.
pub struct Process<'a> {
    pub cluster: &'a Cluster,
    pub pods: Api<Pod>,
    pub namespace: &'a str,
    pub pod: &'a str,
    pub container: &'a str,
    /// What was asked for, without its arguments.
    pub command: &'a str,
    pub starting: Starting<'a>,
}

impl Process<'_> {
    /// Waits until it runs, or has ended already; what can't start is an error at once.
    pub async fn started(&self, within: Duration) -> Result<()> {
        let pending = Mutex::new(String::new());
        let waited = follow(self.cluster, &self.pods, self.pod, |pod| {
            let pod = pod.ok_or_else(|| self.gone())?;
            match start::state(pod, self.container, &self.starting, Timestamp::now()) {
                State::Running | State::Ended(_) => Ok(Some(())),
                State::Waiting(why) => {
                    if let Ok(mut pending) = pending.lock() {
                        *pending = why;
                    }
                    Ok(None)
                }
                State::NoSuchCommand => Err(self.no_such_command()),
                State::Stuck(verdict) => Err(Trouble::NotStarted { what: self.words(), verdict }.into()),
            }
        });
        match tokio::time::timeout(within, Box::pin(waited)).await {
            Ok(started) => started,
            Err(_) => Err(Trouble::SlowStart {
                what: self.words(),
                after: within,
                pending: pending.into_inner().into_iter().filter(|why| !why.is_empty()).collect(),
            }
            .into()),
        }
    }

    /// Connects it to `streams` until it has ended; answers with its exit code.
    pub async fn attend(&self, streams: Streams) -> Result<i32> {
        if streams.is_terminal() { self.at_a_terminal(streams).await } else { self.by_its_log(streams).await }
    }

    /// What was written before we came is in the log; from then on everything comes over the connection.
    async fn at_a_terminal(&self, mut streams: Streams) -> Result<i32> {
        let (_tell, ended) = watch::channel(true);
        self.output(ended).so_far(&mut *streams.stdout).await?;
        let attached = self.attach(&AttachParams {
            container: Some(self.container.to_owned()),
            stdin: true,
            stdout: true,
            stderr: false,
            tty: true,
            ..AttachParams::default()
        });
        match Box::pin(session::open(self.cluster, attached, "attach", streams)).await {
            Ok(End::Exit(_)) => self.exit_code().await,
            Ok(End::NoSuchCommand) => Err(self.no_such_command()),
            // Nobody can type any more: that must not look as if it went on.
            Ok(End::Trouble(reason)) => {
                self.ended_meanwhile(Trouble::CutOff { what: self.words(), reason }.into()).await
            }
            Err(error) => self.ended_meanwhile(error).await,
        }
    }

    /// A process may have ended before we were connected, and its exit code says all there is to say. Else `error`.
    async fn ended_meanwhile(&self, error: Error) -> Result<i32> {
        tokio::time::timeout(SETTLING, self.exit_code()).await.unwrap_or(Err(error))
    }

    /// The log has every byte from the first one on; a connection would come too late for some.
    async fn by_its_log(&self, streams: Streams) -> Result<i32> {
        let Streams { stdin, mut stdout, .. } = streams;
        let (tell, ended) = watch::channel(false);
        let code = async {
            let code = self.exit_code().await;
            tell.send_replace(true);
            code
        };
        let everything = async { tokio::try_join!(code, self.output(ended).copy(&mut *stdout)) };
        let feeding = async {
            if stdin.is_some() {
                self.feed(stdin).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = Box::pin(everything) => done.map(|(code, ())| code),
            () = Box::pin(feeding) => Err(self.gone()),
        }
    }

    /// A process that reads no more, or has ended, needs no feeding: that is no error.
    async fn feed(&self, stdin: Option<Box<dyn tokio::io::AsyncRead + Send + Unpin>>) {
        let attached = self.attach(&AttachParams {
            container: Some(self.container.to_owned()),
            stdin: true,
            stdout: false,
            stderr: false,
            tty: false,
            ..AttachParams::default()
        });
        let nowhere = || Box::new(tokio::io::sink());
        let streams = Streams { stdin, stdout: nowhere(), stderr: nowhere(), sizes: None, opened: None };
        if let Err(error) = session::open(self.cluster, attached, "attach", streams).await {
            tracing::debug!(pod = self.pod, %error, "failed to feed it");
        }
    }

    fn attach(&self, parameters: &AttachParams) -> session::Asked {
        Request::new(Pod::url_path(&(), Some(self.namespace))).attach(self.pod, parameters)
    }

    fn output(&self, ended: watch::Receiver<bool>) -> Output<'_> {
        Output { cluster: self.cluster, pods: &self.pods, pod: self.pod, container: self.container, ended }
    }

    async fn exit_code(&self) -> Result<i32> {
        follow(self.cluster, &self.pods, self.pod, |pod| {
            let pod = pod.ok_or_else(|| self.gone())?;
            match start::state(pod, self.container, &self.starting, Timestamp::now()) {
                State::Ended(code) => Ok(Some(code)),
                State::NoSuchCommand => Err(self.no_such_command()),
                _ => match evicted(pod) {
                    Some(reason) => Err(Trouble::CutOff { what: self.words(), reason }.into()),
                    None => Ok(None),
                },
            }
        })
        .await
    }

    /// For people.
    fn words(&self) -> String {
        format!("pod {}", self.pod)
    }

    fn gone(&self) -> Error {
        Trouble::CutOff { what: self.words(), reason: "somebody deleted it".to_owned() }.into()
    }

    fn no_such_command(&self) -> Error {
        let part = self.starting.part;
        Trouble::NoSuchCommand {
            command: self.command.to_owned(),
            place: format!("{} {}", part.role.as_str(), part.name),
        }
        .into()
    }
}

/// A pod that Kubernetes ended says so itself; its containers may say nothing.
fn evicted(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Failed"))?;
    let reason = status.reason.clone()?;
    Some(status.message.clone().unwrap_or(reason))
}

/// A name that nobody else takes.
pub fn named(before: &str) -> String {
    use rand::RngExt;
    let mut random = rand::rng();
    let letters: String = (0..5).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect();
    format!("{before}-{letters}")
}
