//! versitygw of a story's own: real ones, beside each other on this machine, without a cluster. Objects are files in a
//! folder, and what belongs to them are their extended attributes.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws::{Authority, Aws, StorePlace};
use aws_sdk_s3::Client;
use tempfile::TempDir;

use crate::patience::until;
use crate::redis_server::certify;

pub const KEY: &str = "story";
pub const SECRET: &str = "a secret of a story";

const LONGEST: Duration = Duration::from_secs(60);

pub struct Versity {
    pub port: u16,
    data: TempDir,
    server: Option<Child>,
    /// It speaks TLS, by a certificate of an authority of its own.
    certified: bool,
}

impl Versity {
    /// With these buckets, empty.
    pub async fn start(buckets: &[&str]) -> Result<Self> {
        Self::start_in(&std::env::temp_dir(), buckets).await
    }

    /// Only by TLS, with a certificate of an authority of its own, whose file is [`Self::authority`].
    pub async fn start_tls(buckets: &[&str]) -> Result<Self> {
        Self::begin(&std::env::temp_dir(), buckets, true).await
    }

    /// Its files lie in a folder of `parent`.
    pub async fn start_in(parent: &std::path::Path, buckets: &[&str]) -> Result<Self> {
        Self::begin(parent, buckets, false).await
    }

    async fn begin(parent: &std::path::Path, buckets: &[&str], certified: bool) -> Result<Self> {
        let data = TempDir::with_prefix_in("story-versity-", parent)?;
        for folder in ["objects", "users"] {
            std::fs::create_dir(data.path().join(folder))?;
        }
        if certified {
            certify(data.path())?;
        }
        // A port that was free a moment ago.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut server = Self { port, data, server: None, certified };
        server.up().await?;
        let client = server.client().await?;
        for bucket in buckets {
            client.create_bucket().bucket(*bucket).send().await?;
        }
        Ok(server)
    }

    pub async fn up(&mut self) -> Result<()> {
        let folder = self.data.path();
        let log = File::options().append(true).create(true).open(folder.join("log"))?;
        let server = Command::new(testbed::binary("versitygw")?)
            .args(["--port", &format!("127.0.0.1:{}", self.port), "--health", "/healthz", "--quiet"])
            .arg("--access-log")
            .arg(folder.join("requests"))
            .arg("--iam-dir")
            .arg(folder.join("users"))
            .args(if self.certified {
                [("--cert", "server.pem"), ("--key", "server.key")]
                    .iter()
                    .flat_map(|(option, file)| [(*option).into(), folder.join(file).into_os_string()])
                    .collect::<Vec<std::ffi::OsString>>()
            } else {
                vec![]
            })
            .arg("posix")
            .arg(folder.join("objects"))
            .envs([("ROOT_ACCESS_KEY", KEY), ("ROOT_SECRET_KEY", SECRET)])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start versitygw")?;
        self.server = Some(server);
        until("versitygw answers", LONGEST, async || {
            if let Some(status) =
                self.server.as_mut().and_then(|server| server.try_wait().transpose()).transpose()?
            {
                let log = std::fs::read_to_string(self.data.path().join("log"))?;
                bail!("versitygw ended with {status}:\n{log}");
            }
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok().map(drop))
        })
        .await
    }

    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// SIGKILL, as a crash of its node.
    pub fn crash(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    pub fn endpoint(&self) -> String {
        format!("http{}://127.0.0.1:{}", if self.certified { "s" } else { "" }, self.port)
    }

    /// The certificate of who signed its own.
    pub fn authority(&self) -> PathBuf {
        self.data.path().join("ca.pem")
    }

    /// How many it has answered, by its own log.
    pub fn requests(&self) -> Result<usize> {
        let log = std::fs::read(self.data.path().join("requests"))?;
        Ok(log.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Where the objects of a bucket lie.
    pub fn folder(&self, bucket: &str) -> PathBuf {
        self.data.path().join("objects").join(bucket)
    }

    pub async fn client(&self) -> Result<Client> {
        let authority = if self.certified { Some(std::fs::read(self.authority())?) } else { None };
        let authority = authority.map(|pem| Authority::read(&pem)).transpose().map_err(anyhow::Error::msg)?;
        let place = StorePlace {
            endpoint: Some(self.endpoint()),
            region: Some("us-east-1".to_owned()),
            credentials: Some((KEY.to_owned(), SECRET.to_owned())),
            authority,
        };
        let client = Aws::default().store(&place).await;
        client.map_err(|failure| anyhow::anyhow!("no client: {failure:?}"))
    }

    /// Somebody who may do nothing that no policy allows.
    pub fn user(&self, key: &str, secret: &str) -> Result<()> {
        let output = Command::new(testbed::binary("versitygw")?)
            .args(["admin", "--access", KEY, "--secret", SECRET, "--endpoint-url", &self.endpoint()])
            .args(["create-user", "--access", key, "--secret", secret, "--role", "user"])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "no user could be made: {said}{}",
            String::from_utf8_lossy(&output.stdout)
        );
        Ok(())
    }
}

impl Drop for Versity {
    fn drop(&mut self) {
        // Whether it ran or not.
        let _ = self.crash();
    }
}
