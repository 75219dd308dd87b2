//! Carrying out, waiting and finding zones: what becomes of refusals, silence and a journal that can't be written.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::world::*;
use crate::plan::*;
use crate::{
    Done, Entry, Failure, Journal, NoZone, NotSent, Request, Scheduler, State, Waited, Which, Who, carry_out,
    find, in_sync, read, read_all,
};
use route53_fake::{Asked, Shared, Trouble};

#[derive(Clone, Default)]
struct Book {
    entries: Arc<Mutex<Vec<Entry>>>,
    full: bool,
}

impl Journal for Book {
    async fn keep(&mut self, entry: &Entry) -> Result<(), String> {
        if self.full {
            return Err("no space left".to_owned());
        }
        self.entries.lock().unwrap().push(entry.clone());
        Ok(())
    }
}

impl Book {
    fn states(&self) -> Vec<State> {
        self.entries.lock().unwrap().iter().map(|entry| entry.state.clone()).collect()
    }
}

fn owner() -> Owner {
    Owner::new("main", "c1").unwrap()
}

fn wanted(hosts: &[&str]) -> Wanted {
    Wanted { hosts: hosts.iter().map(|at| host(at, Share::All, 1)).collect(), served: vec![] }
}

async fn planned(fake: &Shared, scheduler: &Scheduler, wanted: &Wanted) -> Plan {
    let route53 = direct(fake, "main/c1");
    let present = read_all(&route53, scheduler, ZONE).await.unwrap();
    plan(&Question {
        zone: &name("example.com"),
        owner: &owner(),
        formats: &[],
        wanted,
        present: &present,
        memory: &Memory::default(),
        policy: Policy::Sync,
        limits: Limits::default(),
        gone: Gone::All,
    })
}

async fn carried(fake: &Shared, scheduler: &Scheduler, plan: &Plan, book: &mut Book) -> Vec<Done> {
    let route53 = direct(fake, "main/c1");
    let owner = owner();
    let who = Who { owner: owner.id(), by: "operator" };
    carry_out(&route53, scheduler, &zone(), who, &plan.hosts, book).await
}

fn accepted(done: &[Done]) -> Vec<String> {
    let host = |done: &Done| match done {
        Done::Accepted { unit, .. } => Some(unit.host.to_string()),
        _ => None,
    };
    done.iter().filter_map(host).collect()
}

const HOSTS: [&str; 5] =
    ["a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com"];

#[tokio::test(start_paused = true)]
async fn one_batch_serves_all_hosts_and_is_written_down_before_and_after() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let plan = planned(&fake, &scheduler, &wanted(&HOSTS)).await;
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    assert_eq!(accepted(&done), HOSTS);
    assert_eq!(scheduler.asked(Request::Change), 1);
    let change = "C000000000001".to_owned();
    assert_eq!(book.states(), [State::Intended, State::Accepted { change }]);
    let entries = book.entries.lock().unwrap();
    assert_eq!(entries[0].id, entries[1].id);
    assert_eq!(entries[1].hosts.len(), 5);
    let told = serde_json::to_value(&entries[1]).unwrap();
    assert_eq!(told["hosts"][0]["changes"][1]["set"]["name"], "a.example.com");
    assert_eq!(told["by"], "operator");
}

