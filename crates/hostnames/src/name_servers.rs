//! What name servers answer, asked one by one and directly: that Route 53 calls a change in sync is one thing, that it is
//! answered another.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use futures::future::join_all;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name as DnsName, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

use crate::plan::{Answers, Content, Kind, Name, RecordSet};

const PATIENCE: Duration = Duration::from_secs(2);
/// A datagram may get lost.
const TIMES: usize = 2;
const PORT: u16 = 53;

/// What is asked, and what is right.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Expected {
    pub name: Name,
    pub kind: Kind,
    /// Every value that may come; none: any will do.
    pub values: BTreeSet<String>,
}

/// What is to be asked about a host, by what its zone holds: of several records by weight each may come. For a wildcard any
/// name below it is asked.
pub fn expected<'a>(host: &Name, sets: impl Iterator<Item = &'a RecordSet>) -> Option<Expected> {
    let mut found: Option<Expected> = None;
    for set in sets.filter(|set| set.name == *host && !matches!(set.kind, Kind::Txt | Kind::Other(_))) {
        let name = if host.is_wildcard() { host.with_first("outboard-dns-check") } else { host.clone() };
        let one = found.get_or_insert(Expected { name, kind: set.kind.clone(), values: BTreeSet::new() });
        if one.kind == set.kind {
            one.values.extend(set.values().map(str::to_owned));
        }
        if matches!(set.content, Content::Alias { .. } | Content::Other) {
            // What a load balancer's addresses are at this moment, nobody knows here.
            return found.map(|one| Expected { kind: set.kind.clone(), values: BTreeSet::new(), ..one });
        }
    }
    found
}

/// What a server says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Said {
    pub values: BTreeSet<String>,
    /// Of a delegation: it stands where no answer is.
    pub delegated: BTreeSet<String>,
}

/// Asks every one of the zone's name servers.
pub async fn check(servers: &[String], expected: &Expected) -> Answers {
    let addresses = join_all(servers.iter().map(|server| address(server))).await;
    let named = servers.iter().cloned().zip(addresses).collect();
    check_at(named, expected).await
}

async fn check_at(servers: Vec<(String, Result<SocketAddr, String>)>, expected: &Expected) -> Answers {
    let told =
        join_all(servers.into_iter().map(async |(server, address)| (server, asked(address, expected).await)));
    let told: Vec<(String, Result<Said, String>)> = told.await;
    let (mut by, mut silent, mut why) = (0, 0, "the zone has no name servers".to_owned());
    for (server, told) in told {
        match told {
            Ok(Said { values, .. }) if values.is_empty() => {
                let words = format!("{server} knows no {} of {}", expected.kind, expected.name);
                return Answers::Wrong { words };
            }
            Ok(Said { values, .. }) => {
                let right: BTreeSet<String> =
                    expected.values.iter().map(|value| alike(&expected.kind, value)).collect();
                let odd = values.iter().find(|value| !right.contains(&alike(&expected.kind, value)));
                if let Some(odd) = odd.filter(|_| !expected.values.is_empty()) {
                    return Answers::Wrong { words: format!("{server} answers {odd} for {}", expected.name) };
                }
                by += 1;
            }
            Err(words) => {
                silent += 1;
                why = format!("{server}: {words}");
            }
        }
    }
    if by == 0 { Answers::Silent { why } } else { Answers::Right { by, silent } }
}

/// One way to write a value: zones hold what people typed, name servers answer in their own way.
fn alike(kind: &Kind, value: &str) -> String {
    match kind {
        Kind::A | Kind::Aaaa => {
            value.parse::<IpAddr>().map_or_else(|_| value.to_owned(), |address| address.to_string())
        }
        _ => value.trim_end_matches('.').to_lowercase(),
    }
}

async fn asked(server: Result<SocketAddr, String>, expected: &Expected) -> Result<Said, String> {
    ask(server?, &expected.name, &expected.kind).await
}

/// Where a name server is.
pub async fn address(server: &str) -> Result<SocketAddr, String> {
    let found = timeout(PATIENCE, lookup_host((server.trim_end_matches('.'), PORT))).await;
    let found = found.map_err(|_| "its address is not found in time".to_owned())?;
    let found = found.map_err(|error| error.to_string())?;
    let mut all: Vec<SocketAddr> = found.collect();
    // Not every pod has IPv6.
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| "it has no address".to_owned())
}

