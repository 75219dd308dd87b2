//! Connections of our own, one for each purpose, with their session set up. No pool: a snapshot lives and dies with
//! its connection.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, OptsBuilder, SslOpts};

use crate::error::{Error, Result, Side};
use crate::job::{Endpoint, Ready, Secret};
use crate::plan::sql::{DATA_SESSION, SUMS_SESSION, TEXT_SESSION};

const LONGEST: Duration = Duration::from_secs(20);

/// What foreign keys ask is looked at once, at the end.
const UNCHECKED: &str = "SET SESSION foreign_key_checks=0, max_error_count=65535";

/// One end of a copy.
#[derive(Clone, Debug)]
pub struct End {
    pub side: Side,
    endpoint: Endpoint,
    password: Option<Secret>,
}

impl End {
    pub fn source(ready: &Ready) -> Self {
        let (endpoint, password) = (ready.job.source.clone(), ready.source_password.clone());
        Self { side: Side::Source, endpoint, password }
    }

    pub fn target(ready: &Ready) -> Self {
        let (endpoint, password) = (ready.job.target.clone(), ready.target_password.clone());
        Self { side: Side::Target, endpoint, password }
    }

    /// For definitions and questions.
    pub async fn text(&self) -> Result<Conn> {
        match self.side {
            Side::Source => self.connect(&[TEXT_SESSION]).await,
            Side::Target => self.connect(&[TEXT_SESSION, UNCHECKED]).await,
        }
    }

    /// For rows, as bytes.
    pub async fn data(&self) -> Result<Conn> {
        match self.side {
            Side::Source => self.connect(&[DATA_SESSION, SUMS_SESSION]).await,
            Side::Target => self.connect(&[DATA_SESSION, SUMS_SESSION, UNCHECKED]).await,
        }
    }

    async fn connect(&self, setup: &[&str]) -> Result<Conn> {
        let waits = "SET SESSION wait_timeout=28800";
        let opts = OptsBuilder::default()
            .ip_or_hostname(self.endpoint.host.clone())
            .tcp_port(self.endpoint.port)
            .user(Some(self.endpoint.user.clone()))
            .pass(self.password.as_ref().map(|password| password.expose().to_owned()))
            .ssl_opts(self.tls())
            .prefer_socket(false)
            .stmt_cache_size(0)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .max_allowed_packet(Some(1 << 30))
            .wait_timeout(Some(28800))
            .setup(setup.iter().copied().chain([waits]).map(str::to_owned).collect::<Vec<_>>());
        match tokio::time::timeout(LONGEST, Conn::new(opts)).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(self.refused(error)),
            Err(_) => Err(self.unreachable(format!("no answer within {} s", LONGEST.as_secs()))),
        }
    }

    fn tls(&self) -> Option<SslOpts> {
        let tls = self.endpoint.tls.as_ref()?;
        let identity = tls.identity().map(|(certificate, key)| {
            ClientIdentity::new(certificate.to_owned().into(), key.to_owned().into())
        });
        let opts = SslOpts::default().with_client_identity(identity);
        Some(match &tls.ca_file {
            Some(file) => opts.with_root_certs(vec![file.clone().into()]).with_disable_built_in_roots(true),
            None => opts,
        })
    }

    fn refused(&self, error: mysql_async::Error) -> Error {
        match error {
            mysql_async::Error::Server(error) if matches!(error.code, 1044 | 1045 | 1698) => {
                Error::Credentials {
                    side: self.side,
                    user: self.endpoint.user.clone(),
                    reason: error.message,
                }
            }
            mysql_async::Error::Server(error) => Error::sql(self.side, "connecting", error.into()),
            other => self.unreachable(other.to_string()),
        }
    }

    fn unreachable(&self, reason: String) -> Error {
        Error::Unreachable { side: self.side, address: self.endpoint.address(), reason }
    }
}

/// What a server is, as far as it decides whether it can take part.
#[derive(Clone, Debug)]
pub struct Server {
    pub version: String,
    pub binlog: bool,
    pub local_infile: bool,
    pub max_packet: u64,
}

pub async fn server(conn: &mut Conn, side: Side) -> Result<Server> {
    let sql = "SELECT VERSION(), @@log_bin, @@local_infile, @@max_allowed_packet";
    let answer: Option<(String, u8, u8, u64)> =
        conn.query_first(sql).await.map_err(|error| Error::sql(side, "asking for its version", error))?;
    let (version, binlog, infile, max_packet) =
        answer.ok_or_else(|| Error::Internal("a server has no version".into()))?;
    Ok(Server { version, binlog: binlog == 1, local_infile: infile == 1, max_packet })
}

/// Refuses servers that this was not proved with.
pub fn accept(server: &Server, side: Side) -> Result<()> {
    let numbers: Vec<u32> =
        server.version.split(['.', '-']).map_while(|part| part.parse().ok()).take(2).collect();
    let old = !matches!(numbers.as_slice(), [major, minor] if (*major, *minor) >= (10, 8));
    if !server.version.contains("MariaDB") || old {
        return Err(Error::Refused {
            message: format!("{side} is {}, which cannot be copied yet", server.version),
            fix: "MariaDB from 10.8 on can".to_owned(),
        });
    }
    if side == Side::Target && !server.local_infile {
        return Err(Error::Refused {
            message: "the target takes no rows as a stream: local_infile is OFF".to_owned(),
            fix: "SET GLOBAL local_infile=ON on the target".to_owned(),
        });
    }
    if side == Side::Target && server.max_packet < 1 << 20 {
        return Err(Error::Refused {
            message: format!("the target's max_allowed_packet is {} bytes only", server.max_packet),
            fix: "set it to 16M or more".to_owned(),
        });
    }
    Ok(())
}