#[tokio::test(start_paused = true)]
async fn a_host_whose_health_check_is_not_there_is_left_out_and_the_others_go_on() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    fake.lock().unwrap().health_checks.insert("there".to_owned());
    let mut wanted = wanted(&HOSTS);
    wanted.hosts[0].health_check = Some("there".to_owned());
    wanted.hosts[3].health_check = Some("gone".to_owned());
    let plan = planned(&fake, &scheduler, &wanted).await;
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    let mut others = accepted(&done);
    others.sort();
    assert_eq!(others, ["a.example.com", "b.example.com", "c.example.com", "e.example.com"]);
    let refused = done.iter().find_map(|done| match done {
        Done::Refused { host, words } => Some((host.to_string(), words.clone())),
        _ => None,
    });
    let (host, words) = refused.unwrap();
    assert_eq!(host, "d.example.com");
    assert!(words.contains("No health check exists"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_changed_since_it_was_read_is_left_out_and_the_others_go_on() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let plan = planned(&fake, &scheduler, &wanted(&HOSTS)).await;
    assert!(by_hand(&fake, &[("CREATE", set("c.example.com", "A", "10.9.9.9"))]));
    assert!(by_hand(&fake, &[("CREATE", set("e.example.com", "A", "10.9.9.9"))]));
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    assert_eq!(accepted(&done), ["a.example.com", "b.example.com", "d.example.com"]);
    assert_eq!(done.iter().filter(|done| matches!(done, Done::Refused { .. })).count(), 2);
    // Route 53 names both at once.
    assert_eq!(scheduler.asked(Request::Change), 2);
    assert!(held(&fake).iter().all(|set| set.name != "c.example.com." || set.values == ["10.9.9.9"]));
    assert!(!held(&fake).iter().any(|set| set.name == "a-c.example.com."));
}

#[tokio::test(start_paused = true)]
async fn while_route_53_is_busy_it_is_asked_again_until_it_is_done() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let plan = planned(&fake, &scheduler, &wanted(&HOSTS)).await;
    for _ in 0..4 {
        let mut fake = fake.lock().unwrap();
        fake.trouble.push_back((Asked::Change, Trouble::Throttling));
        fake.trouble.push_back((Asked::Change, Trouble::PriorRequestNotComplete));
    }
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    assert_eq!(accepted(&done).len(), 5);
    assert_eq!(scheduler.asked(Request::Change), 9);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_found_by_reading_and_not_by_writing_again() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let wanted = wanted(&HOSTS[..1]);
    let plan = planned(&fake, &scheduler, &wanted).await;
    fake.lock().unwrap().trouble.push_back((Asked::Change, Trouble::LosesAnswer));
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    assert!(matches!(done[..], [Done::Unknown { failure: Failure::Unreachable(_), .. }]));
    assert!(matches!(book.states()[1], State::Unknown { .. }));
    assert_eq!(scheduler.asked(Request::Change), 1);
    assert!(planned(&fake, &scheduler, &wanted).await.is_idle());
}

