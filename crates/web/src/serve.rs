//! Serves on the loopback interface of this machine, for whoever started it, until it is told to end.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use rand::RngExt;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;
use verbs::{Cluster, Watched};

use crate::app::{App, Inside};
use crate::desk::Desk;
use crate::door::Door;
use crate::door::local::Local;
use crate::drawn::Drawn;
use crate::sight::Reviews;
use crate::{json, pages, proxy, token};

/// So long a change that is under way is waited for at the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What is served, and where.
#[derive(Debug)]
pub struct Options {
    /// Of 127.0.0.1; none: any that is free, of an address of its own.
    pub port: Option<u16>,
    /// The control namespace that is shown; none: all of them.
    pub namespace: Option<String>,
    /// Where a token for scripts is written to, readable by its owner only.
    pub token_file: Option<PathBuf>,
    /// Where files of clusters lie that are shown.
    pub clusters: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the server ended")]
    Ended { source: std::io::Error },
    #[error("{} is there already, and holds no token", file.display())]
    NoToken { file: PathBuf },
    #[error("cannot write {}", file.display())]
    TokenFile { file: PathBuf, source: std::io::Error },
    /// A setting of a server cannot be used.
    #[error("{setting}: {reason}")]
    Setting { setting: &'static str, reason: String, hint: String },
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
        let address = address(options.port);
        let listening = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let watched = Watched::begin(&cluster, options.namespace.as_deref()).await?;
        let who = cluster.user().await;
        let scripts = match &options.token_file {
            Some(file) => Some(token_in(file)?),
            None => None,
        };
        let (door, entrances) = Local::new(address, scripts);
        let app = App::new(Inside {
            own: cluster,
            namespace: options.namespace,
            who,
            watched,
            copies: OnceCell::new(),
            projects: OnceCell::new(),
            clusters: options.clusters,
            kept: tokio::sync::Mutex::default(),
            reviews: Reviews::default(),
            drawn: Drawn::default(),
            desk: Desk::default(),
            archives: None,
            door: Door::Local(door),
        });
        Ok(Self { listener, app, entrances })
    }

    /// Serves until `ended`. Changes that are under way are finished then, if they do not take too long; what is read or
    /// streamed is cut.
    pub async fn run(self, ended: impl Future<Output = ()>) -> Result<(), Error> {
        let router = router(self.app.clone());
        tokio::select! {
            served = axum::serve(self.listener, router) => served.map_err(|source| Error::Ended { source })?,
            () = ended => {}
        }
        if timeout(PATIENCE, self.app.desk.quiet()).await.is_err() {
            tracing::warn!("A change was still under way; the environment's revisions tell what came of it.");
        }
        Ok(())
    }
}

pub fn router(app: App) -> Router {
    let mut pages = pages::router();
    if !app.door.is_local() {
        pages = pages.merge(pages::sign::router());
    }
    let mut router =
        pages.layer(from_fn_with_state(app.clone(), pages::trouble::known)).merge(json::router());
    if !app.door.is_local() {
        router = router.merge(json::sign_in()).merge(proxy::router());
    }
    crate::door::before(router.with_state(app.clone()), app)
}

/// An address of its own where it can be had, which is on Linux: there all of 127/8 is this machine. Cookies know no ports, so
/// every other server of an address gets them, too.
fn address(port: Option<u16>) -> SocketAddr {
    let own = || {
        let [a, b, c]: [u8; 3] = rand::rng().random();
        Ipv4Addr::new(127, a, b, c.clamp(2, 254))
    };
    match port {
        None if cfg!(target_os = "linux") => (own(), 0).into(),
        port => (Ipv4Addr::LOCALHOST, port.unwrap_or_default()).into(),
    }
}

fn token_in(file: &Path) -> Result<token::Mark, Error> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let broken = |source| Error::TokenFile { file: file.to_owned(), source };
    // One that others could read already stays theirs to read: so it is made anew. What is no token is somebody's.
    match std::fs::metadata(file) {
        Ok(there) if is_ours(file, &there).map_err(broken)? => std::fs::remove_file(file).map_err(broken)?,
        Ok(_) => return Err(Error::NoToken { file: file.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(broken(error)),
    }
    let token = token::draw();
    let mut options = std::fs::OpenOptions::new();
    let mut opened = options.write(true).create_new(true).mode(0o600).open(file).map_err(broken)?;
    opened.write_all(token.as_bytes()).map_err(broken)?;
    Ok(token::mark(&token))
}

fn is_ours(file: &Path, there: &std::fs::Metadata) -> std::io::Result<bool> {
    let short = there.is_file() && there.len() <= token::LENGTH;
    Ok(short && (there.len() == 0 || token::is_one(&std::fs::read(file)?)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn each_start_has_an_address_that_no_other_server_is_likely_to_have() {
        let (one, two) = (address(None), address(None));
        assert_ne!(one, two);
        for address in [one, two] {
            assert!(address.ip().is_loopback() && address.ip() != Ipv4Addr::LOCALHOST, "{address}");
            std::net::TcpListener::bind(address).unwrap();
        }
        assert_eq!(address(Some(8400)).to_string(), "127.0.0.1:8400");
    }

    #[test]
    fn a_token_takes_the_place_of_a_token_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, other) = (folder.path().join("token"), folder.path().join("config"));
        let first = token_in(&tokens).unwrap();
        std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(token_in(&tokens).unwrap(), first);
        assert_eq!(std::fs::metadata(&tokens).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&other, "apiVersion: v1").unwrap();
        assert!(matches!(token_in(&other), Err(Error::NoToken { .. })));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "apiVersion: v1");
    }
}
