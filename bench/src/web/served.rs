//! `outboard server` as a process of its own, with a provider that knows everybody who is to come.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hyper::Method;
use oidc_fake::{Fake, SECRET};
use serde_json::json;
use stories::visit;
use tempfile::TempDir;

use crate::tools::outboard_program;

/// The group of all of them, as Kubernetes knows it, and as the provider does.
pub const GROUP: &str = "oidc:watchers";
const AT_THE_PROVIDER: &str = "watchers";
const START: Duration = Duration::from_secs(60);

pub struct Served {
    pub host: String,
    provider: Fake,
    process: Child,
    _folder: TempDir,
}

/// MiB.
pub struct Memory {
    pub now: f64,
    pub most: f64,
}

impl Served {
    pub async fn start() -> anyhow::Result<Self> {
        let (provider, folder) = (Fake::start().await, TempDir::new()?);
        let (key, secret, log) =
            (folder.path().join("key"), folder.path().join("secret"), folder.path().join("log"));
        std::fs::write(&key, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n")?;
        std::fs::write(&secret, SECRET)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let host = format!("127.0.0.1:{port}");
        let process = Command::new(outboard_program())
            .args(["server", "--url", &format!("http://{host}"), "--listen", &host])
            .args(["--issuer", &provider.issuer(), "--client-id", oidc_fake::CLIENT])
            .args(["--proxies", "1"])
            .arg("--session-key-file")
            .arg(&key)
            .arg("--client-secret-file")
            .arg(&secret)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("failed to start the server")?;
        let mut served = Self { host, provider, process, _folder: folder };
        let begun = Instant::now();
        while visit(&served.host, Method::GET, "/healthz", &[], "").await.is_err() {
            let ended = served.process.try_wait()?.is_some() || begun.elapsed() > START;
            ensure!(!ended, "it does not answer: {}", std::fs::read_to_string(&log).unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(served)
    }

    /// What somebody shows of themselves.
    pub fn bearer(&self, person: usize) -> String {
        let email = format!("person-{person}@example.com");
        let claims = json!({"sub": email, "email": email, "groups": [AT_THE_PROVIDER]});
        format!("Bearer {}", self.provider.token(&claims))
    }

    /// Where they come from, as a gateway says it: else all of them would be one address, and share its limit.
    pub fn address(person: usize) -> String {
        format!("10.0.{}.{}", person / 250, person % 250 + 1)
    }

    pub fn memory(&self) -> anyhow::Result<Memory> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let read = |name: &str| -> anyhow::Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).context("no memory")?;
            Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
        };
        Ok(Memory { now: read("VmRSS:")?, most: read("VmHWM:")? })
    }

    /// Seconds of CPU so far.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, fields) = text.rsplit_once(')').context("no process")?;
        let fields = fields.split_whitespace().skip(11).take(2);
        Ok(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