#[tokio::test(start_paused = true)]
async fn who_may_not_is_told_for_every_host_and_asks_once() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let plan = planned(&fake, &scheduler, &wanted(&HOSTS)).await;
    fake.lock().unwrap().trouble.push_back((Asked::Change, Trouble::AccessDenied));
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    let denied = |done: &Done| matches!(done, Done::NotSent { why: NotSent::Failed(Failure::Denied(_)), .. });
    assert!(done.len() == 5 && done.iter().all(denied), "{done:?}");
    assert_eq!(scheduler.asked(Request::Change), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_is_not_sent() {
    let (fake, scheduler) = (fake(), Scheduler::default());
    let mut book = Book { full: true, ..Book::default() };
    let plan = planned(&fake, &scheduler, &wanted(&HOSTS)).await;
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    assert!(done.iter().all(|done| matches!(done, Done::NotSent { why: NotSent::NoJournal(_), .. })));
    assert_eq!((scheduler.asked(Request::Change), held(&fake)), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_pass_with_nothing_to_do_writes_nothing() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let wanted = wanted(&HOSTS);
    let plan = planned(&fake, &scheduler, &wanted).await;
    carried(&fake, &scheduler, &plan, &mut book).await;
    let again = planned(&fake, &scheduler, &wanted).await;
    assert!(carried(&fake, &scheduler, &again, &mut book).await.is_empty());
    assert_eq!(scheduler.asked(Request::Change), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_waited_for_until_it_is_in_sync_or_patience_ends() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let plan = planned(&fake, &scheduler, &wanted(&HOSTS[..1])).await;
    let done = carried(&fake, &scheduler, &plan, &mut book).await;
    let [Done::Accepted { change, .. }] = &done[..] else { panic!("{done:?}") };
    let route53 = direct(&fake, "main/c1");
    let patience = Duration::from_secs(20);
    let waited = in_sync(&route53, &scheduler, change, patience).await;
    assert_eq!(waited, Ok(Waited::Pending { after: patience }));

    let moves = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        fake.lock().unwrap().now = 60;
    };
    let long = Duration::from_secs(600);
    let (waited, ()) = futures::join!(in_sync(&route53, &scheduler, change, long), moves);
    assert!(matches!(waited, Ok(Waited::InSync { after }) if after.as_secs() <= 45), "{waited:?}");
    let unknown = in_sync(&route53, &scheduler, "C9", long).await;
    assert_eq!(unknown, Err(Failure::NoSuchChange("C9".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_pinned_by_its_id_or_has_a_name_that_no_other_has() {
    let (fake, scheduler) = (fake(), Scheduler::default());
    let route53 = direct(&fake, "main/c1");
    let named = |private| Which::Named { name: Box::leak(Box::new(name("example.com"))), private };
    let find = async |which: Which<'_>| find(&route53, &scheduler, &which).await;
    assert_eq!(find(Which::Id(ZONE)).await, Ok(zone()));
    assert_eq!(find(named(false)).await, Ok(zone()));
    assert_eq!(
        find(Which::Id("Z9")).await.unwrap_err().to_string(),
        "there is no hosted zone Z9: look at its id, and whether it is of this account"
    );
    assert_eq!(
        find(named(true)).await.unwrap_err().to_string(),
        "there is no private zone example.com in this account, only a public one"
    );
    fake.lock().unwrap().add_zone("Z2", "example.com.", true);
    assert_eq!(find(named(true)).await.unwrap().id, "Z2");
    fake.lock().unwrap().add_zone("Z3", "example.com.", false);
    let ambiguous = find(named(false)).await;
    assert!(matches!(&ambiguous, Err(NoZone::Ambiguous { ids, .. }) if ids.len() == 2), "{ambiguous:?}");
}

#[tokio::test(start_paused = true)]
async fn only_what_is_asked_for_is_read_of_a_big_zone() {
    let (fake, scheduler) = (fake(), Scheduler::default());
    for host in 0..900 {
        let at = format!("h{host}.example.com");
        by_hand(&fake, &[("CREATE", set(&at, "A", "10.9.9.9"))]);
    }
    let route53 = direct(&fake, "main/c1");
    let wanted = wanted(&["www.example.com"]);
    let spans = spans(&wanted, &Memory::default(), &[], &name("example.com"));
    let present = read(&route53, &scheduler, ZONE, &spans).await.unwrap();
    assert_eq!(present.all().count(), 0);
    assert_eq!(scheduler.asked(Request::List), 4);
    let all = read_all(&route53, &scheduler, ZONE).await.unwrap();
    assert_eq!(all.all().count(), 902);
}

/// Read by `cluster`, that wants the host with this weight.
async fn shared(fake: &Shared, cluster: &str, weight: u8) -> Plan {
    let owner = Owner::new("main", cluster).unwrap();
    let wanted = Wanted { hosts: vec![host("www.example.com", Share::Weight(weight), 1)], served: vec![] };
    let present = read_all(&direct(fake, cluster), &Scheduler::default(), ZONE).await.unwrap();
    plan(&Question {
        zone: &name("example.com"),
        owner: &owner,
        formats: &[],
        wanted: &wanted,
        present: &present,
        memory: &Memory::default(),
        policy: Policy::Sync,
        limits: Limits::default(),
        gone: Gone::All,
    })
}

#[tokio::test(start_paused = true)]
async fn two_that_go_to_0_in_the_same_moment_do_not_both() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    for cluster in ["c1", "c2"] {
        let plan = shared(&fake, cluster, 10).await;
        assert_eq!(accepted(&carried(&fake, &scheduler, &plan, &mut book).await).len(), 1);
    }
    let (one, other) = (shared(&fake, "c1", 0).await, shared(&fake, "c2", 0).await);
    assert_eq!(accepted(&carried(&fake, &scheduler, &one, &mut book).await).len(), 1);
    let late = carried(&fake, &scheduler, &other, &mut book).await;
    assert!(matches!(late[..], [Done::Refused { .. }]), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_whose_txt_somebody_takes_over_after_it_was_read_is_not_changed() {
    let (fake, scheduler, mut book) = (fake(), Scheduler::default(), Book::default());
    let plan = planned(&fake, &scheduler, &wanted(&HOSTS[..1])).await;
    carried(&fake, &scheduler, &plan, &mut book).await;
    let changed = Wanted { hosts: vec![host(HOSTS[0], Share::All, 2)], served: vec![] };
    let plan = planned(&fake, &scheduler, &changed).await;
    let ours = held(&fake).into_iter().find(|set| set.kind == "TXT").unwrap();
    let theirs = set("a-a.example.com", "TXT", "\"heritage=external-dns,external-dns/owner=default\"");
    assert!(by_hand(&fake, &[("DELETE", ours), ("CREATE", theirs)]));
    let late = carried(&fake, &scheduler, &plan, &mut book).await;
    assert!(matches!(late[..], [Done::Refused { .. }]), "{late:?}");
}
