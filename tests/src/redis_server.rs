//! Redis servers of a story's own: real ones, beside each other on this machine, without a cluster; and how any Redis is
//! asked.

use std::fs::File;
use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo};
use tempfile::TempDir;
use testbed::Cache;

use crate::mariadb::PASSWORD;
use crate::patience::until;

const LONGEST: Duration = Duration::from_secs(60);

/// A Redis as somebody enters it.
pub struct RedisDoor {
    pub host: String,
    pub port: u16,
    pub password: String,
}

pub struct RedisServer {
    door: RedisDoor,
    tool: &'static str,
    options: Vec<String>,
    data: TempDir,
    server: Option<Child>,
}

/// Where a program of a tool's lies; unpacked when it is asked for first.
pub fn program(tool: &str, name: &str) -> Result<PathBuf> {
    if testbed::tool(tool).is_err() {
        testbed::tools(&Cache::open()?, &[tool.to_owned()])?;
    }
    Ok(testbed::tool(tool)?.canonicalize()?.with_file_name(name))
}

/// A command of words.
pub fn words(text: &str) -> Cmd {
    let mut words = text.split_whitespace();
    let mut command = redis::cmd(words.next().unwrap_or_default());
    words.for_each(|word| {
        command.arg(word);
    });
    command
}

impl RedisServer {
    /// Redis 7.0 with these options, empty.
    pub async fn start(options: &[&str]) -> Result<Self> {
        Self::begin("redis", options, TempDir::with_prefix("story-redis-")?).await
    }

    /// Redis 8.
    pub async fn start8(options: &[&str]) -> Result<Self> {
        Self::begin("redis8", options, TempDir::with_prefix("story-redis-")?).await
    }

    /// With a certificate of an authority of its own, whose file is [`Self::authority`]; only by TLS.
    pub async fn start_tls() -> Result<Self> {
        Self::certified("no").await
    }

    /// The same; it wants a certificate of that authority from whoever asks: [`Self::identity`] is one.
    pub async fn start_mutual_tls() -> Result<Self> {
        Self::certified("yes").await
    }

    async fn certified(clients: &str) -> Result<Self> {
        let data = TempDir::with_prefix("story-redis-")?;
        certify(data.path())?;
        let file = |name: &str| data.path().join(name).display().to_string();
        let port = free_port()?.to_string();
        let (key, certificate, authority) = (file("server.key"), file("server.pem"), file("ca.pem"));
        let options = [
            "--tls-port",
            &port,
            "--tls-key-file",
            &key,
            "--tls-cert-file",
            &certificate,
            "--tls-ca-cert-file",
            &authority,
            "--tls-auth-clients",
            clients,
        ];
        Self::begin("redis", &options, data).await
    }

    async fn begin(tool: &'static str, options: &[&str], data: TempDir) -> Result<Self> {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let door =
            RedisDoor { host: "127.0.0.1".to_owned(), port: free_port()?, password: PASSWORD.to_owned() };
        let mut server = Self { door, tool, options, data, server: None };
        server.up().await?;
        Ok(server)
    }

    pub async fn up(&mut self) -> Result<()> {
        let folder = self.data.path();
        let log = File::options().append(true).create(true).open(folder.join("log"))?;
        let server = Command::new(program(self.tool, "redis-server")?)
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--enable-debug-command",
                "yes",
                "--requirepass",
                PASSWORD,
            ])
            .args(["--masterauth", PASSWORD, "--port", &self.port.to_string(), "--dir"])
            .arg(folder)
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start redis-server")?;
        self.server = Some(server);
        until("Redis answers", LONGEST, async || {
            if let Some(status) =
                self.server.as_mut().and_then(|server| server.try_wait().transpose()).transpose()?
            {
                let log = std::fs::read_to_string(self.data.path().join("log"))?;
                bail!("redis-server ended with {status}:\n{log}");
            }
            Ok(self.ask::<String>(words("PING")).await.ok().map(drop))
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

    /// The certificate of who signed its own.
    pub fn authority(&self) -> PathBuf {
        self.data.path().join("ca.pem")
    }

    /// A certificate, and its key.
    pub fn identity(&self) -> (PathBuf, PathBuf) {
        (self.data.path().join("server.pem"), self.data.path().join("server.key"))
    }

    /// The port that speaks TLS.
    pub fn tls_port(&self) -> Option<u16> {
        let at = self.options.iter().position(|option| option == "--tls-port")?;
        self.options.get(at + 1)?.parse().ok()
    }
}

impl Deref for RedisServer {
    type Target = RedisDoor;

    fn deref(&self) -> &RedisDoor {
        &self.door
    }
}

impl RedisDoor {
    pub async fn connect(&self, database: i64) -> Result<MultiplexedConnection> {
        let settings = RedisConnectionInfo::default().set_password(&self.password).set_db(database);
        let address = redis::ConnectionAddr::Tcp(self.host.clone(), self.port);
        let client = Client::open(address.into_connection_info()?.set_redis_settings(settings))?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(LONGEST));
        Ok(Box::pin(client.get_multiplexed_async_connection_with_config(&config)).await?)
    }

    pub async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Result<T> {
        self.ask_in(0, command).await
    }

    pub async fn ask_in<T: FromRedisValue>(&self, database: i64, command: Cmd) -> Result<T> {
        let mut conn = self.connect(database).await?;
        Ok(Box::pin(command.query_async(&mut conn)).await?)
    }

    /// How often it was asked each command, since it began.
    pub async fn asked(&self, names: &[&str]) -> Result<u64> {
        let info: String = self.ask(words("INFO commandstats")).await?;
        let calls = |line: &str| -> Option<u64> {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            names.contains(&name).then(|| rest.split(',').next()?.parse().ok())?
        };
        Ok(info.lines().filter_map(calls).sum())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.crash();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// An authority of its own, and a certificate of it for this machine: `ca.pem`, `server.pem` and `server.key`.
pub fn certify(folder: &Path) -> Result<()> {
    std::fs::write(
        folder.join("openssl.cnf"),
        "[req]\ndistinguished_name=name\n[name]\n[ca]\nbasicConstraints=critical,CA:TRUE\n\
         [server]\nbasicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n",
    )?;
    let steps: [&[&str]; 3] = [
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=story",
            "-extensions",
            "ca",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-config",
            "openssl.cnf",
        ],
        &[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=redis",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-config",
            "openssl.cnf",
        ],
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            "openssl.cnf",
            "-extensions",
            "server",
            "-out",
            "server.pem",
        ],
    ];
    for arguments in steps {
        let output =
            Command::new(program("redis", "openssl")?).args(arguments).current_dir(folder).output()?;
        ensure!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
