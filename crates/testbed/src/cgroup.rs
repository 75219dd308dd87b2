//! The control groups all pods are under: made for the kubelet, and the surest way to find every process of a pod.

use std::fs;
use std::path::{Path, PathBuf};

use crate::node::CGROUP;
use crate::proc;

/// Makes the group in every hierarchy.
pub fn create(group: &str) -> anyhow::Result<()> {
    for (root, version) in hierarchies() {
        if version == "cgroup2" {
            let _ = fs::write(root.join("cgroup.subtree_control"), "+cpuset +cpu +io +memory +pids");
        }
        let mut folder = root;
        for part in group.split('/').filter(|part| !part.is_empty()) {
            let parent = folder.clone();
            folder.push(part);
            if !folder.exists() {
                fs::create_dir(&folder)?;
            }
            // A new group of version 1 may use no processor and no memory until told which.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if version == "cgroup"
                    && let Ok(value) = fs::read_to_string(parent.join(file))
                {
                    fs::write(folder.join(file), value.trim())?;
                }
            }
        }
    }
    Ok(())
}

/// Every process in our groups.
pub fn processes() -> Vec<i32> {
    let lists =
        folders().into_iter().filter_map(|folder| fs::read_to_string(folder.join("cgroup.procs")).ok());
    let mut pids: Vec<i32> = lists.flat_map(|list| pids_of(&list)).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn pids_of(list: &str) -> Vec<i32> {
    // 0 is a process of another pid namespace, never a target.
    list.lines().filter_map(|line| line.parse().ok()).filter(|&pid| pid > 0).collect()
}

/// Removes our groups; those that still hold a process stay.
pub fn remove() {
    for folder in folders().iter().rev() {
        let _ = fs::remove_dir(folder);
    }
}

/// Our groups in every hierarchy, outer before inner.
pub fn folders() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for (root, _) in hierarchies() {
        add(&root.join(CGROUP), &mut all);
    }
    all
}

fn add(folder: &Path, all: &mut Vec<PathBuf>) {
    if !folder.is_dir() {
        return;
    }
    all.push(folder.to_owned());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            add(&entry.path(), all);
        }
    }
}

fn hierarchies() -> Vec<(PathBuf, String)> {
    let mounts = proc::mounts().into_iter();
    let ours =
        mounts.filter(|mount| mount.kind.starts_with("cgroup") && mount.point.starts_with("/sys/fs/cgroup"));
    ours.map(|mount| (mount.point, mount.kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_zero_is_never_a_target() {
        assert_eq!(pids_of("12\n0\n7\n"), [12, 7]);
    }
}
