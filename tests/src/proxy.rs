//! A TCP proxy between `outboard` and the API server, which a story cuts and mends: an API server that goes
//! away, without disturbing the real one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::config::Kubeconfig;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::{World, cluster};

pub struct Proxy {
    address: SocketAddr,
    cut: broadcast::Sender<()>,
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
        let name = address.split(':').next().unwrap_or(address).to_owned();
        let proxy = Self::begin(address.to_owned()).await?;
        let path = world.kubeconfig("proxied", |file| {
            let cluster = &mut file["clusters"][0]["cluster"];
            cluster["server"] = json!(format!("https://{}", proxy.address()));
            // Whose certificate is expected, wherever it is reached.
            cluster["tls-server-name"] = json!(name);
        })?;
        Ok((proxy, path))
    }

    /// Listens on the loopback for connections to `server` (host:port).
    pub async fn begin(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cut, _) = broadcast::channel(1);
        let (open, refused) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let accepting = tokio::spawn(accept(listener, server, cut.clone(), open.clone(), refused.clone()));
        Ok(Self { address, cut, open, refused, accepting })
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

    pub fn mend(&self) {
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
        let (mut end, server) = (cut.subscribe(), server.clone());
        tokio::spawn(async move {
            tokio::select! {
                // A cut and the end of the proxy look the same to a connection.
                _ = end.recv() => {}
                _ = carry(inside, &server) => {}
            }
        });
    }
}

async fn carry(mut inside: TcpStream, server: &str) -> Result<()> {
    let connected = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(server)).await;
    let mut outside = connected.context("the API server does not answer")??;
    tokio::io::copy_bidirectional(&mut inside, &mut outside).await?;
    Ok(())
}
