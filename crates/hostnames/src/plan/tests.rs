//! The table of `plan`, row by row.

use std::collections::BTreeSet;

use super::*;

fn name(text: &str) -> Name {
    Name::from_route53(text)
}

fn owner() -> Owner {
    Owner::new("main", "eu-1").unwrap()
}

const QA: &str = "environment/team/qa";

fn set(at: &str, kind: Kind, routing: Routing, ttl: u32, value: &str) -> RecordSet {
    let content = Content::Records { ttl, values: [value.to_owned()].into() };
    RecordSet { name: name(at), kind, routing, content, health_check: None }
}

fn a(at: &str, address: &str) -> RecordSet {
    set(at, Kind::A, Routing::Simple, 60, address)
}

fn weighted(at: &str, identifier: &str, weight: u8, address: &str) -> RecordSet {
    let routing = Routing::Weighted { identifier: identifier.to_owned(), weight };
    set(at, Kind::A, routing, 60, address)
}

fn txt(at: &str, value: &str) -> RecordSet {
    set(at, Kind::Txt, Routing::Simple, 300, value)
}

/// A record and our TXT beside it.
fn ours(record: RecordSet) -> Vec<RecordSet> {
    of(&owner(), record)
}

fn of(owner: &Owner, record: RecordSet) -> Vec<RecordSet> {
    vec![ownership::txt(&record, owner.text(QA), 300, &name("example.com")), record]
}

fn addresses(addresses: &[&str]) -> Target {
    let v4 = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Target::Addresses { v4, v6: BTreeSet::new(), ttl: 60 }
}

fn wanted(at: &str, share: Share, target: Target) -> Wanted {
    let host = WantedHost { name: name(at), share, target, resource: QA.to_owned(), health_check: None };
    Wanted { hosts: vec![host], served: vec![] }
}

fn simple(at: &str) -> Wanted {
    wanted(at, Share::All, addresses(&["10.0.0.1"]))
}

fn by_weight(weight: u8) -> Wanted {
    wanted(WWW, Share::Weight(weight), addresses(&["10.0.0.1"]))
}

fn cname(at: &str) -> Wanted {
    wanted(at, Share::All, Target::Hostname { name: name("lb.example.org"), ttl: 60 })
}

const WWW: &str = "www.example.com";
const MINE: &str = "eu-1/www.example.com";
const THEIRS: &str =
    "\"heritage=external-dns,external-dns/owner=default,external-dns/resource=ingress/shop/web\"";

struct Zone {
    present: Vec<RecordSet>,
    memory: Memory,
    policy: Policy,
    limits: Limits,
}

fn zone(present: impl IntoIterator<Item = Vec<RecordSet>>) -> Zone {
    Zone {
        present: present.into_iter().flatten().collect(),
        memory: Memory::default(),
        policy: Policy::Sync,
        limits: Limits::default(),
    }
}

impl Zone {
    fn remembering(mut self, record: RecordSet) -> Self {
        self.memory = [record].into_iter().collect();
        self
    }

    fn plan(&self, wanted: &Wanted) -> Plan {
        let present = self.present.iter().cloned().collect();
        plan(&Question {
            zone: &name("example.com"),
            owner: &owner(),
            formats: &[],
            wanted,
            present: &present,
            memory: &self.memory,
            policy: self.policy,
            limits: self.limits,
            gone: Gone::All,
        })
    }

    fn outcome(&self, wanted: &Wanted) -> Outcome {
        let plan = self.plan(wanted);
        assert_eq!(plan.hosts.len(), 1, "{plan:#?}");
        plan.hosts[0].outcome.clone()
    }

    fn conflicts(&self, wanted: &Wanted) -> Vec<Conflict> {
        match self.outcome(wanted) {
            Outcome::Conflict(conflicts) => conflicts,
            other => panic!("{other:?}"),
        }
    }

