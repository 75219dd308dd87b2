//! What Route 53 promises, asked by AWS' own client over HTTP. The fake here keeps every clause; moto keeps those that it
//! is not known to break, so that what is tested with it is known to be worth something.
//!
//! `make test` asks the fake, `make stories SLICE=hostnames` moto.

use std::collections::BTreeSet;

use aws::Access;
use aws_sdk_route53::Client;
use aws_sdk_route53::config::Builder;

use super::world::{fake, host, name};
use crate::plan::*;
use crate::{Aws, Failure, Route53, Scheduler, Start, Which, find, read, read_all};
use route53_fake::{Shared, begin};

/// Clauses that moto 5.2.1 breaks: it creates what is there already unless it was sent exactly the same, and then even after
/// it was deleted; refuses deletions with another error; deletes by identifier alone; knows no rules of routing, no syntax
/// of values, no limit of characters and no time.
const MOTO_BREAKS: &[&str] = &[
    "what is there is not created again, and is named",
    "only what is given exactly is deleted, and is named",
    "what is not there is not deleted, and is named",
    "deleted and created as it is stays",
    "a CNAME stands alone",
    "simple and weighted do not mix",
    "one group has one time to live",
    "an identifier is of its own name",
    "a batch holds 32,000 characters",
    "an address is an address",
    "a change that is not known is told",
    "a change takes its time",
];

struct Room<'a> {
    route53: &'a Aws,
    zone: String,
    domain: Name,
    shared: Option<&'a Shared>,
}

impl Room<'_> {
    fn at(&self, label: &str) -> Name {
        self.domain.below(label)
    }

    fn set(&self, label: &str, kind: Kind, value: &str) -> RecordSet {
        let content = Content::Records { ttl: 60, values: [value.to_owned()].into() };
        RecordSet { name: self.at(label), kind, routing: Routing::Simple, content, health_check: None }
    }

    fn a(&self, label: &str, last: u16) -> RecordSet {
        self.set(label, Kind::A, &format!("10.0.{}.{}", last / 256, last % 256))
    }

    fn weighted(&self, label: &str, identifier: &str, weight: u8) -> RecordSet {
        let routing = Routing::Weighted { identifier: identifier.to_owned(), weight };
        RecordSet { routing, ..self.a(label, 1) }
    }

    async fn change(&self, changes: &[(Action, RecordSet)]) -> Result<String, Failure> {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(action, set)| Change { action: *action, set: set.clone(), role: Role::Written })
            .collect();
        self.route53.change(&self.zone, "contract", &changes).await
    }

    async fn create(&self, sets: &[RecordSet]) -> Result<String, Failure> {
        self.change(&sets.iter().map(|set| (Action::Create, set.clone())).collect::<Vec<_>>()).await
    }

    /// Everything but what every zone has.
    async fn held(&self) -> Vec<RecordSet> {
        let all = read_all(self.route53, &Scheduler::default(), &self.zone).await.unwrap();
        all.all().filter(|set| set.name != self.domain).cloned().collect()
    }
}

use Action::{Create, Delete};

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Refused, by name if one is given, and nothing done.
async fn refused(
    room: &Room<'_>,
    told: Result<String, Failure>,
    about: Option<&str>,
    before: Vec<RecordSet>,
) -> Result<(), String> {
    let Err(Failure::InvalidBatch { names, .. }) = &told else { return Err(format!("{told:?}")) };
    if let Some(label) = about {
        ensure(names.contains(&room.at(label)), || format!("names {names:?}"))?;
    }
    let after = room.held().await;
    ensure(after == before, || format!("{before:?} became {after:?}"))
}

async fn round_trip(room: &Room<'_>, sets: &[RecordSet]) -> Result<(), String> {
    room.create(sets).await.map_err(|failure| failure.to_string())?;
    let (held, sent) = (room.held().await, sets.iter().cloned().collect::<BTreeSet<_>>());
    ensure(held.iter().cloned().collect::<BTreeSet<_>>() == sent, || format!("{held:?}"))
}

