//! Runs a command of outboard's own in a container that runs already. No secret is ever in the command.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, AttachParams};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A command takes no longer, or is given up: an environment is not looked at meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than this it does not say.
const MOST: u64 = 16 * 1024;

/// Where a command is run.
#[derive(Clone, Copy)]
pub struct Container<'a> {
    pub namespace: &'a str,
    pub pod: &'a str,
    pub container: &'a str,
}

/// What it wrote; or why it did not end well, in a line.
pub async fn run(client: &Client, at: Container<'_>, command: &[&str]) -> Result<String, String> {
    match tokio::time::timeout(PATIENCE, attached(client, at, command)).await {
        Ok(said) => said,
        Err(_) => Err(format!("pod {} does not answer within {} s", at.pod, PATIENCE.as_secs())),
    }
}

async fn attached(client: &Client, at: Container<'_>, command: &[&str]) -> Result<String, String> {
    let Container { namespace, pod, container } = at;
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let parameters = AttachParams {
        container: Some(container.to_owned()),
        stdin: false,
        stdout: true,
        stderr: true,
        tty: false,
        ..AttachParams::default()
    };
    let failed = |why: String| format!("pod {pod} cannot be told: {why}");
    let opened = pods.exec(pod, command.iter().copied(), &parameters).await;
    let mut process = opened.map_err(|error| failed(error.to_string()))?;
    let (status, out, err) = (process.take_status(), process.stdout(), process.stderr());
    let (mut said, mut told) = (String::new(), String::new());
    let both = futures::join!(read(out, &mut said), read(err, &mut told));
    both.0.and(both.1).map_err(|error| failed(error.to_string()))?;
    let ended = match status {
        Some(status) => status.await,
        None => None,
    };
    match ended.and_then(|ended| ended.status).as_deref() {
        Some("Success") => Ok(said),
        _ => Err(failed(told.lines().last().unwrap_or("the command was cut off").to_owned())),
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>, text: &mut String) -> std::io::Result<()> {
    match stream {
        Some(stream) => stream.take(MOST).read_to_string(text).await.map(drop),
        None => Ok(()),
    }
}