    /// The one host's changes, each in a line.
    fn changes(&self, wanted: &Wanted) -> Vec<String> {
        let plan = self.plan(wanted);
        assert_eq!(plan.hosts.len(), 1, "{plan:#?}");
        let line = |change: &Change| {
            let role = match change.role {
                Role::Written => "",
                Role::Kept => " (kept)",
                Role::Guard => " (guard)",
            };
            let set = &change.set;
            let weight = set.weight().map(|weight| format!(" {weight}")).unwrap_or_default();
            format!("{:?} {} {}{weight}{role}", change.action, set.name, set.kind)
        };
        plan.hosts[0].changes.iter().map(line).collect()
    }
}

#[test]
fn what_is_wanted_and_not_there_is_created() {
    let zone = zone([]);
    assert_eq!(zone.outcome(&simple(WWW)), Outcome::Create);
    assert_eq!(zone.changes(&simple(WWW)), ["Create a-www.example.com TXT", "Create www.example.com A"]);
}

#[test]
fn our_txt_without_its_record_is_used_again() {
    let zone = zone([ours(a(WWW, "10.0.0.1"))[..1].to_vec()]);
    assert_eq!(zone.outcome(&simple(WWW)), Outcome::Create);
    assert_eq!(
        zone.changes(&simple(WWW)),
        [
            "Delete a-www.example.com TXT (kept)",
            "Create a-www.example.com TXT (kept)",
            "Create www.example.com A"
        ]
    );
}

#[test]
fn what_is_as_wanted_is_left_alone() {
    let zone = zone([ours(a(WWW, "10.0.0.1"))]);
    assert_eq!(zone.outcome(&simple(WWW)), Outcome::Nothing);
    assert!(zone.plan(&simple(WWW)).is_idle());
}

#[test]
fn what_differs_is_deleted_as_it_was_read_and_created() {
    let zone = zone([ours(a(WWW, "10.0.0.9"))]);
    assert_eq!(zone.outcome(&simple(WWW)), Outcome::Change);
    assert_eq!(
        zone.changes(&simple(WWW)),
        [
            "Delete a-www.example.com TXT (kept)",
            "Delete www.example.com A",
            "Create a-www.example.com TXT (kept)",
            "Create www.example.com A"
        ]
    );
    let first = &zone.plan(&simple(WWW)).hosts[0].changes[1].set;
    assert_eq!(first, &a(WWW, "10.0.0.9"));
}

#[test]
fn another_kind_and_another_routing_are_changes_in_the_same_batch() {
    let zone = zone([ours(a(WWW, "10.0.0.1"))]);
    assert_eq!(zone.outcome(&cname(WWW)), Outcome::Change);
    assert_eq!(
        zone.changes(&cname(WWW)),
        [
            "Delete a-www.example.com TXT",
            "Delete www.example.com A",
            "Create cname-www.example.com TXT",
            "Create www.example.com CNAME"
        ]
    );
    assert_eq!(zone.outcome(&by_weight(10)), Outcome::Change);
}

#[test]
fn another_resource_changes_the_txt_and_the_record_comes_back_as_it_is() {
    let zone = zone([ours(a(WWW, "10.0.0.1"))]);
    let mut wanted = simple(WWW);
    wanted.hosts[0].resource = "environment/team/prod".to_owned();
    assert_eq!(zone.outcome(&wanted), Outcome::Change);
    assert_eq!(
        zone.changes(&wanted),
        [
            "Delete a-www.example.com TXT",
            "Delete www.example.com A (kept)",
            "Create a-www.example.com TXT",
            "Create www.example.com A (kept)"
        ]
    );
}

#[test]
fn a_txt_that_somebody_deleted_is_made_again_if_the_record_is_as_it_was() {
    let record = a(WWW, "10.0.0.9");
    let alone = zone([vec![record.clone()]]).remembering(record.clone());
    assert_eq!(alone.outcome(&simple(WWW)), Outcome::Change);
    // Unwanted, it goes.
    let deleted = alone.changes(&Wanted::default());
    assert_eq!(deleted, ["Delete www.example.com A"]);

    let changed = zone([vec![a(WWW, "10.0.0.8")]]).remembering(record);
    assert!(matches!(changed.conflicts(&simple(WWW))[..], [Conflict::MadeByHand { .. }]));
    assert_eq!(changed.plan(&Wanted::default()).hosts, []);
}

