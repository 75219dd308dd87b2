//! One side of a copy, as its pod reaches it: what its job's file says of it, and the files that lie beside.

use serde_json::{Value, json};

use super::FOLDER;
use crate::plan::backup::{SCRATCH_PORT, SCRATCH_USER};

#[derive(Clone)]
pub enum End {
    Server(Server),
    Bucket(Bucket),
}

/// A server of databases or of keys.
#[derive(Clone)]
pub struct Server {
    pub host: String,
    pub port: u16,
    /// None: the server has one user, without a name.
    pub user: Option<String>,
    pub password: Option<Vec<u8>>,
    /// Its name for the database that its components use.
    pub database: Option<String>,
    pub tls: bool,
    /// Certificates to trust, instead of those that everybody trusts.
    pub authority: Option<Vec<u8>>,
    /// Certificate and key, for a server that wants to know who asks.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// In bytes, if it has no more: its machine's is all that a server knows.
    pub memory: Option<u64>,
}

#[derive(Clone)]
pub struct Bucket {
    pub name: String,
    /// None: AWS' own.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub access_key: String,
    pub secret_key: Vec<u8>,
    /// Certificates to trust, instead of those that everybody trusts.
    pub authority: Option<Vec<u8>>,
}

impl End {
    /// `side` is `source` or `target`.
    pub fn says(&self, side: &str) -> Value {
        match self {
            Self::Server(server) => server.says(side),
            Self::Bucket(bucket) => bucket.says(side),
        }
    }

    pub fn files(&self, side: &str) -> Vec<(String, Vec<u8>)> {
        let file = |what: &str, content: &Vec<u8>| (format!("{side}-{what}"), content.clone());
        match self {
            Self::Server(server) => {
                let password = server.password.iter().map(|password| file("password", password));
                let identity = server.identity.iter();
                let identity = identity.flat_map(|(pem, key)| [file("certificate", pem), file("key", key)]);
                let authority = server.authority.iter().map(|pem| file("authority", pem));
                password.chain(authority).chain(identity).collect()
            }
            Self::Bucket(bucket) => {
                let authority = bucket.authority.iter().map(|pem| file("authority", pem));
                std::iter::once(file("secret-key", &bucket.secret_key)).chain(authority).collect()
            }
        }
    }
}

impl Server {
    /// One that was filled from a backup, beside in the same pod.
    pub fn scratch(named: bool) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: SCRATCH_PORT,
            user: named.then(|| SCRATCH_USER.to_owned()),
            password: None,
            database: None,
            tls: false,
            authority: None,
            identity: None,
            memory: None,
        }
    }

    fn says(&self, side: &str) -> Value {
        let mut end = json!({"host": self.host, "port": self.port});
        if let Some(user) = &self.user {
            end["user"] = json!(user);
        }
        if self.password.is_some() {
            end["passwordFile"] = json!(format!("{FOLDER}/{side}-password"));
        }
        if self.tls {
            end["tls"] = json!({});
            if self.authority.is_some() {
                end["tls"]["caFile"] = json!(format!("{FOLDER}/{side}-authority"));
            }
            if self.identity.is_some() {
                end["tls"]["certificateFile"] = json!(format!("{FOLDER}/{side}-certificate"));
                end["tls"]["keyFile"] = json!(format!("{FOLDER}/{side}-key"));
            }
        }
        end
    }
}

impl Bucket {
    fn says(&self, side: &str) -> Value {
        let mut end = json!({
            "bucket": self.name,
            "accessKey": self.access_key,
            "secretKeyFile": format!("{FOLDER}/{side}-secret-key"),
        });
        for (key, value) in [("endpoint", &self.endpoint), ("region", &self.region)] {
            if let Some(value) = value {
                end[key] = json!(value);
            }
        }
        if self.authority.is_some() {
            end["tls"] = json!({"caFile": format!("{FOLDER}/{side}-authority")});
        }
        end
    }
}
