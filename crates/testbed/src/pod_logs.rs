//! Where pods' logs lie. Log collectors look in /var/log/pods on every cluster and often mount all of /var/log, so a
//! link would lead them nowhere: our folder is mounted there, unless somebody else's pods already log there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::node::Node;
use crate::proc;

const USUAL: &str = "/var/log/pods";
/// Links the kubelet makes itself, one for each container.
const LINKS: &str = "/var/log/containers";

/// What the kubelet is told.
pub fn folder(node: &Node) -> PathBuf {
    if is_published(node) { PathBuf::from(USUAL) } else { own(node) }
}

fn own(node: &Node) -> PathBuf {
    node.folder.join("pods")
}

pub fn publish(node: &Node) -> anyhow::Result<()> {
    fs::create_dir_all(own(node))?;
    // A link to nowhere, or into our own folder, would be taken for a folder below.
    if fs::symlink_metadata(USUAL).is_ok_and(|usual| usual.is_symlink()) {
        return Ok(());
    }
    fs::create_dir_all(USUAL)?;
    let free = fs::read_dir(USUAL)?.next().is_none();
    if free && !is_published(node) {
        let none: Option<&str> = None;
        mount(Some(&own(node)), USUAL, none, MsFlags::MS_BIND, none)
            .with_context(|| format!("failed to mount {} on {USUAL}", own(node).display()))?;
    }
    Ok(())
}

fn is_published(node: &Node) -> bool {
    proc::mounts().iter().any(|mount| mount.point == Path::new(USUAL) && is_of(&mount.root, &own(node)))
}

/// A mount's root is a path within its file system, which may itself be mounted anywhere above the folder.
fn is_of(root: &Path, folder: &Path) -> bool {
    root.strip_prefix("/").is_ok_and(|root| folder.ends_with(root)) && root.ends_with("node-1/pods")
}

pub fn remove(node: &Node) {
    while is_published(node) && umount2(USUAL, MntFlags::MNT_DETACH).is_ok() {}
    // Only now: a mount of a removed folder could not be told any more.
    let _ = fs::remove_dir_all(own(node));
    for entry in fs::read_dir(LINKS).into_iter().flatten().flatten() {
        // Dangling, now that the logs are gone; those of another cluster are not.
        if fs::read_link(entry.path()).is_ok_and(|log| !log.exists()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    for folder in [LINKS, USUAL] {
        // Only goes if it is empty.
        let _ = fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_folder_is_known_wherever_its_file_system_is_mounted() {
        let folder = Path::new("/root/.cache/outboard/testbed/node-1/pods");
        assert!(is_of(folder, folder));
        assert!(is_of(Path::new("/.cache/outboard/testbed/node-1/pods"), folder));
        assert!(!is_of(Path::new("/"), folder));
        assert!(!is_of(Path::new("/other/testbed/node-1/pods"), folder));
    }
}