/// One clause.
async fn clause(which: &str, room: &Room<'_>) -> Result<(), String> {
    let words = |failure: Failure| failure.to_string();
    match which {
        "what is created is read back as it is" => round_trip(room, &[room.a("www", 1)]).await,
        "a wildcard keeps its name" => round_trip(room, &[room.a("*", 1)]).await,
        "an alias is read back as it is" => {
            let content = Content::Alias {
                zone: "Z32O12XQLNTSW2".to_owned(),
                target: name("web-1.eu-west-1.elb.amazonaws.com"),
                evaluate_health: true,
            };
            round_trip(room, &[RecordSet { content, ..room.a("www", 1) }]).await
        }
        "weights and their texts are read back as they are" => {
            let owner = Owner::new("main", "c1").unwrap();
            let wanted =
                Wanted { hosts: vec![host(room.at("www").as_str(), Share::Weight(10), 1)], served: vec![] };
            let plan = plan(&Question {
                zone: &room.domain,
                owner: &owner,
                formats: &[],
                wanted: &wanted,
                present: &Present::default(),
                memory: &Memory::default(),
                policy: Policy::Sync,
                limits: Limits::default(),
                gone: Gone::All,
            });
            let sets: Vec<RecordSet> =
                plan.hosts[0].changes.iter().map(|change| change.set.clone()).collect();
            round_trip(room, &sets).await
        }
        "what is there is not created again, and is named" => {
            room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let before = room.held().await;
            refused(room, room.create(&[room.a("www", 2)]).await, Some("www"), before).await
        }
        "only what is given exactly is deleted, and is named" => {
            room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let before = room.held().await;
            refused(room, room.change(&[(Delete, room.a("www", 2))]).await, Some("www"), before).await
        }
        "what is not there is not deleted, and is named" => {
            refused(room, room.change(&[(Delete, room.a("www", 1))]).await, Some("www"), vec![]).await
        }
        "a batch is done whole or not at all" => {
            room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let before = room.held().await;
            let told = room.change(&[(Create, room.a("new", 1)), (Delete, room.a("www", 2))]).await;
            refused(room, told, None, before).await
        }
        "deleted and created in one batch is a change" => {
            room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let told = room.change(&[(Delete, room.a("www", 1)), (Create, room.a("www", 2))]).await;
            told.map_err(words)?;
            let held = room.held().await;
            ensure(held == [room.a("www", 2)], || format!("{held:?}"))
        }
        "deleted and created as it is stays" => {
            room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let told = room.change(&[(Delete, room.a("www", 1)), (Create, room.a("www", 1))]).await;
            told.map_err(words)?;
            let held = room.held().await;
            ensure(held == [room.a("www", 1)], || format!("{held:?}"))
        }
        "a CNAME stands alone" => {
            room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let before = room.held().await;
            let told = room.create(&[room.set("www", Kind::Cname, "x.example.org.")]).await;
            refused(room, told, Some("www"), before).await
        }
        "simple and weighted do not mix" => {
            room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let before = room.held().await;
            refused(room, room.create(&[room.weighted("www", "blue", 1)]).await, Some("www"), before).await
        }
        "one group has one time to live" => {
            room.create(&[room.weighted("www", "blue", 1)]).await.map_err(words)?;
            let before = room.held().await;
            let mut other = room.weighted("www", "green", 1);
            other.content = Content::Records { ttl: 61, values: ["10.0.0.2".to_owned()].into() };
            refused(room, room.create(&[other]).await, Some("www"), before).await
        }
        "an identifier is of its own name" => {
            room.create(&[room.weighted("a", "blue", 1), room.weighted("b", "blue", 1)])
                .await
                .map_err(words)?;
            room.change(&[(Delete, room.weighted("a", "blue", 1))]).await.map_err(words)?;
            let held = room.held().await;
            ensure(held == [room.weighted("b", "blue", 1)], || format!("{held:?}"))
        }
        "a batch holds 1000 elements" => {
            let sets: Vec<_> = (0..1001).map(|host| room.a(&format!("h{host}"), 1)).collect();
            refused(room, room.create(&sets).await, None, vec![]).await
        }
        "a batch holds 32,000 characters" => {
            let value = format!("\"{}\"", "x".repeat(250));
            let sets: Vec<_> =
                (0..130).map(|host| room.set(&format!("h{host}"), Kind::Txt, &value)).collect();
            refused(room, room.create(&sets).await, None, vec![]).await
        }
        "an address is an address" => {
            refused(room, room.create(&[room.set("www", Kind::A, "10.0.0.256")]).await, None, vec![]).await
        }
        "a name lies in its zone" => {
            let mut set = room.a("www", 1);
            set.name = name("www.example.org");
            refused(room, room.create(&[set]).await, None, vec![]).await
        }
        "a zone that is not there is told" => {
            let told = room.route53.page("Z0NOTTHERE", None).await;
            let expected = Err(Failure::NoSuchZone("Z0NOTTHERE".to_owned()));
            ensure(told == expected, || format!("{told:?}"))
        }
        "a change that is not known is told" => {
            let told = room.route53.is_in_sync("C0NOTTHERE").await;
            let expected = Err(Failure::NoSuchChange("C0NOTTHERE".to_owned()));
            ensure(told == expected, || format!("{told:?}"))
        }
        "a change takes its time" => {
            let change = room.create(&[room.a("www", 1)]).await.map_err(words)?;
            let now = room.route53.is_in_sync(&change).await;
            ensure(now == Ok(false), || format!("at once {now:?}"))?;
            if let Some(fake) = room.shared {
                fake.lock().unwrap().now += 60;
                let later = room.route53.is_in_sync(&change).await;
                ensure(later == Ok(true), || format!("later {later:?}"))?;
            }
            Ok(())
        }
        "many records come in pages and in order" => {
            for begin in [0, 350] {
                let sets: Vec<_> =
                    (begin..begin + 350).map(|host| room.a(&format!("h{host}"), host)).collect();
                room.create(&sets).await.map_err(words)?;
            }
            let mut names = vec![];
            let mut start = None;
            loop {
                let page = room.route53.page(&room.zone, start.as_ref()).await.map_err(words)?;
                names.extend(page.sets.into_iter().map(|set| set.name).filter(|name| *name != room.domain));
                match page.next {
                    Some(next) => start = Some(next),
                    None => break,
                }
            }
            ensure(names.len() == 700 && names.is_sorted(), || format!("{} of 700", names.len()))
        }
        "a page may begin within a group" => {
            let all: Vec<_> = ["a", "b", "c", "d"]
                .iter()
                .flat_map(|host| (0..90).map(|set| room.weighted(host, &format!("set-{set:02}"), 1)))
                .collect();
            round_trip(room, &all).await
        }
        "reading begins at a name" => {
            let sets = [room.a("a", 1), room.a("b", 1), room.a("x.b", 1), room.a("b-c", 1), room.a("c", 1)];
            room.create(&sets).await.map_err(words)?;
            let below = [Span::Below(room.at("b"))];
            let present =
                read(room.route53, &Scheduler::default(), &room.zone, &below).await.map_err(words)?;
            let names: Vec<&Name> = present.all().map(|set| &set.name).collect();
            ensure(names == [&room.at("b"), &room.at("x.b")], || format!("{names:?}"))
        }
        "reading may begin at a kind" => {
            let sets = [room.a("a", 1), room.set("a", Kind::Txt, "\"x\""), room.a("b", 1)];
            room.create(&sets).await.map_err(words)?;
            let start = Start { name: room.at("a"), kind: Some("TXT".to_owned()), identifier: None };
            let page = room.route53.page(&room.zone, Some(&start)).await.map_err(words)?;
            let first = page.sets.first().map(|set| set.kind.clone());
            ensure(first == Some(Kind::Txt), || format!("{first:?}"))
        }
        "a zone is found by its name" => {
            let which = Which::Named { name: &room.domain, private: false };
            let found = find(room.route53, &Scheduler::default(), &which).await;
            ensure(found.as_ref().is_ok_and(|zone| zone.id == room.zone), || format!("{found:?}"))
        }
        other => Err(format!("there is no clause {other}")),
    }
}

