//! Whole looks at a zone, as the operator takes them: how often Route 53 is asked in a big one, and how a storm ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;
use route53_fake::{Asked, Shared, Trouble};
use serde_json::{Value, json};

use super::direct::Direct;
use super::world::*;
use crate::kept::Kept;
use crate::plan::*;
use crate::scheduler::{Request, Scheduler};
use crate::site::{Happened, Look, Site};

/// ConfigMaps, by name.
type Cluster = Arc<Mutex<BTreeMap<String, Value>>>;

/// An API server that keeps them, and is asked for nothing else.
fn kept(cluster: &Cluster) -> Kept {
    let cluster = cluster.clone();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let cluster = cluster.clone();
        async move {
            let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let is_list = name == "configmaps";
            let pending = request.uri().query().unwrap_or_default().contains("pending%3Dtrue");
            let is_write = request.method() == http::Method::PATCH;
            let body = request.into_body().collect_bytes().await.map_err(std::io::Error::other)?;
            let mut cluster = cluster.lock().unwrap();
            if is_write {
                cluster.insert(name.clone(), serde_json::from_slice(&body).unwrap());
            }
            let is_pending = |object: &&Value| object["metadata"]["labels"]["outboard.dev/pending"] == "true";
            let (code, told) = match (cluster.get(&name), is_list) {
                (_, true) => {
                    let items: Vec<&Value> =
                        cluster.values().filter(|object| !pending || is_pending(object)).collect();
                    (
                        200,
                        json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": items}),
                    )
                }
                (Some(object), false) => (200, object.clone()),
                (None, false) => {
                    let status = json!({
                        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 404,
                        "message": "not found", "reason": "NotFound", "details": {},
                    });
                    (404, status)
                }
            };
            let body = Body::from(told.to_string().into_bytes());
            Ok::<_, std::io::Error>(http::Response::builder().status(code).body(body).unwrap())
        }
    });
    Kept::new(&Client::new(service, "outboard-system"), "outboard-system", "main")
}

struct Operator {
    fake: Shared,
    route53: Direct,
    scheduler: Scheduler,
    kept: Kept,
    cluster: Cluster,
    site: Site,
    owner: Owner,
    now: Timestamp,
}

impl Operator {
    /// In a private zone: nobody's name servers are asked.
    async fn begin(records: usize) -> Self {
        let fake = fake();
        fake.lock().unwrap().zones.get_mut(ZONE).unwrap().private = true;
        let theirs: Vec<_> = (0..records)
            .map(|host| ("CREATE", set(&format!("h{host}.example.com"), "A", "10.9.9.9")))
            .collect();
        for batch in theirs.chunks(1000) {
            assert!(by_hand(&fake, batch));
        }
        fake.lock().unwrap().events.clear();
        let (scheduler, cluster) = (Scheduler::default(), Cluster::default());
        let (route53, kept) = (direct(&fake, "main/c1"), kept(&cluster));
        let site = Site::open(ZONE, &route53, &scheduler, &kept).await.unwrap().unwrap();
        let owner = Owner::new("main", "c1").unwrap();
        Self { fake, route53, scheduler, kept, cluster, site, owner, now: Timestamp::UNIX_EPOCH }
    }

    async fn look(&mut self, wanted: &Wanted, going: &[&str]) -> Happened {
        self.now += SignedDuration::from_secs(3);
        self.fake.lock().unwrap().now += 3;
        let look = Look {
            route53: &self.route53,
            scheduler: &self.scheduler,
            kept: &self.kept,
            owner: &self.owner,
            policy: Policy::Sync,
            limits: Limits::default(),
            wanted: wanted.clone(),
            going: going.iter().map(|host| name(host)).collect(),
            now: self.now,
        };
        self.site.look(&look).await.unwrap()
    }

    /// Until nothing is on its way.
    async fn settle(&mut self, wanted: &Wanted, going: &[&str]) {
        for _ in 0..1000 {
            self.look(wanted, going).await;
            let failed = |host: &Host| self.site.followed(&host.name).failed.is_some();
            if !self.site.is_busy() && !self.site.plan().hosts.iter().any(failed) {
                return;
            }
        }
        panic!("it does not settle: {:#?}", self.site.plan());
    }

    fn asked(&self) -> [u64; 3] {
        [Request::List, Request::Change, Request::GetChange].map(|request| self.scheduler.asked(request))
    }
}

fn environments(count: usize, named: &[&str]) -> Wanted {
    let mut hosts = vec![host("*.apps.example.com", Share::All, 1)];
    hosts.extend(named.iter().map(|at| host(at, Share::Weight(100), 1)));
    let served = |number: usize| ServedHost {
        name: name(&format!("web-qa-{number}-shop.apps.example.com")),
        domain: name("apps.example.com"),
    };
    Wanted { hosts, served: (0..count).map(served).collect() }
}

