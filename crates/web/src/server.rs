//! Serves for many: people who sign in, and programs with tokens. Everything is done as they; what this process may by itself is
//! to look on, to act as others, and to keep record of it.

mod records;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use identity::{Client, Gate, Known, Naming, Provider, Rules, Trust};
use jiff::{SignedDuration, Timestamp};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, Semaphore, mpsc, watch};
use tokio::time::{interval, timeout};
use tower::ServiceExt;
use verbs::audit::{Record, Shelf};
use verbs::logs::served::{Archives, Served, mixed};
use verbs::{Cluster, Watched};

use crate::app::{App, Inside};
use crate::audit::Audit;
use crate::desk::Desk;
use crate::door::Door;
use crate::door::seal::Keys;
use crate::door::site::{Limits, Memory, Peer, Public, Site, Terminal};
use crate::drawn::Drawn;
use crate::serve::{Error, PATIENCE, router};
use crate::sight::Reviews;

use records::Records;

/// Whoever opens a connection says what they want.
const HEADERS: Duration = Duration::from_secs(10);
/// More at once than any number of people that one process serves.
const CONNECTIONS: usize = 4_096;
/// An end that says nothing is asked after a minute, and is gone after one more.
const ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);
/// How often is looked for new keys.
const KEYS: Duration = Duration::from_secs(30);

/// How a server is set up.
#[derive(Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Where whoever looks after it asks besides.
    pub health: Option<SocketAddr>,
    pub public: Public,
    pub issuer: String,
    /// Authorities besides those that this machine trusts.
    pub ca_file: Option<PathBuf>,
    pub client_id: String,
    /// None: the client is a public one.
    pub client_secret_file: Option<PathBuf>,
    pub key_file: PathBuf,
    pub scopes: Vec<String>,
    pub naming: Naming,
    /// Groups that count; none: all of them.
    pub only_groups: Vec<String>,
    /// Claims that people have to have, and what they are.
    pub required: Vec<(String, String)>,
    /// Clients besides, whose tokens are for this server, too.
    pub audiences: Vec<String>,
    /// The client that terminals sign in with.
    pub terminal: Option<String>,
    pub terminal_scopes: Vec<String>,
    pub issuers_file: Option<PathBuf>,
    pub session: SignedDuration,
    pub proxies: usize,
    pub contact: Option<String>,
    pub namespace: Option<String>,
    pub audit_days: u16,
    /// Where it is stored besides.
    pub audit_bucket: Option<Shelf>,
    /// Archives of logs that are read with this process' credentials for whoever may read logs.
    pub log_archives: Vec<Served>,
    /// Where files of clusters lie that are shown.
    pub clusters: Option<PathBuf>,
}

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    health: Option<TcpListener>,
    app: App,
    lines: mpsc::Receiver<Record>,
    audit_days: u16,
    audit_bucket: Option<Shelf>,
    key_file: PathBuf,
}

fn wrong(setting: &'static str, reason: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Setting { setting, reason: reason.into(), hint: hint.into() }
}

/// What a file holds. No reason says any of it.
fn read(setting: &'static str, file: &Path) -> Result<String, Error> {
    let hint = format!("put it at {}, readable by this process", file.display());
    std::fs::read_to_string(file)
        .map_err(|error| wrong(setting, format!("{}: {error}", file.display()), hint))
}

fn keys(file: &Path) -> Result<Keys, Error> {
    let hint = "draw one by `head -c 32 /dev/urandom | base64`";
    Keys::parse(&read("--session-key-file", file)?)
        .map_err(|error| wrong("--session-key-file", format!("{}: {error}", file.display()), hint))
}

impl Settings {
    fn client(&self) -> Result<Client, Error> {
        let secret = match &self.client_secret_file {
            None => None,
            Some(file) => {
                let secret = read("--client-secret-file", file)?.trim().to_owned();
                if secret.is_empty() {
                    let hint = "put the client's secret there, as the provider says it";
                    return Err(wrong("--client-secret-file", format!("{} is empty", file.display()), hint));
                }
                Some(secret)
            }
        };
        Ok(Client {
            id: self.client_id.clone(),
            secret,
            back: format!("{}/sign-in/back", self.public.origin()),
            scopes: self.scopes.clone(),
        })
    }