/// One question to one server.
pub async fn ask(server: SocketAddr, name: &Name, kind: &Kind) -> Result<Said, String> {
    let asked = DnsName::from_ascii(format!("{name}.")).map_err(|error| error.to_string())?;
    let of_kind = RecordType::from_str(kind.as_str()).map_err(|error| error.to_string())?;
    let mut question = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    // Of a resolver; a name server does not mind.
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(asked, of_kind));
    let bytes = question.to_vec().map_err(|error| error.to_string())?;
    let mut told = Err("no answer in time".to_owned());
    for _ in 0..TIMES {
        told = match timeout(PATIENCE, by_datagram(server, &bytes, question.metadata.id)).await {
            Ok(told) => told,
            Err(_) => continue,
        };
        if told.is_ok() {
            break;
        }
    }
    let mut told = told?;
    if told.metadata.truncation {
        let whole = timeout(PATIENCE, by_stream(server, &bytes)).await;
        told = whole.map_err(|_| "no answer in time".to_owned())??;
    }
    match told.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {
            let of = |records: &[hickory_proto::rr::Record]| {
                let records = records.iter().filter(|record| record.record_type() == of_kind);
                records.map(|record| record.data.to_string().to_lowercase()).collect()
            };
            Ok(Said { values: of(&told.answers), delegated: of(&told.authorities) })
        }
        code => Err(format!("it answers {code}")),
    }
}

async fn by_datagram(server: SocketAddr, question: &[u8], id: u16) -> Result<Message, String> {
    let words = |error: std::io::Error| error.to_string();
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(words)?;
    socket.connect(server).await.map_err(words)?;
    socket.send(question).await.map_err(words)?;
    let mut buffer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(words)?;
        match Message::from_vec(&buffer[..length]) {
            Ok(told) if told.metadata.id == id => return Ok(told),
            // Somebody else's, or none.
            _ => {}
        }
    }
}

async fn by_stream(server: SocketAddr, question: &[u8]) -> Result<Message, String> {
    let words = |error: std::io::Error| error.to_string();
    let length = u16::try_from(question.len()).map_err(|error| error.to_string())?;
    let mut stream = TcpStream::connect(server).await.map_err(words)?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await.map_err(words)?;
    let mut told = vec![0; usize::from(stream.read_u16().await.map_err(words)?)];
    stream.read_exact(&mut told).await.map_err(words)?;
    Message::from_vec(&told).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::{by_hand, fake, name, set, weighted};

    fn wanted(values: &[&str]) -> Expected {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Expected { name: name("www.example.com"), kind: Kind::A, values }
    }

    #[tokio::test]
    async fn each_server_has_to_give_one_of_the_answers_that_are_right() {
        let fake = fake();
        by_hand(&fake, &[("CREATE", weighted(set("www.example.com", "A", "10.0.0.1"), "blue", 1))]);
        let server = route53_fake::dns::begin(fake.clone()).await.unwrap();
        let ask = async |at: Vec<Result<SocketAddr, String>>, expected: &Expected| {
            let named = at.into_iter().map(|at| ("ns-1.example.net".to_owned(), at)).collect();
            check_at(named, expected).await
        };
        // Not in sync yet.
        let early = ask(vec![Ok(server)], &wanted(&["10.0.0.1"])).await;
        let words = "ns-1.example.net knows no A of www.example.com".to_owned();
        assert_eq!(early, Answers::Wrong { words });
        fake.lock().unwrap().now = 60;
        let both = wanted(&["10.0.0.1", "10.0.0.2"]);
        assert_eq!(ask(vec![Ok(server), Ok(server)], &both).await, Answers::Right { by: 2, silent: 0 });
        assert_eq!(ask(vec![Ok(server)], &wanted(&[])).await, Answers::Right { by: 1, silent: 0 });
        let other = ask(vec![Ok(server)], &wanted(&["10.0.0.9"])).await;
        let words = "ns-1.example.net answers 10.0.0.1 for www.example.com".to_owned();
        assert_eq!(other, Answers::Wrong { words });
        let deaf = Err("no address".to_owned());
        assert_eq!(ask(vec![deaf.clone(), Ok(server)], &both).await, Answers::Right { by: 1, silent: 1 });
        let why = "ns-1.example.net: no address".to_owned();
        assert_eq!(ask(vec![deaf], &both).await, Answers::Silent { why });
    }

    #[test]
    fn values_are_the_same_however_they_are_written() {
        assert_eq!(alike(&Kind::Cname, "LB.example.net"), alike(&Kind::Cname, "lb.example.net."));
        assert_eq!(alike(&Kind::Aaaa, "2001:db8:0:0:0:0:0:1"), alike(&Kind::Aaaa, "2001:DB8::1"));
        assert_ne!(alike(&Kind::A, "192.0.2.1"), alike(&Kind::A, "192.0.2.2"));
    }

    #[test]
    fn of_a_wildcard_a_name_below_it_is_asked_and_of_weights_each_value_is_right() {
        let sets: Vec<RecordSet> = [
            set("*.apps.example.com", "A", "10.0.0.1"),
            set("a-_wildcard.apps.example.com", "TXT", "\"x\""),
            weighted(set("www.example.com", "A", "10.0.0.1"), "blue", 1),
            weighted(set("www.example.com", "A", "10.0.0.2"), "green", 1),
        ]
        .iter()
        .map(crate::tests::direct::read)
        .collect();
        let of = |host: &str| expected(&name(host), sets.iter()).unwrap();
        assert_eq!(of("*.apps.example.com").name, name("outboard-dns-check.apps.example.com"));
        assert_eq!(of("www.example.com").values.len(), 2);
        assert_eq!(expected(&name("other.example.com"), sets.iter()), None);
    }
}