#[test]
fn whatever_somebody_else_says_to_own_is_theirs_with_or_without_a_record() {
    let other = Owner::new("main", "eu-2").unwrap();
    let record = a(WWW, "10.0.0.1");
    for said in [
        txt("a-www.example.com", THEIRS),
        txt("cname-www.example.com", THEIRS),
        txt(WWW, THEIRS),
        txt("_owner.a.www.example.com", "\"*octodns*\""),
        of(&other, record.clone()).remove(0),
    ] {
        for with_record in [true, false] {
            let mut there = vec![said.clone()];
            there.extend(with_record.then(|| record.clone()));
            let conflicts = zone([there]).conflicts(&simple(WWW));
            assert!(
                conflicts.iter().any(|conflict| matches!(conflict, Conflict::ForeignOwner { .. })),
                "{conflicts:?}"
            );
            assert!(!conflicts.iter().any(|conflict| matches!(conflict, Conflict::MadeByHand { .. })));
        }
    }
    // Even beside our own TXT.
    let both = zone([ours(record), vec![txt("cname-www.example.com", THEIRS)]]);
    assert!(matches!(both.conflicts(&simple(WWW))[..], [Conflict::ForeignOwner { .. }]));
    assert_eq!(both.changes(&Wanted::default()), ["Delete a-www.example.com TXT"]);
}

#[test]
fn a_record_without_any_txt_was_made_by_hand_even_if_it_is_as_wanted() {
    let zone = zone([vec![a(WWW, "10.0.0.1")]]);
    assert!(matches!(zone.conflicts(&simple(WWW))[..], [Conflict::MadeByHand { .. }]));
}

#[test]
fn something_else_where_our_txt_belongs_is_a_conflict() {
    for other in [
        txt("a-www.example.com", "\"v=spf1 -all\""),
        set("a-www.example.com", Kind::Cname, Routing::Simple, 60, "x.example.org."),
    ] {
        let zone = zone([vec![other]]);
        assert!(matches!(zone.conflicts(&simple(WWW))[..], [Conflict::OwnershipTaken { .. }]));
    }
    let harmless = zone([vec![a("a-www.example.com", "10.9.9.9")]]);
    assert_eq!(harmless.outcome(&simple(WWW)), Outcome::Create);
}

#[test]
fn a_weight_beside_a_simple_record_is_a_conflict() {
    let zone = zone([vec![a(WWW, "10.0.0.9")]]);
    assert!(matches!(zone.conflicts(&by_weight(10))[..], [Conflict::SimpleBesideWeighted { .. }]));
}

#[test]
fn weights_of_others_stay_beside_ours() {
    let other = Owner::new("main", "us-1").unwrap();
    let theirs = of(&other, weighted(WWW, "us-1/www.example.com", 5, "10.1.0.1"));
    let zone = zone([theirs]);
    assert_eq!(zone.outcome(&by_weight(10)), Outcome::Create);
    assert_eq!(
        zone.changes(&by_weight(10)),
        ["Create a-www.example.com TXT 10", "Create www.example.com A 10"]
    );
}

#[test]
fn our_txt_has_the_time_to_live_of_those_beside_it() {
    let other = Owner::new("main", "us-1").unwrap();
    let record = weighted(WWW, "us-1/www.example.com", 5, "10.1.0.1");
    let said = ownership::txt(&record, other.text(QA), 77, &name("example.com"));
    let plan = zone([vec![record, said]]).plan(&by_weight(10));
    assert_eq!(plan.hosts[0].changes[0].set.ttl(), Some(77));
}

