//! Connections of our own, one for each purpose, with what is asked on them counted. What a server refuses and what was
//! never answered are told apart here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, TlsCertificates, Value,
};

use super::job::{Endpoint, Ready};
use super::report::Counter;
use crate::error::{Error, Result, Side};
use crate::job::{Secret, Tls};

pub const CONNECTING: Duration = Duration::from_secs(20);

/// The longest that a server may take for what it was asked at once.
const ANSWERING: Duration = Duration::from_secs(60);

/// How long a server may be away.
const PATIENCE: Duration = Duration::from_secs(300);

/// One end of a copy.
#[derive(Clone, Debug)]
pub struct End {
    pub side: Side,
    endpoint: Endpoint,
    password: Option<Secret>,
    pub counter: Arc<Counter>,
}

impl End {
    pub fn source(ready: &Ready) -> Self {
        Self::of(Side::Source, &ready.job.source, ready.source_password.as_ref())
    }

    pub fn target(ready: &Ready) -> Self {
        Self::of(Side::Target, &ready.job.target, ready.target_password.as_ref())
    }

    pub fn of(side: Side, endpoint: &Endpoint, password: Option<&Secret>) -> Self {
        Self { side, endpoint: endpoint.clone(), password: password.cloned(), counter: Arc::default() }
    }

    #[cfg(test)]
    pub fn anywhere() -> Self {
        let endpoint = serde_json::from_value(serde_json::json!({"host": "source.example.com"}));
        Self::of(Side::Source, &endpoint.unwrap(), None)
    }

    /// The same, as another server of the same set answers.
    pub fn at(&self, host: &str, port: u16) -> Self {
        Self { endpoint: Endpoint { host: host.to_owned(), port, ..self.endpoint.clone() }, ..self.clone() }
    }

    pub fn address(&self) -> String {
        self.endpoint.address()
    }

    pub fn place(&self) -> (&str, u16) {
        (&self.endpoint.host, self.endpoint.port)
    }

    pub fn tls(&self) -> Option<&Tls> {
        self.endpoint.tls.as_ref()
    }

    /// As the server knows whom it talks to.
    pub fn user(&self) -> &str {
        self.endpoint.user.as_deref().unwrap_or("default")
    }

    /// What is said first on a connection that others do not make for us.
    pub fn greeting(&self) -> Option<Vec<Vec<u8>>> {
        let password = self.password.as_ref()?.expose().as_bytes().to_vec();
        let user = self.endpoint.user.as_ref().map(|user| user.as_bytes().to_vec());
        Some([b"AUTH".to_vec()].into_iter().chain(user).chain([password]).collect())
    }

    pub async fn connect(&self) -> Result<Link> {
        let client = self.client().map_err(|error| self.refused(&error))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(ANSWERING));
        let connect = Box::pin(client.get_multiplexed_async_connection_with_config(&config)).await;
        let conn = connect.map_err(|error| self.refused(&error))?;
        Ok(Link { conn, end: self.clone(), database: None })
    }

    /// Waits for a server that went away.
    pub async fn patiently(&self) -> Result<Link> {
        let begun = Instant::now();
        let mut wait = Duration::from_millis(200);
        loop {
            let outcome = match self.connect().await {
                // It may answer while it still loads what it had.
                Ok(mut link) => {
                    link.one("asking whether it is there", redis::cmd("PING")).await.map(|_| link)
                }
                Err(error) => Err(error),
            };
            match outcome {
                Err(error) if error.passes() && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                outcome => return outcome,
            }
        }
    }

    fn client(&self) -> redis::RedisResult<Client> {
        let (host, port) = (self.endpoint.host.clone(), self.endpoint.port);
        let mut settings = RedisConnectionInfo::default();
        if let Some(user) = &self.endpoint.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose());
        }
        let address = match self.endpoint.tls {
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            None => ConnectionAddr::Tcp(host, port),
        };
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(30));
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
        let info = address.into_connection_info()?.set_redis_settings(settings).set_tcp_settings(tcp);
        match &self.endpoint.tls {
            None => Client::open(info),
            Some(tls) => {
                let root_cert = tls.ca_file.as_ref().map(std::fs::read).transpose()?;
                let client_tls = match tls.identity() {
                    Some((certificate, key)) => Some(ClientTlsConfig {
                        client_cert: std::fs::read(certificate)?,
                        client_key: std::fs::read(key)?,
                    }),
                    None => None,
                };
                Client::build_with_tls(info, TlsCertificates { client_tls, root_cert })
            }
        }
    }

    fn refused(&self, error: &redis::RedisError) -> Error {
        let words = error.to_string();
        let refused = error.kind() == redis::ErrorKind::AuthenticationFailed
            || matches!(error.code(), Some("WRONGPASS" | "NOAUTH"))
            || words.contains("WRONGPASS")
            || words.contains("NOAUTH");
        if refused {
            let user = self.user().to_owned();
            let reason = error.detail().unwrap_or("wrong user or password").to_owned();
            return Error::Credentials { side: self.side, user, reason };
        }
        match error.code() {
            Some(code) => self.failed("connecting", code, error.detail().unwrap_or_default()),
            None => self.unreachable(words),
        }
    }

    pub fn unreachable(&self, reason: String) -> Error {
        Error::Unreachable { side: self.side, address: self.address(), reason }
    }

    fn failed(&self, doing: &str, code: &str, words: &str) -> Error {
        if matches!(code, "MOVED" | "ASK" | "CROSSSLOT") {
            return cluster(self.side);
        }
        let message = if matches!(code, "" | "ERR") { words.to_owned() } else { format!("{code} {words}") };
        Error::Redis { side: self.side, doing: doing.to_owned(), code: code.to_owned(), message }
    }
}

