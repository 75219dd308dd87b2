//! Who this process is to the lease: the same again after a restart, and never the same as a living other.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// A name for the lease, and what keeps another process on this machine from taking the same one.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    /// The kernel drops this lock when the process ends, however it ends.
    _lock: Option<File>,
}

impl Identity {
    /// In a pod: the pod's name, since Kubernetes starts a container again only after the last one ended.
    /// Elsewhere: host, boot and installation, guarded by a file lock; without the lock the process adds
    /// its own number and so becomes a stranger that waits for the lease's expiry.
    pub(crate) fn of_this_process(install: &str) -> Self {
        match std::env::var("POD_NAME").ok().filter(|name| !name.is_empty()) {
            Some(name) => Self { name, _lock: None },
            None => Self::of_host(&host(), install, &std::env::temp_dir()),
        }
    }

    fn of_host(host: &str, install: &str, locks: &Path) -> Self {
        let name = format!("{host}/{install}");
        match lock(&locks.join(format!("outboard-operator-{install}.lock"))) {
            Some(lock) => Self { name, _lock: Some(lock) },
            None => Self { name: format!("{name}/{}", std::process::id()), _lock: None },
        }
    }
}

/// Hostname and the first digits of this boot's number: two machines of one hostname stay apart.
fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let boot: String = read("/proc/sys/kernel/random/boot_id").chars().take(8).collect();
    format!("{}/{boot}", read("/proc/sys/kernel/hostname"))
}

fn lock(path: &PathBuf) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarted_process_is_the_same_and_a_second_living_one_is_a_stranger() {
        let locks = std::env::temp_dir().join(format!("outboard-identity-{}", std::process::id()));
        std::fs::create_dir_all(&locks).unwrap();
        let first = Identity::of_host("here", "outboard", &locks);
        assert_eq!(first.name, "here/outboard");
        let second = Identity::of_host("here", "outboard", &locks);
        assert_ne!(second.name, first.name);
        let other_install = Identity::of_host("here", "blue", &locks);
        assert_eq!(other_install.name, "here/blue");
        drop(first);
        assert_eq!(Identity::of_host("here", "outboard", &locks).name, "here/outboard");
        std::fs::remove_dir_all(&locks).unwrap();
    }

    #[test]
    fn a_machine_without_a_place_for_locks_makes_every_process_a_stranger() {
        let nowhere = Identity::of_host("here", "outboard", Path::new("/nonexistent"));
        assert!(nowhere.name.ends_with(&std::process::id().to_string()), "{nowhere:?}");
    }
}
