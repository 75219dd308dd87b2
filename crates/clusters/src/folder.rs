//! The folder on this machine in which Terraform works on one cluster: written anew for each run, used by one outboard
//! at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::progress::History;
use crate::{Error, Result, modules, own_lock};

/// The generated root, and what somebody lays over it.
const ROOT: &str = "main.tf.json";
const OVERLAY: &str = "outboard_override.tf.json";
/// What Terraform could not store.
const ERRORED: &str = "errored.tfstate";
/// Such states, once a later one was stored.
const ASIDE: &str = "errored-";
/// Plans that were saved: each has a name of its own, so that none takes the place of the one that was shown.
const PLANS: (&str, &str) = ("plan-", ".bin");
/// What the last look at drift has found.
pub const LOOK: &str = "drift.json";
pub const EVENTS: &str = "events.jsonl";
pub const TOLD: &str = "stderr.log";

pub struct Folder {
    path: PathBuf,
    /// Held until this is dropped, also by a kill.
    _lock: File,
}

/// The last run of Terraform that changes something.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub pid: i32,
    /// When the process began, in ticks since boot: another process of the same number began at another time.
    pub ticks: u64,
    /// Which start of this machine that was.
    pub boot: String,
    pub host: String,
    /// RFC 3339 in UTC.
    pub begun: String,
    /// `create` or `destroy`.
    pub what: String,
    /// Addresses and actions of its plan.
    pub todo: Vec<(String, String)>,
    /// Whether its end was seen.
    #[serde(default)]
    pub ended: bool,
    /// When that was.
    #[serde(default)]
    pub seen: Option<String>,
    /// Who began it.
    #[serde(default)]
    pub user: String,
}

impl Record {
    /// As Terraform calls its holder in a lock.
    pub fn who(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }
}

impl Folder {
    /// Takes the folder of a cluster, and makes it.
    pub fn take(id: &str) -> Result<Self> {
        let path = home().join(id);
        let failed = |source| Error::Folder { path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes what Terraform reads: modules, root, overlay. Nothing of an earlier run stays among them.
    pub fn write(&self, files: &[modules::File], root: &Value, overlay: Option<&str>) -> Result<()> {
        let modules = self.file("modules");
        self.removed(&modules, fs::remove_dir_all(&modules))?;
        for (name, content) in files {
            let path = modules.join(name);
            let made =
                path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content));
            made.map_err(|source| Error::Folder { path, source })?;
        }
        let root = serde_json::to_string_pretty(root).unwrap_or_default();
        self.put(ROOT, root.as_bytes())?;
        match overlay {
            Some(overlay) => self.put(OVERLAY, overlay.as_bytes()),
            None => self.remove(OVERLAY),
        }
    }

    /// A file that nobody else reads, whole or not at all.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let (path, new) = (self.file(name), self.file(&format!("{name}.new")));
        let written = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(content))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(|source| Error::Folder { path, source })
    }

    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.file(name);
        self.removed(&path, fs::remove_file(&path))
    }

    fn removed(&self, path: &Path, outcome: std::io::Result<()>) -> Result<()> {
        match outcome {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Folder { path: path.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// A state that Terraform could not store the last time.
    pub fn errored(&self) -> Option<PathBuf> {
        let path = self.file(ERRORED);
        path.exists().then_some(path)
    }

    /// Keeps such a state, where it stands in nobody's way.
    pub fn set_aside(&self, path: &Path, serial: u64) -> Result<PathBuf> {
        let aside = self.file(&format!("{ASIDE}{serial}.tfstate"));
        fs::rename(path, &aside).map_err(|source| Error::Folder { path: aside.clone(), source })?;
        Ok(aside)
    }

    /// A name for a plan that no other one has.
    pub fn plan(&self) -> SavedPlan {
        let name = format!(
            "{}{}-{}{}",
            PLANS.0,
            std::process::id(),
            jiff::Timestamp::now().as_nanosecond(),
            PLANS.1
        );
        SavedPlan { path: self.file(&name), name }
    }

    /// Removes plans that a killed outboard has left: they hold the state and every variable.
    pub fn forget_plans(&self) -> Result<()> {
        self.remove_all(PLANS.0, PLANS.1)
    }

    fn remove_all(&self, begin: &str, end: &str) -> Result<()> {
        for entry in fs::read_dir(&self.path).into_iter().flatten().filter_map(std::io::Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(begin) && name.ends_with(end) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    pub fn record(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.file("run.json")).ok()?).ok()
    }

    pub fn set_record(&self, record: &Record) -> Result<()> {
        self.put("run.json", serde_json::to_string(record).unwrap_or_default().as_bytes())
    }

    pub fn history(&self) -> History {
        let text = fs::read(self.file("history.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub fn set_history(&self, history: &History) -> Result<()> {
        self.put("history.json", serde_json::to_string(history).unwrap_or_default().as_bytes())
    }

    /// Forgets everything but how long things took.
    pub fn clear(&self) -> Result<()> {
        self.forget_plans()?;
        self.remove_all(ASIDE, ".tfstate")?;
        for name in [ROOT, OVERLAY, EVENTS, TOLD, LOOK, "run.json", own_lock::FILE, ".terraform.lock.hcl"] {
            self.remove(name)?;
        }
        for name in ["modules", ".terraform"] {
            let path = self.file(name);
            self.removed(&path, fs::remove_dir_all(&path))?;
        }
        Ok(())
    }
}

/// A plan in a cluster's folder, which is gone once nobody has it in hand any more.
pub struct SavedPlan {
    path: PathBuf,
    pub name: String,
}

impl Drop for SavedPlan {
    fn drop(&mut self) {
        // That there is none is as well.
        let _ = fs::remove_file(&self.path);
    }
}

/// Where all clusters have their folders: as the XDG specification says, below what a machine keeps of its users' programs.
pub(crate) fn home() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    state.unwrap_or_else(std::env::temp_dir).join("outboard/clusters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("outboard-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let lock = File::create(path.join("lock")).unwrap();
        Folder { path, _lock: lock }
    }

    #[test]
    fn a_plan_has_a_name_of_its_own_and_goes_with_whoever_has_it_in_hand() {
        let folder = folder("plans");
        let (first, second) = (folder.plan(), folder.plan());
        assert_ne!(first.name, second.name);
        fs::write(folder.file(&first.name), "the whole state").unwrap();
        fs::write(folder.file(&second.name), "of one that was killed").unwrap();
        let gone = first.path.clone();
        drop(first);
        assert!(!gone.exists() && second.path.exists());
        folder.forget_plans().unwrap();
        assert!(!second.path.exists());
        fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn a_state_that_was_set_aside_stays_until_the_cluster_is_gone() {
        let folder = folder("aside");
        fs::write(folder.file(ERRORED), "{}").unwrap();
        let errored = folder.errored().unwrap();
        let aside = folder.set_aside(&errored, 7).unwrap();
        assert_eq!(folder.errored(), None);
        assert!(aside.ends_with("errored-7.tfstate") && aside.exists());
        folder.clear().unwrap();
        assert!(!aside.exists());
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
