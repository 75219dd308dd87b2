//! `exec`: runs a command in a container that runs already.

use api::Role;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::AttachParams;
use kube::core::{Request, Resource};

use super::error::Trouble;
use super::session::{self, End, Streams};
use super::{enter, pods};
use crate::{Cluster, Result};

/// What is to be run, and where.
#[derive(Clone, Debug)]
pub struct Exec {
    pub environment: String,
    /// A component or service.
    pub part: String,
    /// This pod of it, ready or not.
    pub pod: Option<String>,
    pub command: Vec<String>,
}

/// Runs the command to its end; answers with its exit code.
pub async fn exec(cluster: &Cluster, control: &str, wanted: &Exec, streams: Streams) -> Result<i32> {
    let roles = [Role::Component, Role::Service];
    let inside = enter::enter(cluster, control, &wanted.environment, &wanted.part, &roles).await?;
    let pod = pods::entered(cluster, &inside, wanted.pod.as_deref()).await?;
    let name = pod.name_any();
    let parameters = AttachParams {
        container: pods::container(&pod, &inside.part.name).map(|container| container.name.clone()),
        stdin: streams.stdin.is_some(),
        stdout: true,
        // A terminal has one stream for both.
        stderr: !streams.is_terminal(),
        tty: streams.is_terminal(),
        ..AttachParams::default()
    };
    let request = Request::new(Pod::url_path(&(), Some(&inside.namespace)));
    let request = request.exec(&name, wanted.command.iter().map(String::as_str), &parameters);
    match session::open(cluster, request, "exec", streams).await? {
        End::Exit(code) => Ok(code),
        End::NoSuchCommand => Err(Trouble::NoSuchCommand {
            command: wanted.command.first().cloned().unwrap_or_default(),
            place: inside.part_words(),
        }
        .into()),
        End::Trouble(reason) => {
            Err(Trouble::CutOff { what: format!("the command in pod {name}"), reason }.into())
        }
    }
}
