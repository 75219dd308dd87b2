//! Reading /proc: when a process started, what it runs, what is mounted.

use std::fs;
use std::path::{Path, PathBuf};

/// Start time in ticks since boot: with the pid, a process's identity. None for one that is gone or a zombie.
pub fn started(pid: i32) -> Option<u64> {
    start_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Whether anything of the process is still there: of one that was killed the first thread may be a zombie while others
/// still hold its sockets and files.
pub fn lives(pid: i32, start: u64) -> bool {
    match started(pid) {
        Some(now) => now == start,
        None => fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| threads.count() > 1),
    }
}

fn start_of(stat: &str) -> Option<u64> {
    // The name in parentheses may hold spaces and parentheses itself.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

pub fn arguments(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes
        .split(|&byte| byte == 0)
        .filter(|part| !part.is_empty())
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

pub fn executable(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

pub fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// What of its file system is mounted.
    pub root: PathBuf,
    pub point: PathBuf,
    pub kind: String,
}

/// All mounts, in the order they were made.
pub fn mounts() -> Vec<Mount> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().filter_map(mount_of).collect()
}

fn mount_of(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut fields = left.split(' ').skip(3).map(|path| PathBuf::from(path.replace("\\040", " ")));
    Some(Mount { root: fields.next()?, point: fields.next()?, kind: right.split(' ').next()?.to_owned() })
}

/// Mount points under the folder, innermost last.
pub fn mounts_under(folder: &Path) -> Vec<PathBuf> {
    mounts().into_iter().map(|mount| mount.point).filter(|point| point.starts_with(folder)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_read_behind_any_name_and_a_zombie_has_none() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        assert_eq!(start_of(&format!("5 (a) b) {tail}")), Some(777));
        assert_eq!(start_of(&format!("5 (a) {}", tail.replacen('S', "Z", 1))), None);
    }

    #[test]
    fn a_mount_has_a_root_a_point_and_a_type() {
        let line = "36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw";
        let mount = mount_of(line).unwrap();
        assert_eq!(
            (mount.root, mount.point, mount.kind),
            ("/mnt1".into(), "/mnt/a b".into(), "ext3".to_owned())
        );
    }
}
