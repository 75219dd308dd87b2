//! Processes of this machine: known again, asked whether they live, and asked to end, once.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::folder::Record;

/// The name of this machine, as Terraform writes it into locks.
pub fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Who we are, as Terraform writes it into locks: the name that the system has for our number.
pub fn user() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let all = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ours = all.lines().find(|line| line.split(':').nth(2) == Some(number.as_str()));
    ours.and_then(|line| line.split(':').next()).map_or(number.clone(), str::to_owned)
}

/// When a process began, in ticks since boot; none if there is none, or only what is left of one.
pub fn began(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if fields.first().is_some_and(|state| *state == "Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Which start of this machine this is.
pub fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

pub fn is_alive(record: &Record) -> bool {
    record.host == host() && record.boot == boot() && began(record.pid) == Some(record.ticks)
}

/// Whether something is applied in a folder, whoever began it.
pub fn applies_in(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let all = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    all.map(|entry| entry.path()).any(|process| {
        let there = fs::read_link(process.join("cwd")).is_ok_and(|place| place == folder);
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        there && words.split(|byte| *byte == 0).any(|word| word == b"apply")
    })
}

/// Ends what a process that is gone has left running: a provider waits for a Terraform that was killed for ever.
pub fn end_rest(record: &Record) {
    if record.host != host() || record.boot != boot() || began(record.pid).is_some() {
        return;
    }
    // Its number is nobody else's while one of its group runs.
    if let Some(group) = Pid::from_raw(record.pid) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Asks a process to end as Ctrl-C does. Terraform takes a second one for a kill: whoever calls this calls it once.
pub fn interrupt(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended meanwhile: then there is nobody to tell.
        let _ = kill_process(pid, Signal::INT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_again_by_when_it_began() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut record = Record {
            pid,
            ticks: began(pid).unwrap(),
            boot: boot(),
            host: host(),
            begun: String::new(),
            what: "create".into(),
            todo: vec![],
            ended: false,
            seen: None,
            user: user(),
        };
        assert!(is_alive(&record));
        record.ticks += 1;
        assert!(!is_alive(&record));
    }
}
