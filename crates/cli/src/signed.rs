//! Sign-ins that are kept on this machine, for whoever signed in only: which servers, and with which tokens.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use identity::{Provider, device};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::error::{Failure, Result};

/// A token that ends within is renewed before a command begins: it takes a while.
const SOON: SignedDuration = SignedDuration::from_mins(10);
/// … and before a request: that is sent at once.
const MOMENT: SignedDuration = SignedDuration::from_secs(45);

/// A command has the file for no longer than two requests of its provider take.
const HELD: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// All of them.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Signed {
    /// The server that commands go to.
    pub current: Option<String>,
    pub servers: BTreeMap<String, SignIn>,
}

/// Tokens of one server. Has no Debug: it is all secret.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    pub issuer: String,
    pub client_id: String,
    pub token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
}

/// Where they are kept; locked while somebody has it, so that two commands do not renew one token.
pub struct Store {
    folder: PathBuf,
    _lock: File,
}

fn folder() -> Result<PathBuf> {
    let said = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = said("XDG_CONFIG_HOME").or_else(|| said("HOME").map(|home| home.join(".config")));
    folder.map(|folder| folder.join("outboard")).ok_or_else(|| Failure::Usage {
        sentence: "there is no place to keep a sign-in: HOME is not set".to_owned(),
        hint: "set HOME or XDG_CONFIG_HOME, or say OUTBOARD_TOKEN and --server".to_owned(),
    })
}

fn broken(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage {
        sentence: format!("the sign-ins of {} cannot be used: {error}", file.display()),
        hint: "see to it that it is yours, or remove it and sign in again".to_owned(),
    }
}

impl Store {
    /// Once no other command has it: one that renews a token asks its provider twice meanwhile.
    pub async fn open() -> Result<Self> {
        Self::at(folder()?, HELD).await
    }

    async fn at(folder: PathBuf, patience: Duration) -> Result<Self> {
        let failed = |error: std::io::Error| broken(&folder, &error);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let lock = folder.join("sign-ins.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(lock)
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { folder, _lock: lock }),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                // Whoever waits for it goes on hearing Ctrl-C. Nobody tells when it is given back.
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => tokio::time::sleep(LOOK).await,
                Err(TryLockError::WouldBlock) => {
                    let sentence =
                        format!("another command has had the sign-ins of {} for too long", folder.display());
                    let hint = "end it, and try again; it may wait for its provider".to_owned();
                    return Err(Failure::Usage { sentence, hint });
                }
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("sign-ins.json")
    }

    pub fn read(&self) -> Result<Signed> {
        let file = self.file();
        match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| broken(&file, &error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Signed::default()),
            Err(error) => Err(broken(&file, &error)),
        }
    }

    /// Whole or not at all, and never readable by others, not even for a moment.
    pub fn write(&self, signed: &Signed) -> Result<()> {
        let (file, fresh) = (self.file(), self.folder.join("sign-ins.json.new"));
        let failed = |error: std::io::Error| broken(&file, &error);
        let text = serde_json::to_vec_pretty(signed).map_err(|error| broken(&file, &error))?;
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut opened =
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh).map_err(failed)?;
        opened.write_all(&text).and_then(|()| opened.sync_all()).map_err(failed)?;
        std::fs::rename(&fresh, &file).map_err(failed)
    }
}

/// A server as people say it: without a scheme it is https.
pub fn address(said: &str) -> String {
    let said = said.trim_end_matches('/');
    if said.contains("://") { said.to_owned() } else { format!("https://{said}") }
}

/// The kubeconfig that Kubernetes' own tools would take, if there is one.
pub fn kubeconfig() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".kube/config")).filter(|file| file.exists())
}

/// Whether anybody signed in anywhere, without making a place to keep it.
pub fn is_any() -> bool {
    folder().is_ok_and(|folder| folder.join("sign-ins.json").exists())
}

/// Where tokens for a server come from.
#[derive(Clone)]
pub enum Tokens {
    Said(String),
    /// Whoever writes that file sees to it that the token in it is good.
    File(PathBuf),
    /// Of somebody who signed in; renewed in time.
    Kept {
        server: String,
        token: Arc<Mutex<String>>,
    },
}

impl Tokens {
    /// One that is good now.
    pub async fn token(self) -> Result<String> {
        match self {
            Self::Said(token) => Ok(token),
            Self::File(file) => said_in(&file),
            Self::Kept { server, token } => {
                // Of many requests at once one looks after it.
                let mut token = token.lock().await;
                if lasts(&token) < MOMENT {
                    *token = good(&server, MOMENT).await?;
                }
                Ok(token.clone())
            }
        }
    }
}

fn said_in(file: &Path) -> Result<String> {
    let wrong = |reason: &dyn std::fmt::Display| Failure::Usage {
        sentence: format!("there is no token in {}: {reason}", file.display()),
        hint: "OUTBOARD_TOKEN_FILE names a file that holds a token and nothing else".to_owned(),
    };
    let token = std::fs::read_to_string(file).map_err(|error| wrong(&error))?.trim().to_owned();
    if token.is_empty() { Err(wrong(&"it is empty")) } else { Ok(token) }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|said| said.trim().to_owned()).filter(|said| !said.is_empty())
}

