//! A session with a process in a container: its streams, the size of its terminal, and how it ends.
//!
//! Sending and receiving wait for nothing of each other, so a command that answers while it is still being fed
//! never comes to a standstill.

use std::future::pending;
use std::time::Duration;

use futures::{Sink, SinkExt, Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::{Error as Broken, Message};

use super::error::Trouble;
use crate::{Cluster, Error, Result};

/// What a frame is about: its first byte.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
/// That a stream has ended.
const CLOSE: u8 = 255;
/// Below every idle limit that a load balancer is known to have.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const CHUNK: usize = 32 * 1024;

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Size {
    pub width: u16,
    pub height: u16,
}

/// Our side of a session.
pub struct Streams {
    pub stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
    pub stdout: Box<dyn AsyncWrite + Send + Unpin>,
    pub stderr: Box<dyn AsyncWrite + Send + Unpin>,
    /// Where the session is a terminal: its size, now and whenever it changes.
    pub sizes: Option<watch::Receiver<Size>>,
    /// Called once the other side is there: until then keys are still ours.
    pub opened: Option<Box<dyn FnOnce() + Send>>,
}

impl Streams {
    pub fn is_terminal(&self) -> bool {
        self.sizes.is_some()
    }
}

/// How a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    Exit(i32),
    /// The image has no such program.
    NoSuchCommand,
    /// Something else, in the words of Kubernetes.
    Trouble(String),
}

/// A request for a session, as `kube` builds it.
pub type Asked = std::result::Result<http::Request<Vec<u8>>, kube::core::request::Error>;

/// Opens a session and carries it to its end.
pub async fn open(cluster: &Cluster, request: Asked, subject: &'static str, streams: Streams) -> Result<End> {
    let mut request =
        request.map_err(|error| Error::Kubernetes(Box::new(kube::Error::BuildRequest(error))))?;
    request.extensions_mut().insert(subject);
    let connection = cluster.client.connect(request).await.map_err(|error| cluster.explain(error))?;
    let (to, from) = connection.into_stream().split();
    let Streams { stdin, stdout, stderr, sizes, opened } = streams;
    if let Some(opened) = opened {
        opened();
    }
    tokio::select! {
        end = receive(from, stdout, stderr) => end,
        () = send(to, stdin, sizes) => pending().await,
    }
}

/// Sends until the other side listens no more. How it ended is for the receiving side to say, so this never ends.
async fn send(
    mut to: impl Sink<Message, Error = Broken> + Unpin,
    mut stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
    mut sizes: Option<watch::Receiver<Size>>,
) {
    let mut alive = tokio::time::interval(KEEP_ALIVE);
    let mut buffer = vec![0; CHUNK];
    if let Some(sizes) = &mut sizes {
        // The first size counts as news.
        sizes.mark_changed();
    }
    loop {
        let message = tokio::select! {
            read = next(&mut stdin, &mut buffer) => match read {
                // What cannot be read any more has ended as well.
                Ok(0) | Err(_) => {
                    stdin = None;
                    Message::binary(vec![CLOSE, STDIN])
                }
                Ok(length) => frame(STDIN, &buffer[..length]),
            },
            size = changed(&mut sizes) => match size {
                Some(Size { width, height }) => {
                    frame(RESIZE, json!({"Width": width, "Height": height}).to_string().as_bytes())
                }
                None => {
                    sizes = None;
                    continue;
                }
            },
            _ = alive.tick() => Message::Ping(Default::default()),
        };
        if to.send(message).await.is_err() {
            return pending().await;
        }
    }
}

async fn next(
    stdin: &mut Option<Box<dyn AsyncRead + Send + Unpin>>,
    buffer: &mut [u8],
) -> std::io::Result<usize> {
    match stdin {
        Some(stdin) => stdin.read(buffer).await,
        None => pending().await,
    }
}