#[test]
fn another_time_to_live_within_one_name_is_a_conflict() {
    let mut theirs = weighted(WWW, "us-1/www.example.com", 5, "10.1.0.1");
    theirs.content = Content::Records { ttl: 30, values: ["10.1.0.1".to_owned()].into() };
    let zone = zone([vec![theirs]]);
    assert!(matches!(zone.conflicts(&by_weight(10))[..], [Conflict::TtlDiffers { ttl: 60, .. }]));
}

#[test]
fn other_routings_at_the_same_name_are_a_conflict() {
    let routing = Routing::Other { identifier: "europe".to_owned() };
    let zone = zone([vec![set(WWW, Kind::A, routing, 60, "10.0.0.9")]]);
    assert!(matches!(zone.conflicts(&by_weight(10))[..], [Conflict::OtherRouting { .. }]));
}

#[test]
fn a_weight_goes_to_0_while_another_is_above_and_stays_so() {
    let theirs = weighted(WWW, "us-1/www.example.com", 5, "10.1.0.1");
    let zone = zone([ours(weighted(WWW, MINE, 10, "10.0.0.1")), vec![theirs]]);
    assert_eq!(zone.outcome(&by_weight(0)), Outcome::Change);
    assert_eq!(
        zone.changes(&by_weight(0)),
        [
            "Delete a-www.example.com TXT 10",
            "Delete www.example.com A 10",
            "Delete www.example.com A 5 (guard)",
            "Create a-www.example.com TXT 0",
            "Create www.example.com A 0",
            "Create www.example.com A 5 (guard)",
        ]
    );
}

#[test]
fn a_guard_is_never_remembered_as_ours() {
    let theirs = weighted(WWW, "us-1/www.example.com", 5, "10.1.0.1");
    let plan = zone([ours(weighted(WWW, MINE, 10, "10.0.0.1")), vec![theirs]]).plan(&by_weight(0));
    let mut memory = plan.memory.clone();
    memory.accepted(&batches(&plan.hosts)[0][0]);
    assert_eq!(memory.records().collect::<Vec<_>>(), [&weighted(WWW, MINE, 0, "10.0.0.1")]);
}

#[test]
fn never_are_all_at_0() {
    let at_0 = weighted(WWW, "us-1/www.example.com", 0, "10.1.0.1");
    let mine = || ours(weighted(WWW, MINE, 10, "10.0.0.1"));
    let all_at_0 = [Conflict::AllAtZero { kind: Kind::A }];
    // Neither lowered, nor made, nor let go of.
    assert_eq!(zone([mine(), vec![at_0.clone()]]).conflicts(&by_weight(0)), all_at_0);
    assert_eq!(zone([mine()]).conflicts(&by_weight(0)), all_at_0);
    assert_eq!(zone([]).conflicts(&by_weight(0)), all_at_0);
    assert_eq!(zone([mine(), vec![at_0]]).conflicts(&Wanted::default()), all_at_0);
}

#[test]
fn a_release_leaves_what_others_have() {
    let theirs = weighted(WWW, "us-1/www.example.com", 5, "10.1.0.1");
    let zone = zone([ours(weighted(WWW, MINE, 10, "10.0.0.1")), vec![theirs]]);
    assert_eq!(zone.outcome(&Wanted::default()), Outcome::Delete);
    assert_eq!(
        zone.changes(&Wanted::default()),
        [
            "Delete a-www.example.com TXT 10",
            "Delete www.example.com A 10",
            "Delete www.example.com A 5 (guard)",
            "Create www.example.com A 5 (guard)",
        ]
    );
}

#[test]
fn a_simple_record_beside_weights_is_a_conflict() {
    let zone = zone([vec![weighted(WWW, "blue", 5, "10.1.0.1")]]);
    assert!(matches!(zone.conflicts(&simple(WWW))[..], [Conflict::WeightedBesideSimple { .. }]));
}