/// A cluster shares its keys among servers; one of them is no source and no target.
pub fn cluster(side: Side) -> Error {
    Error::Refused {
        message: format!("{side} is part of a Redis Cluster, which cannot be copied yet"),
        fix: "name a server that has all keys".to_owned(),
    }
}

pub struct Link {
    conn: MultiplexedConnection,
    pub end: End,
    database: Option<u32>,
}

impl Link {
    pub fn side(&self) -> Side {
        self.end.side
    }

    /// Asks all of it at once. An answer may be a refusal of that one command.
    pub async fn all(&mut self, doing: &str, commands: Vec<Cmd>) -> Result<Vec<Value>> {
        let count = commands.len();
        if count == 0 {
            return Ok(vec![]);
        }
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        self.end.counter.commands.fetch_add(count as u64, Ordering::Relaxed);
        self.end.counter.round_trips.fetch_add(1, Ordering::Relaxed);
        let answers = Box::pin(self.conn.send_packed_commands(&pipeline, 0, count)).await;
        let answers = answers.map_err(|error| match error.code() {
            Some(code) => self.end.failed(doing, code, error.detail().unwrap_or_default()),
            None => self.end.unreachable(error.to_string()),
        })?;
        if answers.len() == count {
            return Ok(answers);
        }
        Err(self.end.unreachable(format!("{} answers to {count} commands", answers.len())))
    }

    /// Asks all of it at once; the first refusal is an error.
    pub async fn sure(&mut self, doing: &str, commands: Vec<Cmd>) -> Result<Vec<Value>> {
        let answers = self.all(doing, commands).await?;
        answers.into_iter().map(|answer| self.accept(doing, answer)).collect()
    }

    /// Asks all of it at once; what its user may not do is an answer, too: it is refused key by key.
    pub async fn permitted(&mut self, doing: &str, commands: Vec<Cmd>) -> Result<Vec<Value>> {
        let answers = self.all(doing, commands).await?;
        let one = |answer| if denies(&answer) { Ok(answer) } else { self.accept(doing, answer) };
        answers.into_iter().map(one).collect()
    }

    pub async fn one(&mut self, doing: &str, command: Cmd) -> Result<Value> {
        let answers = self.sure(doing, vec![command]).await?;
        answers.into_iter().next().ok_or_else(|| Error::Internal("a command without an answer".into()))
    }

    /// Commands that change keys of the copy.
    pub fn wrote(&self, commands: usize) {
        self.end.counter.writes.fetch_add(commands as u64, Ordering::Relaxed);
    }

    pub fn accept(&self, doing: &str, answer: Value) -> Result<Value> {
        match answer {
            Value::ServerError(error) => {
                Err(self.end.failed(doing, error.code(), error.details().unwrap_or_default()))
            }
            answer => Ok(answer),
        }
    }

    pub async fn select(&mut self, database: u32) -> Result<()> {
        if self.database != Some(database) {
            self.one("choosing a database", command("SELECT", &[database.to_string().as_bytes()])).await?;
            self.database = Some(database);
        }
        Ok(())
    }
}

pub fn command(name: &str, arguments: &[&[u8]]) -> Cmd {
    let mut command = Cmd::with_capacity(arguments.len() + 1, name.len());
    command.arg(name);
    for argument in arguments {
        command.arg(*argument);
    }
    command
}

/// What a refusal is called; none: it is none.
pub fn refusal(answer: &Value) -> Option<&str> {
    match answer {
        Value::ServerError(error) => Some(error.code()),
        _ => None,
    }
}

pub fn denies(answer: &Value) -> bool {
    refusal(answer) == Some("NOPERM")
}

pub fn bytes(answer: Value) -> Option<Vec<u8>> {
    match answer {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        Value::VerbatimString { text, .. } => Some(text.into_bytes()),
        Value::Int(number) => Some(number.to_string().into_bytes()),
        Value::Okay => Some(b"OK".to_vec()),
        _ => None,
    }
}

pub fn text(answer: Value) -> String {
    String::from_utf8_lossy(&bytes(answer).unwrap_or_default()).into_owned()
}

pub fn int(answer: &Value) -> Option<i64> {
    match answer {
        Value::Int(number) => Some(*number),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

pub fn list(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(list) | Value::Set(list) => list,
        Value::Map(pairs) => pairs.into_iter().flat_map(|(name, value)| [name, value]).collect(),
        _ => vec![],
    }
}

pub fn strings(answer: Value) -> Vec<Vec<u8>> {
    list(answer).into_iter().filter_map(bytes).collect()
}
