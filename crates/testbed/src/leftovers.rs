//! What containerd, CNI and the kubelet leave in folders of the machine that no option moves. Removes only what is
//! ours by name or content, sockets that nobody answers, and folders that are empty then.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Where CNI notes what it did for which container.
const RESULTS: &str = "/var/lib/cni/results";
const NETWORK: &str = "outboard-testbed-";

/// Sockets of containerd's shims, and of the kubelet for device plugins.
const SOCKETS: [&str; 2] = ["/run/containerd/s", "/var/lib/kubelet/device-plugins"];

const EMPTIED: [&str; 9] = [
    RESULTS,
    "/var/lib/cni/networks",
    "/var/lib/cni",
    "/run/containerd/s",
    "/run/containerd/runc",
    "/run/containerd",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet/pki",
    "/var/lib/kubelet",
];

pub fn remove() {
    for entry in entries(RESULTS) {
        // Its loopback results are named by container alone, but hold the path of our network namespace.
        let mine = entry.file_name().to_string_lossy().starts_with(NETWORK)
            || fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("/testbed/node-"));
        if mine {
            let _ = fs::remove_file(entry.path());
        }
    }
    for folder in SOCKETS {
        for entry in entries(folder) {
            if is_dead_socket(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    for folder in EMPTIED {
        // Only goes if it is empty.
        let _ = fs::remove_dir(folder);
    }
}

fn is_dead_socket(path: &Path) -> bool {
    UnixStream::connect(path).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn entries(folder: &str) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Shutdown;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_socket_that_somebody_answers_is_not_dead_and_a_file_is_no_socket() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, file) = (folder.path().join("socket"), folder.path().join("file"));
        fs::write(&file, "").unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        assert!(!is_dead_socket(&socket));
        // Closing alone would not do: a program that another test is just starting holds a copy of it for a moment.
        UnixStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both).unwrap();
        assert!(is_dead_socket(&socket));
        assert!(!is_dead_socket(&folder.path().join("nothing")));
    }
}
