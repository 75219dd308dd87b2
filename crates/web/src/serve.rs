//! Serves on the loopback interface of this machine, for whoever started it, until it is told to end.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use verbs::{Cluster, Watched};

use crate::app::{App, Inside};
use crate::desk::Desk;
use crate::door::Door;
use crate::failure::Failure;
use crate::{json, pages, token};

/// What is served, and where.
#[derive(Debug)]
pub struct Options {
    /// 0: any that is free.
    pub port: u16,
    /// The control namespace that is shown; none: all of them.
    pub namespace: Option<String>,
    /// Where a token for scripts is written to, readable by its owner only.
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot listen on port {port}")]
    Listen { port: u16, source: std::io::Error },
    #[error("cannot write {}", file.display())]
    TokenFile { file: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Verb(#[from] verbs::Error),
}

/// A server that listens already.
pub struct Serving {
    listener: TcpListener,
    app: App,
    /// The address to open, which lets in once; another follows as soon as it was used.
    pub entrances: watch::Receiver<String>,
}

impl Serving {
    pub async fn begin(cluster: Cluster, options: Options) -> Result<Self, Error> {
        let port = options.port;
        let listening = |source| Error::Listen { port, source };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let watched = Watched::begin(&cluster, options.namespace.as_deref()).await?;
        let copies = Watched::begin(&cluster, options.namespace.as_deref()).await.map_err(Failure::from);
        let who = cluster.user().await;
        let scripts = match &options.token_file {
            Some(file) => {
                Some(token_in(file).map_err(|source| Error::TokenFile { file: file.clone(), source })?)
            }
            None => None,
        };
        let (door, entrances) = Door::new(address, scripts);
        let namespace = options.namespace;
        let app = App::new(Inside { cluster, namespace, who, watched, copies, desk: Desk::default(), door });
        Ok(Self { listener, app, entrances })
    }

    /// Serves until `ended`; what is being answered is answered, what is streamed ends.
    pub async fn run(self, ended: impl Future<Output = ()>) {
        let router = pages::router().merge(json::router()).with_state(self.app.clone());
        let router = crate::door::before(router, self.app);
        tokio::select! {
            served = axum::serve(self.listener, router) => {
                if let Err(error) = served {
                    tracing::error!(error = %error, "The server ended: {error}");
                }
            }
            () = ended => {}
        }
    }
}

fn token_in(file: &std::path::Path) -> std::io::Result<token::Mark> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let token = token::draw();
    // A file that others could read already stays theirs to read: so it is made anew.
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    opened.write_all(token.as_bytes())?;
    Ok(token::mark(&token))
}