    fn gate(&self) -> Result<Gate, Error> {
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return Err(wrong(
                "--scopes",
                "`openid` is not among them",
                "without it no provider says who somebody is",
            ));
        }
        let hint = "say the issuer as its own /.well-known/openid-configuration does";
        let trust = match &self.ca_file {
            None => Trust::default(),
            Some(file) => Trust::read(read("--ca-file", file)?.as_bytes()).map_err(|reason| {
                let hint = "put there what the provider's certificate is of, as PEM";
                wrong("--ca-file", format!("{}: {reason}", file.display()), hint)
            })?,
        };
        let provider = Provider::trusting(&self.issuer, &trust)
            .map_err(|away| wrong("--issuer", away.to_string(), hint))?;
        let mut audiences = self.audiences.clone();
        audiences.extend(std::iter::once(&self.client_id).chain(&self.terminal).cloned());
        let rules = match &self.issuers_file {
            None => Rules::default(),
            Some(file) => {
                let hint = "its shape is in docs/guide/server.md";
                let text = read("--issuers", file)?;
                Rules::parse(&text)
                    .map_err(|broken| wrong("--issuers", format!("{}: {broken}", file.display()), hint))?
            }
        };
        let people = Known { provider, audiences, naming: self.naming.clone() };
        let gate = Gate::new(people, rules, &trust)
            .map_err(|away| wrong("--issuers", away.to_string(), "give each issuer one place"))?;
        Ok(gate.only(self.only_groups.clone()).requiring(self.required.clone()))
    }
}

fn archives(served: Vec<Served>) -> Result<Archives, Error> {
    if let Some(reason) = mixed(&served) {
        let hint =
            "its records do not say of which they are: give each project a bucket or a prefix of its own";
        return Err(wrong("--log-archive", reason, hint));
    }
    Ok(Archives::new(served))
}

/// Whether it may act as others at all: else everything would be refused, to everybody.
async fn rights(cluster: &Cluster, groups: &[String]) -> Result<(), Error> {
    let named = groups.iter().map(|group| Some(format!("{}{group}", verbs::PREFIX)));
    let mut needed = vec![("users", None)];
    match groups.is_empty() {
        true => needed.push(("groups", None)),
        false => needed.extend(named.map(|name| ("groups", name))),
    }
    for (resource, name) in needed {
        if !cluster.may_act(resource, name.as_deref()).await? {
            let whom = name.map(|name| format!(" {name}")).unwrap_or_default();
            let reason = format!("this process may not impersonate {resource}{whom}");
            let hint = "give it its rights: `outboard install --with-server …` does";
            return Err(wrong("Kubernetes", reason, hint));
        }
    }
    Ok(())
}

