//! Where pods' logs lie. Log collectors look in /var/log/pods on every cluster, so it is there that they should be:
//! as a link into our folder, unless somebody else's pods already log there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::node::Node;

const USUAL: &str = "/var/log/pods";
/// Links the kubelet makes itself, one for each container.
const LINKS: &str = "/var/log/containers";

pub fn folder(node: &Node) -> PathBuf {
    node.folder.join("pods")
}

/// What kubelets write is in the folder; this makes it found at the usual place.
pub fn publish(node: &Node) -> anyhow::Result<()> {
    let folder = folder(node);
    fs::create_dir_all(&folder)?;
    if fs::symlink_metadata(USUAL).is_err() {
        std::os::unix::fs::symlink(&folder, USUAL)?;
    }
    Ok(())
}

pub fn remove(state: &Path) {
    let ours = |link: &Path| fs::read_link(link).is_ok_and(|target| target.starts_with(state));
    if ours(Path::new(USUAL)) {
        let _ = fs::remove_file(USUAL);
    }
    for entry in fs::read_dir(LINKS).into_iter().flatten().flatten() {
        if ours(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    // Only goes if it is empty.
    let _ = fs::remove_dir(LINKS);
}
