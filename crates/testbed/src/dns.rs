//! The testbed's Route 53: a strict fake that speaks its wire, and is the name server of its zone, so that hostnames are
//! really resolved. Pods reach the zone through the cluster's DNS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use route53_fake::{Change, Fake, Set};
use tokio::net::{TcpListener, UdpSocket};

use crate::cache::Cache;
use crate::node::HOST_IP;
use crate::process::Daemon;

/// The zone that is always there, and its id.
pub const ZONE: &str = "outboard.test";
pub const ZONE_ID: &str = "ZTESTBED";
/// One of the same name for a network of its own, as companies have it; nobody resolves it here.
pub const PRIVATE_ZONE_ID: &str = "ZTESTBEDPRIVATE";
/// A cluster's domain in it.
pub const DOMAIN: &str = "apps.outboard.test";
/// Seconds until a change is in sync: Route 53 takes a minute.
const TAKES: u64 = 2;
/// How long its name server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where its wire is spoken.
pub fn endpoint() -> String {
    format!("http://{}", wire())
}

fn wire() -> String {
    format!("{HOST_IP}:8053")
}

/// Where it answers as a name server.
pub fn server() -> String {
    format!("{HOST_IP}:53")
}

/// The addresses of a host, from the zone's name server: this machine's own resolver knows nothing of the zone.
pub fn resolve(host: &str) -> anyhow::Result<Vec<Ipv4Addr>> {
    let name = Name::from_ascii(format!("{}.", host.trim_end_matches('.')))
        .with_context(|| format!("`{host}` is no hostname"))?;
    let mut question = Message::new(1, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(name, RecordType::A));
    // A port of its own for this one question: nothing else can come back.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server())?;
    socket.send(&question.to_vec()?)?;
    let mut buffer = [0; 4096];
    let length = socket
        .recv(&mut buffer)
        .with_context(|| format!("the name server at {} is silent; is the testbed up?", server()))?;
    let told = Message::from_vec(&buffer[..length])?;
    let address = |data: &RData| match data {
        RData::A(address) => Some(address.0),
        _ => None,
    };
    Ok(told.answers.iter().filter_map(|record| address(&record.data)).collect())
}

pub fn daemon(cache: &Cache) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "dns", copy(cache)?).arg("dns").arg(wire()).arg(server()))
}

/// A copy: a rebuilt or removed program must not change or end what runs.
fn copy(cache: &Cache) -> anyhow::Result<PathBuf> {
    let copy = cache.state().join("testbed-dns");
    if !copy.exists() {
        let program = std::env::current_exe().context("failed to find this program")?;
        std::fs::create_dir_all(cache.state())?;
        std::fs::copy(program, &copy)?;
    }
    Ok(copy)
}

pub fn ready() -> bool {
    crate::wait::answers(&wire(), &format!("/2013-04-01/hostedzone/{ZONE_ID}"))
}

/// Serves until it fails.
pub fn run(wire: &str, server: &str) -> anyhow::Result<()> {
    let name_server: SocketAddr = server.parse().context("an address is an IP and a port")?;
    let fake = Arc::new(Mutex::new(zone(&name_server)?));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener =
            TcpListener::bind(wire).await.with_context(|| format!("failed to listen on {wire}"))?;
        let heard = || format!("failed to listen on {server}");
        let udp = UdpSocket::bind(name_server).await.with_context(heard)?;
        let tcp = TcpListener::bind(name_server).await.with_context(heard)?;
        tokio::select! {
            ended = route53_fake::serve(fake.clone(), listener) => ended?,
            ended = route53_fake::dns::serve(fake.clone(), udp, tcp) => ended?,
        }
        bail!("it has ended")
    })
}

fn zone(server: &SocketAddr) -> anyhow::Result<Fake> {
    let name = format!("ns-1.{ZONE}.");
    let mut fake = Fake::default();
    fake.name_server = Some(name.clone());
    fake.add_zone(ZONE_ID, &format!("{ZONE}."), false);
    fake.add_zone(PRIVATE_ZONE_ID, &format!("{ZONE}."), true);
    let set = Set {
        name,
        kind: "A".to_owned(),
        ttl: Some(60),
        values: vec![server.ip().to_string()],
        ..Set::default()
    };
    let change = Change { action: "CREATE".to_owned(), set };
    if let Err(refused) = fake.change("testbed", ZONE_ID, &[change]) {
        bail!("its own zone is refused: {}", refused.message);
    }
    fake.takes = TAKES;
    Ok(fake)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_names_a_server_that_it_knows_itself() {
        let fake = zone(&"192.0.2.1:53".parse().unwrap()).unwrap();
        let sets: Vec<&Set> = fake.zones[ZONE_ID].sets.values().map(|stored| &stored.set).collect();
        let of = |kind: &str| sets.iter().filter(|set| set.kind == kind).collect::<Vec<_>>();
        assert_eq!(of("NS")[0].values, ["ns-1.outboard.test."]);
        assert_eq!(of("A")[0].name, "ns-1.outboard.test.");
    }
}