#[test]
fn a_cname_is_alone() {
    let beside = zone([vec![txt(WWW, "\"v=spf1 -all\"")]]);
    assert!(matches!(beside.conflicts(&cname(WWW))[..], [Conflict::CnameBesideOthers { .. }]));
    // An address beside a text is none.
    assert_eq!(beside.outcome(&simple(WWW)), Outcome::Create);
    let cname = set(WWW, Kind::Cname, Routing::Simple, 60, "x.example.org.");
    assert!(matches!(zone([vec![cname]]).conflicts(&simple(WWW))[..], [Conflict::CnameBesideOthers { .. }]));
}

#[test]
fn ours_that_somebody_made_into_something_else_is_told() {
    let mut record = weighted(WWW, MINE, 10, "10.0.0.1");
    let said = ownership::txt(&record, owner().text(QA), 300, &name("example.com"));
    record.routing = Routing::Other { identifier: MINE.to_owned() };
    let zone = zone([vec![record, said]]);
    assert!(matches!(zone.conflicts(&by_weight(10))[..], [Conflict::NotUnderstood { .. }]));
    assert!(matches!(zone.conflicts(&Wanted::default())[..], [Conflict::NotUnderstood { .. }]));
}

fn with_wildcard(served: &[&str]) -> Wanted {
    let mut wanted = simple("*.apps.example.com");
    let domain = name("apps.example.com");
    wanted.served =
        served.iter().map(|host| ServedHost { name: name(host), domain: domain.clone() }).collect();
    wanted
}

#[test]
fn a_wildcard_answers_for_a_host_that_nothing_hides() {
    let wanted = with_wildcard(&["web.apps.example.com"]);
    for zone in [zone([]), zone([ours(a("*.apps.example.com", "10.0.0.1"))])] {
        assert_eq!(zone.plan(&wanted).served[0].conflicts, []);
    }
}

#[test]
fn a_record_at_or_below_a_host_hides_the_wildcard() {
    let wanted = with_wildcard(&["web.apps.example.com"]);
    for hiding in ["web.apps.example.com", "_acme-challenge.web.apps.example.com"] {
        let plan = zone([vec![txt(hiding, "\"x\"")]]).plan(&wanted);
        assert!(matches!(plan.served[0].conflicts[..], [Conflict::Hidden { .. }]), "{hiding}");
    }
    // What goes in the same pass hides nothing.
    let going = zone([ours(a("web.apps.example.com", "10.0.0.1"))]);
    let plan = going.plan(&wanted);
    assert_eq!(plan.host(&name("web.apps.example.com")).unwrap().outcome, Outcome::Delete);
    assert_eq!(plan.served[0].conflicts, []);
    let kept = Zone { policy: Policy::UpsertOnly, ..going };
    assert!(matches!(kept.plan(&wanted).served[0].conflicts[..], [Conflict::Hidden { .. }]));
}

#[test]
fn without_its_wildcard_a_host_has_nothing_that_answers() {
    let taken = zone([vec![a("*.apps.example.com", "10.9.9.9")]]);
    let conflict = Conflict::NoWildcard { domain: name("apps.example.com") };
    let wanted = with_wildcard(&["web.apps.example.com"]);
    assert!(taken.plan(&wanted).served[0].conflicts.iter().eq([&conflict]));
    let mut unwanted = with_wildcard(&["web.apps.example.com"]);
    unwanted.hosts.clear();
    assert_eq!(zone([]).plan(&unwanted).served[0].conflicts, [conflict]);
}

#[test]
fn a_host_two_parts_below_is_not_the_wildcards() {
    let plan = zone([]).plan(&with_wildcard(&["a.b.apps.example.com"]));
    assert!(matches!(plan.served[0].conflicts[..], [Conflict::OutsideWildcard { .. }]));
}

#[test]
fn what_nobody_wants_any_more_is_deleted() {
    let zone = zone([ours(a(WWW, "10.0.0.1"))]);
    assert_eq!(zone.outcome(&Wanted::default()), Outcome::Delete);
    assert_eq!(
        zone.changes(&Wanted::default()),
        ["Delete a-www.example.com TXT", "Delete www.example.com A"]
    );
}

