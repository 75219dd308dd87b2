//! The node network: one bridge with the machine's address on it, forwarding, and masquerading of what pods send out.
//! The pod bridge is made by CNI; both go in [`remove`].

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cache::Cache;
use crate::command::output;
use crate::node::{HOST_BRIDGE, HOST_IP, POD_BRIDGE, PODS, SERVICES};

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const BRIDGED: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
const TABLE: &str = "outboard-testbed";
/// Tables that kube-proxy leaves when it ends.
const PROXY_TABLE: &str = "kube-proxy";

pub fn create(cache: &Cache) -> anyhow::Result<()> {
    let before = cache.state().join("ip_forward.before");
    if !before.exists() {
        fs::write(&before, fs::read(FORWARDING)?)?;
    }
    fs::write(FORWARDING, "1")?;
    // Without it what pods of one node send each other passes no rule, and no policy holds.
    if fs::read_to_string(BRIDGED).is_ok_and(|bridged| bridged.trim() == "0") {
        fs::write(BRIDGED, "1")?;
    }
    if !exists(HOST_BRIDGE) {
        ip(&["link", "add", HOST_BRIDGE, "type", "bridge"])?;
    }
    // `replace`, because an earlier run may have ended between the two.
    ip(&["addr", "replace", &format!("{HOST_IP}/24"), "dev", HOST_BRIDGE])?;
    ip(&["link", "set", HOST_BRIDGE, "up"])?;
    // Services have addresses that kube-proxy translates, but only once there is some way to them: a machine that is
    // in no network, as on a train, has none by itself.
    ip(&["route", "replace", SERVICES, "dev", HOST_BRIDGE, "src", HOST_IP])?;
    // Add, delete, create: one transaction that ends the same whatever was there.
    nft(&format!(
        "add table ip {TABLE}; delete table ip {TABLE}; add table ip {TABLE}; \
         add chain ip {TABLE} out {{ type nat hook postrouting priority srcnat; }}; \
         add rule ip {TABLE} out ip saddr {PODS} ip daddr != {PODS} oifname != \"{POD_BRIDGE}\" masquerade"
    ))
}

pub fn remove(cache: &Cache) {
    for family in ["ip", "ip6"] {
        for table in [TABLE, PROXY_TABLE] {
            let _ = nft(&format!("add table {family} {table}; delete table {family} {table}"));
        }
    }
    let policies = crate::policy::TABLE;
    let _ = nft(&format!("add table inet {policies}; delete table inet {policies}"));
    for bridge in [POD_BRIDGE, HOST_BRIDGE] {
        if exists(bridge) {
            let _ = ip(&["link", "delete", bridge]);
        }
    }
    if let Ok(before) = fs::read(cache.state().join("ip_forward.before")) {
        let _ = fs::write(FORWARDING, before);
    }
}

pub fn exists(link: &str) -> bool {
    Path::new("/sys/class/net").join(link).exists()
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    output(Command::new("ip").args(arguments)).map(drop)
}

fn nft(script: &str) -> anyhow::Result<()> {
    output(Command::new("nft").arg(script)).map(drop)
}