async fn changed(sizes: &mut Option<watch::Receiver<Size>>) -> Option<Size> {
    match sizes {
        Some(sizes) => sizes.changed().await.ok().map(|()| *sizes.borrow_and_update()),
        None => pending().await,
    }
}

fn frame(channel: u8, bytes: &[u8]) -> Message {
    let mut frame = Vec::with_capacity(bytes.len() + 1);
    frame.push(channel);
    frame.extend_from_slice(bytes);
    Message::binary(frame)
}

async fn receive(
    mut from: impl Stream<Item = std::result::Result<Message, Broken>> + Unpin,
    mut stdout: Box<dyn AsyncWrite + Send + Unpin>,
    mut stderr: Box<dyn AsyncWrite + Send + Unpin>,
) -> Result<End> {
    while let Some(message) = from.next().await {
        let bytes = match message {
            Ok(Message::Binary(bytes)) => bytes,
            Ok(_) => continue,
            Err(error) => return Ok(End::Trouble(error.to_string().to_lowercase())),
        };
        // A frame of its channel alone only says that the channel is open.
        let Some((channel, bytes)) = bytes.split_first().filter(|(_, rest)| !rest.is_empty()) else {
            continue;
        };
        let out = match *channel {
            STDOUT => &mut stdout,
            STDERR => &mut stderr,
            STATUS => return Ok(end(bytes)),
            _ => continue,
        };
        out.write_all(bytes).await.map_err(Trouble::Output)?;
        out.flush().await.map_err(Trouble::Output)?;
    }
    Ok(End::Trouble("the connection ended before the command did".to_owned()))
}

/// Reads the last words of a session.
fn end(bytes: &[u8]) -> End {
    let Ok(status) = serde_json::from_slice::<Status>(bytes) else {
        return End::Trouble(String::from_utf8_lossy(bytes).into_owned());
    };
    if status.status.as_deref() == Some("Success") {
        return End::Exit(0);
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes
        .filter(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .find_map(|cause| cause.message.as_deref()?.parse().ok());
    match (code, status.message.unwrap_or_default()) {
        (Some(code), _) => End::Exit(code),
        (None, message) if no_such_command(&message) => End::NoSuchCommand,
        (None, message) => End::Trouble(message),
    }
}

/// Whether a container runtime says that the program to start is not there.
pub fn no_such_command(message: &str) -> bool {
    message.contains("executable file not found")
        || (message.contains("exec") && message.contains("no such file or directory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_read_from_the_last_words() {
        let failed = json!({
            "status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with exit code 3",
            "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
        });
        assert_eq!(end(failed.to_string().as_bytes()), End::Exit(3));
        assert_eq!(end(br#"{"status":"Success"}"#), End::Exit(0));
    }

    #[test]
    fn a_program_that_is_not_there_is_told_apart_from_other_trouble() {
        let said =
            |message: &str| end(json!({"status": "Failure", "message": message}).to_string().as_bytes());
        let missing =
            r#"unable to start container process: exec: "nosuch": executable file not found in $PATH"#;
        assert_eq!(said(missing), End::NoSuchCommand);
        assert_eq!(said("container not found"), End::Trouble("container not found".into()));
    }

    #[tokio::test]
    async fn output_goes_to_its_own_stream_and_a_cut_is_no_end() {
        let (mut out, stdout) = tokio::io::duplex(64);
        let (mut err, stderr) = tokio::io::duplex(64);
        let frames = [frame(STDOUT, b"one"), frame(STDERR, b"two"), frame(STDOUT, b"")];
        let frames = futures::stream::iter(frames.map(Ok));
        let told = receive(frames, Box::new(stdout), Box::new(stderr)).await.unwrap();
        assert!(matches!(told, End::Trouble(_)), "{told:?}");
        let (mut one, mut two) = (String::new(), String::new());
        out.read_to_string(&mut one).await.unwrap();
        err.read_to_string(&mut two).await.unwrap();
        assert_eq!((one.as_str(), two.as_str()), ("one", "two"));
    }
}