#[tokio::test(start_paused = true)]
async fn five_hundred_environments_in_a_zone_of_ten_thousand_records_ask_for_next_to_nothing() {
    let mut operator = Operator::begin(10_000).await;
    let wanted = environments(500, &["www.example.com", "api.example.com"]);
    operator.settle(&wanted, &[]).await;
    let [lists, changes, followed] = operator.asked();
    // The whole zone once, in 34 pages; then what bears on three hosts.
    assert_eq!(changes, 1);
    assert!(lists <= 34 + 12, "{lists} pages");
    assert!(followed <= 25, "{followed} questions");
    assert!(operator.site.plan().hosts.iter().all(|host| host.outcome == Outcome::Nothing));
    println!(
        "500 environments, 10,000 records: begun with {lists} pages, {changes} batch, {followed} GetChange"
    );

    // Another environment is no request, and a look with nothing to do writes nothing.
    let more = environments(501, &["www.example.com", "api.example.com"]);
    let (before, written) = (operator.asked(), operator.cluster.lock().unwrap().clone());
    for _ in 0..20 {
        operator.look(&more, &[]).await;
    }
    let [lists, changes, followed] = operator.asked();
    println!("one environment more, 20 looks: {} pages, 0 batches", lists - before[0]);
    assert!(lists - before[0] <= 12, "{lists} pages after {before:?}");
    assert_eq!((changes, followed), (before[1], before[2]));
    assert_eq!(*operator.cluster.lock().unwrap(), written);

    // The next look that is due reads only what bears on its own hosts.
    operator.now += SignedDuration::from_mins(6);
    let before = operator.asked();
    operator.look(&more, &[]).await;
    let [lists, changes, _] = operator.asked();
    println!("a look that is due, every 5 min: {} pages", lists - before[0]);
    assert!((1..=12).contains(&(lists - before[0])), "{} pages", lists - before[0]);
    assert_eq!(changes, before[1]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_throttling_ends_in_the_right_state() {
    let mut operator = Operator::begin(0).await;
    {
        let mut fake = operator.fake.lock().unwrap();
        for _ in 0..8 {
            fake.trouble.push_back((Asked::Change, Trouble::Throttling));
            fake.trouble.push_back((Asked::Change, Trouble::PriorRequestNotComplete));
            fake.trouble.push_back((Asked::List, Trouble::Throttling));
            fake.trouble.push_back((Asked::GetChange, Trouble::Throttling));
        }
        fake.trouble.push_back((Asked::Change, Trouble::LosesAnswer));
    }
    let named: Vec<String> = (0..200).map(|host| format!("n{host}.example.com")).collect();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let wanted = environments(3, &named);
    operator.settle(&wanted, &[]).await;
    let all = held(&operator.fake);
    assert_eq!(all.len(), 2 * 201);
    assert!(operator.site.plan().hosts.iter().all(|host| host.outcome == Outcome::Nothing));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_again_and_again_is_asked_for_later_and_later() {
    let mut operator = Operator::begin(0).await;
    let mut wanted = environments(1, &["www.example.com"]);
    wanted.hosts[1].health_check = Some("gone".to_owned());
    // An hour of looks.
    for _ in 0..1200 {
        operator.look(&wanted, &[]).await;
    }
    let [_, changes, _] = operator.asked();
    assert!((12..=30).contains(&changes), "{changes} batches");
    let www = name("www.example.com");
    let told = crate::plan::told(www.as_str(), operator.site.planned(&www), &operator.site.followed(&www));
    assert!(told.message.contains("No health check exists"), "{told:?}");
    assert!(told.verdict.unwrap().terminal);
    // Whoever mends it need not wait: what is wanted is another thing now.
    wanted.hosts[1].health_check = None;
    operator.settle(&wanted, &[]).await;
    assert_eq!(operator.site.planned(&www).unwrap().outcome, Outcome::Nothing);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_given_back_goes_and_is_gone_once_it_is_in_sync() {
    let mut operator = Operator::begin(0).await;
    let both = environments(1, &["www.example.com", "api.example.com"]);
    operator.settle(&both, &[]).await;
    // Nobody asks for either any more; one was given back.
    let none = environments(1, &[]);
    operator.look(&none, &["www.example.com"]).await;
    assert!(!operator.site.is_let_go(&name("www.example.com")));
    operator.settle(&none, &["www.example.com"]).await;
    assert!(operator.site.is_let_go(&name("www.example.com")));
    let left: Vec<String> = held(&operator.fake).into_iter().map(|set| set.name).collect();
    assert!(left.contains(&"api.example.com.".to_owned()), "{left:?}");
    assert!(!left.contains(&"www.example.com.".to_owned()), "{left:?}");
    let api = operator.site.planned(&name("api.example.com")).unwrap();
    assert_eq!(api.outcome, Outcome::Withheld(Withheld::Orphan));
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_starts_anew_follows_what_was_sent_before_and_knows_its_own_records() {
    let mut operator = Operator::begin(0).await;
    let wanted = environments(1, &["www.example.com"]);
    operator.look(&wanted, &[]).await;
    let www = name("www.example.com");
    assert!(operator.site.followed(&www).pending.is_some());
    operator.site =
        Site::open(ZONE, &operator.route53, &operator.scheduler, &operator.kept).await.unwrap().unwrap();
    assert!(operator.site.followed(&www).pending.is_some(), "it forgot its batch");
    operator.settle(&wanted, &[]).await;
    assert!(operator.site.followed(&www).pending.is_none());

    // Somebody deletes the TXT while nobody looks.
    let txt = held(&operator.fake).into_iter().find(|set| set.name == "a-www.example.com.").unwrap();
    assert!(by_hand(&operator.fake, &[("DELETE", txt)]));
    operator.site =
        Site::open(ZONE, &operator.route53, &operator.scheduler, &operator.kept).await.unwrap().unwrap();
    operator.settle(&wanted, &[]).await;
    assert!(held(&operator.fake).iter().any(|set| set.name == "a-www.example.com."));
}