const CLAUSES: &[&str] = &[
    "what is created is read back as it is",
    "a wildcard keeps its name",
    "an alias is read back as it is",
    "weights and their texts are read back as they are",
    "what is there is not created again, and is named",
    "only what is given exactly is deleted, and is named",
    "what is not there is not deleted, and is named",
    "a batch is done whole or not at all",
    "deleted and created in one batch is a change",
    "deleted and created as it is stays",
    "a CNAME stands alone",
    "simple and weighted do not mix",
    "one group has one time to live",
    "an identifier is of its own name",
    "a batch holds 1000 elements",
    "a batch holds 32,000 characters",
    "an address is an address",
    "a name lies in its zone",
    "a zone that is not there is told",
    "a change that is not known is told",
    "a change takes its time",
    "many records come in pages and in order",
    "a page may begin within a group",
    "reading begins at a name",
    "reading may begin at a kind",
    "a zone is found by its name",
];

#[tokio::test]
async fn the_fake_keeps_every_clause() {
    let fake = fake();
    let endpoint = format!("http://{}", begin(fake.clone()).await.unwrap());
    let route53 = Aws::reach(&Access::at(&endpoint)).await.unwrap();
    let mut broken = vec![];
    for (number, which) in CLAUSES.iter().enumerate() {
        let (zone, domain) = (format!("Z{number}"), format!("d{number}.example.org"));
        fake.lock().unwrap().add_zone(&zone, &format!("{domain}."), false);
        let room = Room { route53: &route53, zone, domain: name(&domain), shared: Some(&fake) };
        if let Err(why) = clause(which, &room).await {
            broken.push(format!("{which}: {why}"));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
#[ignore = "needs moto: `testbed tools moto` makes it"]
async fn moto_keeps_the_clauses_that_it_is_not_known_to_break() {
    let moto = Moto::begin().await;
    let access = Access::at(&moto.endpoint);
    let route53 = Aws::reach(&access).await.unwrap();
    let config = access.of_region(Some("us-east-1")).await.unwrap();
    let client = Client::from_conf(Builder::from(&config).build());
    let mut unexpected = vec![];
    for (number, which) in CLAUSES.iter().enumerate() {
        let domain = format!("d{number}.{:08x}.example.org", rand::random::<u32>());
        let made = client.create_hosted_zone().name(&domain).caller_reference(&domain).send().await.unwrap();
        let zone = made.hosted_zone.unwrap().id.rsplit('/').next().unwrap().to_owned();
        let room = Room { route53: &route53, zone, domain: name(&domain), shared: None };
        let told = clause(which, &room).await;
        if told.is_err() != MOTO_BREAKS.contains(which) {
            unexpected.push(format!("{which}: {told:?}"));
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// moto's server on this machine, until it is dropped.
struct Moto {
    child: std::process::Child,
    endpoint: String,
}

impl Moto {
    async fn begin() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut moto = std::process::Command::new(testbed::tool("moto").unwrap());
        moto.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        let child =
            moto.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let moto = Self { child, endpoint: format!("http://127.0.0.1:{port}") };
        let begun = tokio::time::Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(begun.elapsed().as_secs() < 60, "moto does not listen");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn what_route_53_answers_is_sorted_by_what_can_be_done() {
    use route53_fake::{Asked, Trouble};
    let fake = fake();
    let endpoint = format!("http://{}", begin(fake.clone()).await.unwrap());
    let route53 = Aws::reach(&Access::at(&endpoint)).await.unwrap();
    let room = Room {
        route53: &route53,
        zone: super::world::ZONE.to_owned(),
        domain: name("example.com"),
        shared: None,
    };
    for (trouble, expected) in [
        (Trouble::Throttling, "Route 53 is asked too often: Rate exceeded"),
        (
            Trouble::PriorRequestNotComplete,
            "Route 53 still works on an earlier change of the zone: The request was rejected because Route 53 was still \
             processing a prior request.",
        ),
        (
            Trouble::AccessDenied,
            "outboard's identity may not do this in Route 53: User: arn:aws:iam::123456789012:user/outboard is not \
             authorized to perform this action",
        ),
        (Trouble::LosesAnswer, "Route 53 does not answer: The request processing has failed."),
    ] {
        let asked = fake.lock().unwrap().asked.len();
        fake.lock().unwrap().trouble.push_back((Asked::Change, trouble));
        let told = room.create(&[room.a("www", 1)]).await;
        assert_eq!(told.unwrap_err().to_string(), expected);
        // Nothing is tried twice here.
        assert_eq!(fake.lock().unwrap().asked.len(), asked + 1);
    }
    let nobody = Aws::reach(&Access::at("http://127.0.0.1:1")).await.unwrap();
    assert!(matches!(nobody.is_in_sync("C1").await, Err(Failure::Unreachable(_))));
}