#[test]
fn a_txt_that_is_left_over_is_deleted() {
    let zone = zone([ours(a(WWW, "10.0.0.1"))[..1].to_vec()]);
    assert_eq!(zone.changes(&Wanted::default()), ["Delete a-www.example.com TXT"]);
}

#[test]
fn what_others_have_is_not_even_mentioned() {
    let other = Owner::new("main", "eu-2").unwrap();
    let zone = zone([
        of(&other, a(WWW, "10.0.0.1")),
        vec![a("x.example.com", "10.0.0.2"), txt("a-y.example.com", THEIRS)],
    ]);
    assert_eq!(zone.plan(&Wanted::default()).hosts, []);
}

#[test]
fn what_is_wanted_wrongly_is_told_all_at_once_and_other_hosts_go_on() {
    let target = || Target::Hostname { name: name("lb.example.org"), ttl: u32::MAX };
    let mut wrong = wanted("example.com", Share::All, target());
    wrong.hosts.extend(wanted("www.example.org", Share::All, addresses(&[])).hosts);
    wrong.hosts.extend(wanted(&format!("{}.example.com", "l".repeat(58)), Share::All, target()).hosts);
    wrong.hosts.extend(simple("twice.example.com").hosts);
    wrong.hosts.extend(simple("twice.example.com").hosts);
    wrong.hosts.extend(simple(WWW).hosts);
    let lb = Target::LoadBalancer {
        hostname: name("lb.example.org"),
        zone: None,
        dual_stack: true,
        evaluate_health: true,
    };
    wrong.hosts.extend(wanted("lb.example.com", Share::All, lb).hosts);
    wrong.hosts.extend(cname("a-www.example.com").hosts);
    let plan = zone([]).plan(&wrong);
    let told: Vec<String> = plan
        .hosts
        .iter()
        .map(|host| match &host.outcome {
            Outcome::Conflict(conflicts) => {
                let words: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
                format!("{}: {}", host.name, words.join("; "))
            }
            other => format!("{}: {other:?}", host.name),
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn load_balancers_are_aliases_by_their_canonical_zone() {
    let lb = Target::LoadBalancer {
        hostname: name("web-1.eu-west-1.elb.amazonaws.com"),
        zone: None,
        dual_stack: true,
        evaluate_health: true,
    };
    let plan = zone([]).plan(&wanted(WWW, Share::Weight(10), lb));
    insta::assert_json_snapshot!(plan);
}

#[test]
fn a_zones_own_name_has_its_txt_below_it() {
    let apex = "example.com";
    let zone = zone([ours(a(apex, "10.0.0.1"))]);
    assert_eq!(zone.outcome(&simple(apex)), Outcome::Nothing);
    let nothing = self::zone([]);
    assert_eq!(nothing.changes(&simple(apex)), ["Create example.com A", "Create a-_apex.example.com TXT"]);
    let spans = spans(&simple(apex), &Memory::default(), &[], &name(apex));
    assert!(spans.iter().all(|span| matches!(span, Span::Only(name) if name.is_within(&self::name(apex)))));
}

#[test]
fn policies_hold_back_what_they_do_not_allow() {
    let mut zone = zone([ours(a(WWW, "10.0.0.9")), ours(a("old.example.com", "10.0.0.1"))]);
    let mut wanted = simple(WWW);
    wanted.hosts.extend(simple("new.example.com").hosts);
    let mut outcomes = |policy| {
        zone.policy = policy;
        let plan = zone.plan(&wanted);
        plan.hosts.iter().map(|host| (host.name.to_string(), host.outcome.clone())).collect::<Vec<_>>()
    };
    let told = |new, old, www| {
        [("new", new), ("old", old), ("www", www)]
            .map(|(host, outcome)| (format!("{host}.example.com"), outcome))
    };
    let withheld = Outcome::Withheld;
    assert_eq!(outcomes(Policy::Sync), told(Outcome::Create, Outcome::Delete, Outcome::Change));
    assert_eq!(
        outcomes(Policy::UpsertOnly),
        told(Outcome::Create, withheld(Withheld::NoDelete), Outcome::Change)
    );
    assert_eq!(
        outcomes(Policy::CreateOnly),
        told(Outcome::Create, withheld(Withheld::NoDelete), withheld(Withheld::NoChange))
    );
}

#[test]
fn more_than_a_share_is_not_changed_at_once_and_new_hosts_still_come() {
    let there: Vec<_> = (0..20).map(|host| ours(a(&format!("h{host}.example.com"), "10.0.0.1"))).collect();
    let zone = zone(there);
    let plan = zone.plan(&simple("new.example.com"));
    let asked = Withheld::TooManyAtOnce { asked: 20, ours: 20, allowed: 6 };
    let held = plan.hosts.iter().filter(|host| host.outcome == Outcome::Withheld(asked.clone())).count();
    assert_eq!(held, 20);
    assert_eq!(plan.host(&name("new.example.com")).unwrap().outcome, Outcome::Create);

    let confirmed = Zone { limits: Limits { share: 100, ..Limits::default() }, ..zone };
    let plan = confirmed.plan(&simple("new.example.com"));
    assert_eq!(plan.hosts.iter().filter(|host| host.outcome == Outcome::Delete).count(), 20);
}

#[test]
fn one_pass_does_so_much_and_the_next_goes_on() {
    let mut zone = zone([]);
    zone.limits.most = 2;
    let mut wanted = Wanted::default();
    for host in ["a", "b", "c"] {
        wanted.hosts.extend(simple(&format!("{host}.example.com")).hosts);
    }
    let plan = zone.plan(&wanted);
    assert_eq!(plan.hosts.iter().filter(|host| host.outcome == Outcome::Create).count(), 2);
    assert_eq!(plan.hosts[2].outcome, Outcome::Withheld(Withheld::NextPass { most: 2 }));
}

#[test]
fn a_batch_holds_as_many_hosts_as_route_53_takes_and_tears_none_apart() {
    let mut wanted = Wanted::default();
    let many: Vec<String> = (1..=200).map(|last| format!("10.0.0.{last}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for host in 0..7 {
        let target = addresses(&many);
        wanted.hosts.extend(self::wanted(&format!("h{host}.example.com"), Share::All, target).hosts);
    }
    let plan = zone([]).plan(&wanted);
    let batches = batches(&plan.hosts);
    // 201 elements each.
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 3]);
    assert!(batches.iter().flatten().all(|unit| unit.changes.len() == 2));
}

#[test]
fn the_text_of_a_batch_is_limited_too() {
    let wanted = Wanted {
        hosts: (0..300).flat_map(|host| simple(&format!("h{host}.example.com")).hosts).collect(),
        served: vec![],
    };
    let plan = zone([]).plan(&wanted);
    let sizes: Vec<usize> = batches(&plan.hosts)
        .iter()
        .map(|batch| {
            let changes = batch.iter().flat_map(|unit| &unit.changes);
            changes.flat_map(|change| change.set.values()).map(str::len).sum()
        })
        .collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= 32_000), "{sizes:?}");
    assert!(sizes[0] > 31_000, "{sizes:?}");
}

#[test]
fn only_what_bears_on_the_wanted_hosts_is_read() {
    let mut wanted = with_wildcard(&["web.apps.example.com", "api.apps.example.com"]);
    wanted.hosts.extend(simple(WWW).hosts);
    let spans = spans(&wanted, &Memory::default(), &[], &name("example.com"));
    let told: Vec<String> = spans
        .iter()
        .map(|span| match span {
            Span::Below(name) => format!("{name} and below"),
            Span::Only(name) => name.to_string(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "a-www.example.com",
            "aaaa-www.example.com",
            "apps.example.com and below",
            "cname-www.example.com",
            "www.example.com and below"
        ]
    );
}
