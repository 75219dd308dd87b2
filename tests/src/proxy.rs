//! A TCP proxy between `outboard` and the API server, which a story cuts, slows down and mends: an API server that goes
//! away or is slow, without disturbing the real one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::config::Kubeconfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{World, cluster};

pub struct Proxy {
    address: SocketAddr,
    /// As whom the certificate of what is behind it knows it.
    name: String,
    cut: broadcast::Sender<()>,
    delay: watch::Sender<Duration>,
    open: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// One in front of the API server, and a kubeconfig that goes through it.
    pub async fn between(world: &World) -> Result<(Self, PathBuf)> {
        let original = Kubeconfig::read_from(cluster::kubeconfig_file()?)?;
        let server = original.clusters.first().and_then(|named| named.cluster.as_ref()?.server.clone());
        let server = server.context("a kubeconfig without server")?;
        let address =
            server.strip_prefix("https://").context("the API server is not https")?.trim_end_matches('/');
        let proxy = Self::begin(address.to_owned()).await?;
        let path = world.kubeconfig("proxied", |file| proxy.leads(file))?;
        Ok((proxy, path))
    }

    /// Makes a kubeconfig go through it.
    pub fn leads(&self, kubeconfig: &mut Value) {
        let cluster = &mut kubeconfig["clusters"][0]["cluster"];
        cluster["server"] = json!(format!("https://{}", self.address));
        // Whose certificate is expected, wherever it is reached.
        cluster["tls-server-name"] = json!(self.name);
    }

    /// Listens on the loopback for connections to `server` (host:port).
    pub async fn begin(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let name = server.split(':').next().unwrap_or(&server).to_owned();
        let (cut, _) = broadcast::channel(1);
        let (delay, delays) = watch::channel(Duration::ZERO);
        let (open, refused) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let accepting =
            tokio::spawn(accept(listener, server, cut.clone(), delays, open.clone(), refused.clone()));
        Ok(Self { address, name, cut, delay, open, refused, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were refused so far: whoever is behind it has noticed.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Breaks every connection, and refuses new ones until it is mended.
    pub fn break_off(&self) {
        self.open.store(false, Ordering::Relaxed);
        // Nobody connected: nothing to break.
        let _ = self.cut.send(());
    }

    /// From now on whatever is asked gets there so much later; what has been asked for by then still comes back at once.
    pub fn delay(&self, by: Duration) {
        self.delay.send_replace(by);
    }

    /// As it was: what waits goes on.
    pub fn mend(&self) {
        self.delay(Duration::ZERO);
        self.open.store(true, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = self.cut.send(());
    }
}

async fn accept(
    listener: TcpListener,
    server: String,
    cut: broadcast::Sender<()>,
    delays: watch::Receiver<Duration>,
    open: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
) {
    while let Ok((inside, _)) = listener.accept().await {
        if !open.load(Ordering::Relaxed) {
            refused.fetch_add(1, Ordering::Relaxed);
            // Closed at once: to the client, the server is gone.
            drop(inside);
            continue;
        }
        let (mut end, server, delays) = (cut.subscribe(), server.clone(), delays.clone());
        tokio::spawn(async move {
            tokio::select! {
                // A cut and the end of the proxy look the same to a connection.
                _ = end.recv() => {}
                _ = carry(inside, &server, delays) => {}
            }
        });
    }
}

async fn carry(inside: TcpStream, server: &str, mut delays: watch::Receiver<Duration>) -> Result<()> {
    let connected = timeout(Duration::from_secs(5), TcpStream::connect(server)).await;
    let outside = connected.context("the API server does not answer")??;
    let (mut asked, mut answered) = inside.into_split();
    let (mut answers, mut asks) = outside.into_split();
    let there = async {
        let mut chunk = vec![0; 16 << 10];
        while let length @ 1.. = asked.read(&mut chunk).await? {
            let by = *delays.borrow_and_update();
            // Once it is mended, nothing waits any more.
            let _ = timeout(by, delays.wait_for(Duration::is_zero)).await;
            asks.write_all(&chunk[..length]).await?;
        }
        asks.shutdown().await
    };
    let back = async {
        tokio::io::copy(&mut answers, &mut answered).await?;
        answered.shutdown().await
    };
    tokio::try_join!(there, back)?;
    Ok(())
}