impl Server {
    /// Tells what is wrong before anybody comes.
    pub async fn begin(cluster: Cluster, settings: Settings) -> Result<Self, Error> {
        let (client, gate, keys) = (settings.client()?, settings.gate()?, keys(&settings.key_file)?);
        match gate.people.provider.look().await {
            Ok(()) => {}
            Err(away) if away.lasting => {
                return Err(wrong("--issuer", away.to_string(), "say the issuer as it says it of itself"));
            }
            // It may come back, and whoever has a session does not need it.
            Err(away) => tracing::warn!("{away}; nobody can sign in until it can be"),
        }
        let archives = archives(settings.log_archives)?;
        rights(&cluster, &settings.only_groups).await?;
        let watched = Watched::begin(&cluster, settings.namespace.as_deref()).await?;
        let address = settings.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        let health = match settings.health {
            None => None,
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                Some(listener.map_err(|source| Error::Listen { address, source })?)
            }
        };
        let (audit, lines) = Audit::new();
        let terminal = settings.terminal.as_ref().map(|client_id| Terminal {
            issuer: settings.issuer.clone(),
            client_id: client_id.clone(),
            scopes: settings.terminal_scopes.clone(),
        });
        let site = Site {
            gate,
            client,
            address: settings.public.clone(),
            keys: RwLock::new(Arc::new(keys)),
            clock: Arc::new(Timestamp::now),
            lasts: settings.session,
            proxies: settings.proxies,
            contact: settings.contact.clone(),
            terminal,
            audit,
            limits: Limits::default(),
            memory: Memory::default(),
            under_way: Arc::default(),
        };
        let app = App::new(Inside {
            own: cluster,
            namespace: settings.namespace,
            who: None,
            watched,
            copies: OnceCell::new(),
            projects: OnceCell::new(),
            clusters: settings.clusters,
            kept: tokio::sync::Mutex::default(),
            reviews: Reviews::default(),
            drawn: Drawn::default(),
            desk: Desk::default(),
            archives: Some(Arc::new(archives)),
            door: Door::Site(Box::new(site)),
        });
        Ok(Self {
            listener,
            health,
            app,
            lines,
            audit_days: settings.audit_days,
            audit_bucket: settings.audit_bucket,
            key_file: settings.key_file,
        })
    }

    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `ended`. Changes that are under way are finished then, if they do not take too long, and what is on record
    /// of them is written.
    pub async fn run(self, ended: impl Future<Output = ()>) -> Result<(), Error> {
        let (tell, over) = watch::channel(false);
        let records = Records::new(self.app.own.clone(), self.audit_days, self.audit_bucket);
        let writing = tokio::spawn(records.keep(self.lines, over));
        let fresh = tokio::spawn(keep_fresh(self.app.clone(), self.key_file));
        tokio::select! {
            () = accept(self.listener, router(self.app.clone())) => {}
            () = well(self.health) => {}
            () = ended => {}
        }
        fresh.abort();
        // Whatever its way, by page, program or command line. From here on none begins.
        let changes = self.app.door.site().map(|site| site.under_way.clone());
        let quiet = async {
            let changes = match changes {
                Some(changes) => Some(changes.write_owned().await),
                None => None,
            };
            // Whoever waited too long for an answer has none, and what they asked for goes on.
            (changes, self.app.desk.quiet().await)
        };
        let ended = timeout(PATIENCE, quiet).await;
        if ended.is_err() {
            tracing::warn!("A change was still under way; the environment's revisions tell what came of it.");
        }
        tell.send_replace(true);
        if timeout(PATIENCE, writing).await.is_err() {
            tracing::warn!(target: "audit", "the last lines of the audit are in this log only");
        }
        Ok(())
    }
}

/// Says that it is well to whoever asks by an address of their own, however many others stand before the other.
async fn well(listener: Option<TcpListener>) {
    match listener {
        Some(listener) => accept(listener, Router::new().route("/healthz", get(async || "ok"))).await,
        None => std::future::pending().await,
    }
}

async fn accept(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of files, say: those who leave make room.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        // Of one whose other end is gone nothing would ever be heard.
        if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&ALIVE) {
            tracing::debug!("a connection of {from} cannot be kept an eye on: {error}");
        }
        let router = router.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
                request.extensions_mut().insert(Peer(from.ip()));
                let router = router.clone();
                async move { Ok::<_, Infallible>(answered(router, request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            if let Err(error) = connection.await {
                tracing::debug!("a connection of {from} ended: {error}");
            }
            drop(permit);
        });
    }
}

async fn answered(router: Router, request: hyper::Request<Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
    }
}

/// A new key is used as soon as it is there. Tells of strangers, too.
async fn keep_fresh(app: App, file: PathBuf) {
    let mut known = tokio::fs::read(&file).await.unwrap_or_default();
    let mut ticks = interval(KEYS);
    loop {
        ticks.tick().await;
        if let Some(count @ 1..) = app.door.site().map(|site| site.audit.strangers()) {
            tracing::info!(target: "audit", count, "{count} requests of strangers were refused");
        }
        let Ok(there) = tokio::fs::read(&file).await else { continue };
        if there == known {
            continue;
        }
        match (keys(&file), app.door.site()) {
            (Ok(keys), Some(site)) => {
                *site.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                tracing::info!("the keys of sessions were read again");
            }
            (Err(error), _) => tracing::warn!("{error}; the keys of before are used"),
            (Ok(_), None) => return,
        }
        known = there;
    }
}
