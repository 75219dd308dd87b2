//! MariaDB servers of a story's own: real ones, beside each other on this machine, without a cluster.

use std::fs::File;
use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, OptsBuilder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use testbed::Cache;

use crate::patience::until;

/// The user of every server, who may do everything, and the password.
pub const USER: &str = "mover";
pub const PASSWORD: &str = "a secret of a story";

const LONGEST: Duration = Duration::from_secs(60);

/// A database as somebody enters it.
pub struct Door {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    /// The one that goods are in.
    pub database: String,
}

pub struct MariaDb {
    door: Door,
    options: Vec<String>,
    data: TempDir,
    /// Its disk is a part of memory, of a size that can be changed.
    disk: bool,
    server: Option<Child>,
}

/// Where a program of MariaDB's lies; unpacked when it is asked for first.
pub fn program(name: &str) -> Result<PathBuf> {
    if testbed::tool("mariadb").is_err() {
        testbed::tools(&Cache::open()?, &["mariadb".to_owned()])?;
    }
    Ok(testbed::tool("mariadb")?.canonicalize()?.with_file_name(name))
}

impl MariaDb {
    /// A server with these options, empty.
    pub async fn start(options: &[&str]) -> Result<Self> {
        Self::begin(options, TempDir::with_prefix("story-mariadb-")?, false).await
    }

    /// With a disk of so many megabytes.
    pub async fn start_on(megabytes: u32, options: &[&str]) -> Result<Self> {
        let data = TempDir::with_prefix("story-mariadb-")?;
        mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"], data.path())?;
        Self::begin(options, data, true).await
    }

    async fn begin(options: &[&str], data: TempDir, disk: bool) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let door = Door {
            host: "127.0.0.1".to_owned(),
            port,
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            database: "shop".to_owned(),
        };
        let mut server = Self { door, options, data, disk, server: None };
        make(server.data.path())?;
        server.up().await?;
        Ok(server)
    }

    pub async fn up(&mut self) -> Result<()> {
        let tree = program("tree")?;
        let folder = self.data.path();
        let log = File::options().append(true).create(true).open(folder.join("log"))?;
        let server = Command::new(program("mariadbd")?)
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--skip-name-resolve"])
            .arg(format!("--basedir={}/usr", tree.display()))
            .arg(format!("--lc-messages-dir={}/usr/share/mysql", tree.display()))
            .arg(format!("--plugin-dir={}/usr/lib/mysql/plugin", tree.display()))
            .arg(format!("--datadir={}", folder.display()))
            .arg(format!("--socket={}/socket", folder.display()))
            .arg(format!("--pid-file={}/pid", folder.display()))
            .arg(format!("--port={}", self.port))
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start mariadbd")?;
        self.server = Some(server);
        until("MariaDB answers", LONGEST, async || {
            if let Some(status) =
                self.server.as_mut().and_then(|server| server.try_wait().transpose()).transpose()?
            {
                let log = std::fs::read_to_string(self.data.path().join("log"))?;
                bail!("mariadbd ended with {status}:\n{log}");
            }
            Ok(self.door.connect().await.ok().map(drop))
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

    /// Stopped in its tracks, or going on.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let pid = self.pid().context("it does not run")?;
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        Ok(kill(Pid::from_raw(pid.try_into()?), signal)?)
    }

    /// Another size of its disk.
    pub fn grow(&self, megabytes: u32) -> Result<()> {
        mount(&["-o", &format!("remount,size={megabytes}m")], self.data.path())
    }
}

impl Deref for MariaDb {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Door {
    pub async fn connect(&self) -> Result<Conn> {
        let opts = OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .user(Some(self.user.clone()))
            .pass(Some(self.password.clone()))
            .prefer_socket(false)
            .setup(vec!["SET NAMES utf8mb4, time_zone='+00:00'"]);
        Ok(Conn::new(opts).await?)
    }

    /// Runs statements, each on its own.
    pub async fn run(&self, statements: &[&str]) -> Result<()> {
        let mut conn = self.connect().await?;
        for sql in statements {
            let short: String = sql.chars().take(200).collect();
            conn.query_drop(*sql).await.with_context(|| format!("`{short}` failed"))?;
        }
        Ok(conn.disconnect().await?)
    }

    pub async fn rows<T: FromRow + Send + 'static>(&self, sql: &str) -> Result<Vec<T>> {
        let mut conn = self.connect().await?;
        conn.query(sql).await.with_context(|| format!("`{sql}` failed"))
    }

    pub async fn one<T: FromRow + Send + 'static>(&self, sql: &str) -> Result<T> {
        self.rows(sql).await?.pop().with_context(|| format!("`{sql}` found nothing"))
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.crash();
        if self.disk {
            let _ = Command::new("umount").arg(self.data.path()).status();
        }
    }
}

fn mount(arguments: &[&str], folder: &Path) -> Result<()> {
    let status = Command::new("mount").args(arguments).arg(folder).status()?;
    ensure!(status.success(), "mount ended with {status}");
    Ok(())
}

/// System tables, as the scripts that come with the server make them, and our user.
fn make(folder: &Path) -> Result<()> {
    let tree = program("tree")?;
    let scripts = tree.join("usr/share/mysql");
    let mut sql = String::from("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n");
    for name in ["mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data"] {
        sql += &std::fs::read_to_string(scripts.join(format!("{name}.sql")))?;
    }
    sql += &format!(
        "\nFLUSH PRIVILEGES;\nCREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION;\n"
    );
    let script = folder.join("bootstrap.sql");
    std::fs::write(&script, sql)?;
    let output = Command::new(program("mariadbd")?)
        .args([
            "--no-defaults",
            "--bootstrap",
            "--user=root",
            "--log-warnings=0",
            "--innodb-log-file-size=8M",
        ])
        .arg(format!("--basedir={}/usr", tree.display()))
        .arg(format!("--lc-messages-dir={}", scripts.display()))
        .arg(format!("--datadir={}", folder.display()))
        .stdin(File::open(&script)?)
        .output()
        .context("failed to start mariadbd")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the system tables could not be made:\n{said}");
    Ok(())
}
