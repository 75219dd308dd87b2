//! A pod's own network: threads of this program that listen and call as the pod would. Pods need nothing but to be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::ifaddrs::getifaddrs;
use nix::sched::{CloneFlags, setns};

/// What is shut drops, so nobody answers.
const PATIENCE: Duration = Duration::from_millis(400);

/// Networks of this machine's pods by address.
#[derive(Debug)]
pub struct PodNetworks(BTreeMap<Ipv4Addr, File>);

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Port {
    Tcp(u16),
    Udp(u16),
}

impl PodNetworks {
    /// Those that there are now.
    pub fn all() -> Result<Self> {
        let (mut networks, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for process in Path::new("/proc").read_dir()? {
            // Whoever ends meanwhile, and threads of the kernel, have none.
            let path = process?.path().join("ns/net");
            let (Ok(name), Ok(network)) = (path.read_link(), File::open(&path)) else { continue };
            if !seen.insert(name) {
                continue;
            }
            let inside = network.try_clone()?;
            // One that is just being removed is no network any more.
            let addresses = within(inside, || {
                Ok(getifaddrs()?
                    .filter_map(|one| Some(one.address?.as_sockaddr_in()?.ip()))
                    .filter(|address| !address.is_loopback())
                    .collect::<Vec<_>>())
            });
            for address in addresses.into_iter().flatten() {
                networks.insert(address, network.try_clone()?);
            }
        }
        Ok(Self(networks))
    }

    fn of(&self, pod: Ipv4Addr) -> Result<File> {
        Ok(self.0.get(&pod).with_context(|| format!("no pod of this machine has {pod}"))?.try_clone()?)
    }

    /// Answers whoever comes to this pod, until the program ends.
    pub fn serve(&self, pod: Ipv4Addr, port: Port) -> Result<()> {
        let network = self.of(pod)?;
        match port {
            Port::Tcp(port) => {
                let listener = within(network, move || Ok(TcpListener::bind(("0.0.0.0", port))?))?;
                thread::spawn(move || {
                    for mut caller in listener.incoming().flatten() {
                        let _ = caller.write_all(b"x");
                    }
                });
            }
            Port::Udp(port) => {
                let socket = within(network, move || Ok(UdpSocket::bind(("0.0.0.0", port))?))?;
                thread::spawn(move || {
                    let mut letter = [0];
                    while let Ok((_, caller)) = socket.recv_from(&mut letter) {
                        let _ = socket.send_to(&letter, caller);
                    }
                });
            }
        }
        Ok(())
    }

    /// Whether somebody at `to` answers this pod.
    pub fn reaches(&self, from: Ipv4Addr, to: Ipv4Addr, port: Port) -> Result<bool> {
        within(self.of(from)?, move || Ok(calls(to, port).is_ok()))
    }
}

fn calls(to: Ipv4Addr, port: Port) -> Result<()> {
    match port {
        Port::Tcp(port) => {
            // Whoever speaks first.
            TcpStream::connect_timeout(&SocketAddr::from((to, port)), PATIENCE)?;
        }
        Port::Udp(port) => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect((to, port))?;
            socket.send(b"x")?;
            socket.recv(&mut [0])?;
        }
    }
    Ok(())
}

/// In a thread of its own: sockets stay in the network where they were made, the thread ends.
fn within<T: Send + 'static>(network: File, act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let acting = thread::spawn(move || {
        setns(network, CloneFlags::CLONE_NEWNET).context("failed to enter a pod's network")?;
        act()
    });
    acting.join().unwrap_or_else(|_| Err(anyhow!("a thread in a pod's network ended unexpectedly")))
}