/// A server and tokens for it: of the named one, or else of the one that somebody signed in to last. None: of none.
pub async fn tokens(server: Option<&str>) -> Result<Option<(String, Tokens)>> {
    let server = server.map(address);
    let said = variable("OUTBOARD_TOKEN").map(Tokens::Said);
    let said = said.or_else(|| variable("OUTBOARD_TOKEN_FILE").map(|file| Tokens::File(file.into())));
    match (&server, said) {
        (Some(server), Some(tokens)) => return Ok(Some((server.clone(), tokens))),
        (None, Some(_)) => {
            return Err(Failure::Usage {
                sentence: "a token is said, and it is not said for which server".to_owned(),
                hint: "say it in OUTBOARD_SERVER, or by --server; or unset OUTBOARD_TOKEN and OUTBOARD_TOKEN_FILE"
                    .to_owned(),
            });
        }
        (None, None) if !is_any() => return Ok(None),
        _ => {}
    }
    let current = match server {
        Some(server) => Some(server),
        None => Store::open().await?.read()?.current,
    };
    let Some(server) = current else { return Ok(None) };
    let token = Arc::new(Mutex::new(good(&server, SOON).await?));
    Ok(Some((server.clone(), Tokens::Kept { server, token })))
}

/// The cluster behind a server.
pub fn through(server: &str, tokens: Tokens) -> verbs::Result<verbs::Cluster> {
    verbs::Cluster::through(server, move || {
        let tokens = tokens.clone();
        async move { tokens.token().await.map_err(|failure| failure.to_string()) }
    })
}

fn lasts(token: &str) -> SignedDuration {
    device::ends(token).unwrap_or(Timestamp::MIN).duration_since(Timestamp::now())
}

/// The token that is kept for a server; one that is good for less than that is renewed first, if it can be.
async fn good(server: &str, enough: SignedDuration) -> Result<String> {
    let store = Store::open().await?;
    let mut signed = store.read()?;
    let Some(kept) = signed.servers.get_mut(server) else {
        return Err(Failure::Usage {
            sentence: format!("you have not signed in to {server}"),
            hint: format!("run `outboard login {server}`, or say a token in OUTBOARD_TOKEN"),
        });
    };
    let left = lasts(&kept.token);
    if left > enough {
        return Ok(kept.token.clone());
    }
    match renew(kept).await {
        Ok(()) => {
            let token = kept.token.clone();
            store.write(&signed)?;
            Ok(token)
        }
        // It is good for a while yet.
        Err(_) if left.is_positive() => Ok(kept.token.clone()),
        Err(error) => Err(Failure::SignIn { error, server: server.to_owned() }),
    }
}

async fn renew(kept: &mut SignIn) -> std::result::Result<(), device::Error> {
    let Some(refresh) = &kept.refresh else {
        return Err(device::Error::Ended { reason: "the provider gave nothing to renew it with".to_owned() });
    };
    let provider = Provider::new(&kept.issuer)?;
    let tokens = device::renew(&provider, &kept.client_id, refresh).await?;
    (kept.token, kept.refresh) = (tokens.token, tokens.refresh);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_the_file_holds_nothing_up_and_waits_no_longer_than_needed() {
        let place = tempfile::tempdir().unwrap();
        let at = |patience| Store::at(place.path().to_owned(), patience);
        let first = at(HELD).await.unwrap();
        let told = at(Duration::ZERO).await.map(|_| ()).unwrap_err().to_string();
        assert!(told.contains("another command"), "{told}");
        // On one thread: were the lock waited for in its place, the first would never be given back.
        let (second, ()) = tokio::join!(at(HELD), async { drop(first) });
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn what_is_kept_is_for_its_owner_only_and_reads_back() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("outboard");
        let store = Store::at(folder.clone(), HELD).await.unwrap();
        let kept =
            SignIn { issuer: "https://i".into(), client_id: "c".into(), token: "t".into(), refresh: None };
        let signed =
            Signed { current: Some("https://o".into()), servers: [("https://o".to_owned(), kept)].into() };
        // What a killed one left is in nobody's way.
        std::fs::write(folder.join("sign-ins.json.new"), "half").unwrap();
        store.write(&signed).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&store.file())), (0o700, 0o600));
        let read = store.read().unwrap();
        assert_eq!(read.current.as_deref(), Some("https://o"));
        assert_eq!(read.servers["https://o"].token, "t");
    }

    #[tokio::test]
    async fn a_token_in_a_file_is_read_again_each_time() {
        let place = tempfile::tempdir().unwrap();
        let tokens = Tokens::File(place.path().join("token"));
        assert!(tokens.clone().token().await.unwrap_err().to_string().contains("no token"));
        for token in ["one", "two"] {
            std::fs::write(place.path().join("token"), format!("{token}\n")).unwrap();
            assert_eq!(tokens.clone().token().await.unwrap(), token);
        }
    }

    #[tokio::test]
    async fn nonsense_is_told_with_its_file_and_without_its_content() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::at(place.path().to_owned(), HELD).await.unwrap();
        std::fs::write(store.file(), "{\"servers\": {\"a\": \"hunter2\"}}").unwrap();
        let told = store.read().map(|_| ()).unwrap_err().to_string();
        assert!(told.contains("sign-ins.json"), "{told}");
    }
}
