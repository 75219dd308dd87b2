//! versitygw on this machine, over a folder of files, for the time of a measurement.

use std::ffi::OsString;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

const KEY: &str = "bench";
const SECRET: &str = "bench-secret";
const START: Duration = Duration::from_secs(20);

pub struct Server {
    child: Child,
    port: u16,
    /// What it knows about objects beside their content.
    _about: TempDir,
}

impl Server {
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        // A port that was free a moment ago.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let about = TempDir::new()?;
        let child = Command::new(testbed::binary("versitygw")?)
            .args(["--port", &format!("127.0.0.1:{port}"), "--quiet", "posix", "--sidecar"])
            .arg(about.path())
            .arg(folder.join("buckets"))
            .envs([("ROOT_ACCESS_KEY", KEY), ("ROOT_SECRET_KEY", SECRET)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start versitygw")?;
        let server = Self { child, port, _about: about };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > START {
                bail!("versitygw does not answer");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Says to AWS' tools who is asking.
    pub fn identify<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs([
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
    }

    /// Where `aws` is, too.
    pub fn path(&self) -> anyhow::Result<OsString> {
        let aws = testbed::tool("aws")?;
        let folder = aws.parent().context("a program has a folder")?.to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)))?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
