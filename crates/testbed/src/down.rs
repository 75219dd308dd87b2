//! `testbed down`: nothing of the cluster stays, whatever state it was in. Also how `up` begins when everything has died.
//! It ends only what can be told to be ours: by control group, by the path of its program, or by our folder in its arguments.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cache::Cache;
use crate::lock::Lock;
use crate::node::{HOST_BRIDGE, Node, POD_BRIDGE};
use crate::step::{Did, step};
use crate::{cgroup, components, containerd, hosts, leftovers, network, pod_logs, proc};

pub fn down(cache: &Cache) -> anyhow::Result<()> {
    anyhow::ensure!(nix::unistd::geteuid().is_root(), "what root started only root can end");
    let _lock = Lock::take(cache)?;
    step("down", || sweep(cache))
}

pub fn sweep(cache: &Cache) -> anyhow::Result<Did> {
    let node = Node::first(cache);
    let found = cache.state().exists() || network::exists(HOST_BRIDGE) || network::exists(POD_BRIDGE);
    // First who would start pods again, then the pods, and last who could still tell about them.
    let daemons = components::daemons(cache).unwrap_or_default();
    for (daemon, _) in daemons.iter().rev().filter(|(daemon, _)| daemon.name != "containerd") {
        daemon.stop(Duration::ZERO);
    }
    // Those whose pid file was not written in time.
    kill_all(|| ours(cache, is_server));
    kill_all(cgroup::processes);
    kill_all(|| ours(cache, is_shim));
    let containerd = containerd::daemon(cache, &node);
    if containerd.pid().is_some() {
        // A failure only means that the next `up` has to do it.
        let _ = containerd::forget_containers(cache, &node);
        containerd.stop(Duration::from_secs(5));
    }
    kill_all(|| ours(cache, is_containerd));

    for folder in [cache.state(), cache.containerd()] {
        unmount(&folder);
    }
    pod_logs::remove(&node);
    network::remove(cache);
    cgroup::remove();
    leftovers::remove();
    hosts::remove()?;
    if cache.state().exists() {
        fs::remove_dir_all(cache.state())?;
    }
    still_there(cache)?;
    Ok(if found { Did::Work } else { Did::Nothing })
}

/// Kills what the question names until it names nothing: a process may fork while we look.
fn kill_all(find: impl Fn() -> Vec<i32>) {
    let start = Instant::now();
    loop {
        let pids: Vec<i32> = find().into_iter().filter(|&pid| proc::started(pid).is_some()).collect();
        if pids.is_empty() || start.elapsed() > Duration::from_secs(10) {
            return;
        }
        for pid in pids {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ours(cache: &Cache, question: fn(&Cache, &Path, &[String]) -> bool) -> Vec<i32> {
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    let ours = |&pid: &i32| {
        let program = proc::executable(pid).unwrap_or_default();
        pid != me && question(cache, &program, &proc::arguments(pid))
    };
    proc::pids().into_iter().filter(ours).collect()
}

fn is_shim(cache: &Cache, program: &Path, arguments: &[String]) -> bool {
    program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("containerd-shim"))
        && mentions(arguments, &cache.state())
}

fn is_containerd(cache: &Cache, program: &Path, arguments: &[String]) -> bool {
    program == Path::new("/usr/bin/containerd") && mentions(arguments, &cache.state())
}

/// Anything else of ours: daemons, and what a killed `up` was just running.
fn is_server(cache: &Cache, program: &Path, arguments: &[String]) -> bool {
    let built = ["kube", "etcd", "registry"].iter().any(|tool| program.starts_with(cache.bin().join(tool)));
    program.starts_with(cache.state()) || (built && mentions(arguments, &cache.state()))
}

fn mentions(arguments: &[String], folder: &Path) -> bool {
    let folder = format!("{}/", folder.display());
    arguments.iter().any(|argument| argument.contains(&folder))
}

fn unmount(folder: &Path) {
    // Innermost first, and again for what lay beneath another mount.
    for _ in 0..8 {
        let points = proc::mounts_under(folder);
        if points.is_empty() {
            return;
        }
        for point in points.iter().rev() {
            let _ = umount2(point, MntFlags::MNT_DETACH);
        }
    }
}

fn still_there(cache: &Cache) -> anyhow::Result<()> {
    let mut left = Vec::new();
    let ours = ours(cache, is_server).into_iter().chain(ours(cache, is_containerd));
    left.extend(ours.map(|pid| format!("process {pid}")));
    left.extend(cgroup::folders().into_iter().map(|folder| format!("control group {}", folder.display())));
    for folder in [cache.state(), cache.containerd()] {
        left.extend(
            proc::mounts_under(&folder).into_iter().map(|point| format!("mount {}", point.display())),
        );
    }
    let links = [HOST_BRIDGE, POD_BRIDGE].into_iter().filter(|link| network::exists(link));
    left.extend(links.map(|link| format!("bridge {link}")));
    anyhow::ensure!(left.is_empty(), "still there: {}", left.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_tell_our_daemons_from_the_machines_own() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let state = Path::new("/c/testbed");
        assert!(mentions(&words("containerd --config /c/testbed/node-1/containerd.toml"), state));
        assert!(mentions(&words("etcd --data-dir=/c/testbed/etcd"), state));
        assert!(!mentions(&words("containerd --config /etc/containerd/config.toml"), state));
        assert!(!mentions(&words("containerd --config /c/testbed-other/x"), state));
    }
}
