//! Plans of zones that nobody would think of: Route 53 takes them, they touch nothing that is not ours, and a second look
//! finds nothing left to do.

use proptest::prelude::*;

use super::world::*;
use route53_fake::Stored;

use super::direct::sent;
use crate::plan::*;

fn look(fake: &route53_fake::Shared, owner: &Owner, wanted: &Wanted, memory: &Memory) -> Plan {
    let present: Present = held(fake).iter().map(super::direct::read).collect();
    plan(&Question {
        zone: &name("example.com"),
        owner,
        formats: &[],
        wanted,
        present: &present,
        memory,
        policy: Policy::Sync,
        limits: Limits { share: 100, ..Limits::default() },
        gone: Gone::All,
    })
}

fn snapshot(fake: &route53_fake::Shared) -> Vec<Stored> {
    fake.lock().unwrap().zones[ZONE].sets.values().cloned().collect()
}

fn spoken(change: &Change) -> (&'static str, route53_fake::Set) {
    let action = match change.action {
        Action::Create => "CREATE",
        Action::Delete => "DELETE",
    };
    (action, sent(&change.set))
}

/// Whether our own TXT stood beside it, or it was one.
fn was_ours(owner: &Owner, before: &[Stored], set: &RecordSet) -> bool {
    let text = owner.text("");
    let ours = text.trim_end_matches('"');
    let first = set.name.as_str().replacen('*', "_wildcard", 1);
    let apart = if first == "example.com" { "_apex." } else { "" };
    let beside = name(&format!("{}-{apart}{first}", set.kind.as_str().to_lowercase()));
    before.iter().filter(|stored| stored.set.values.iter().any(|value| value.starts_with(ours))).any(|txt| {
        let at = name(&txt.set.name);
        txt.set.identifier.as_deref() == set.identifier() && (at == beside || at == set.name)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_plan_is_taken_whole_and_leaves_nothing_to_do(
        sets in prop::collection::vec(any_set(), 0..24),
        wanted in any_wanted(),
    ) {
        let fake = fake();
        for set in sets {
            by_hand(&fake, &[("CREATE", set)]);
        }
        let owner = Owner::new("main", "c1").unwrap();
        let mut memory = Memory::default();
        let mut settled = false;
        // What one host's record kept another host from is done in the next pass.
        for _ in 0..3 {
            let before = snapshot(&fake);
            let plan = look(&fake, &owner, &wanted, &memory);
            memory = plan.memory.clone();
            for unit in batches(&plan.hosts).into_iter().flatten() {
                let changes: Vec<_> = unit.changes.iter().map(spoken).collect();
                prop_assert!(by_hand(&fake, &changes), "refused: {unit:#?}");
                memory.accepted(&unit);
                for change in unit.changes.iter().filter(|change| change.role == Role::Written) {
                    prop_assert!(
                        change.action == Action::Create || was_ours(&owner, &before, &change.set),
                        "{} was not ours",
                        change.set
                    );
                }
            }
            settled = plan.is_idle();
            if settled {
                break;
            }
            let second = look(&fake, &owner, &wanted, &memory);
            for host in &plan.hosts {
                if matches!(host.outcome, Outcome::Create | Outcome::Change) {
                    prop_assert_eq!(&second.host(&host.name).unwrap().outcome, &Outcome::Nothing);
                }
            }
        }
        prop_assert!(settled);
    }

    #[test]
    fn what_is_read_in_spans_leads_to_the_same_as_the_whole_zone(
        sets in prop::collection::vec(any_set(), 0..24),
        wanted in any_wanted(),
    ) {
        let fake = fake();
        for set in sets {
            by_hand(&fake, &[("CREATE", set)]);
        }
        let owner = Owner::new("main", "c1").unwrap();
        let zone = name("example.com");
        let all: Vec<RecordSet> = held(&fake).iter().map(super::direct::read).collect();
        let spans = spans(&wanted, &Memory::default(), &[], &zone);
        let within = |set: &&RecordSet| spans.iter().any(|span| span.holds(&set.name));
        let some: Present = all.iter().filter(within).cloned().collect();
        let all: Present = all.iter().cloned().collect();
        let memory = Memory::default();
        let of = |present: &Present| {
            let mut plan = plan(&Question {
                zone: &zone,
                owner: &owner,
                formats: &[],
                wanted: &wanted,
                present,
                memory: &memory,
                policy: Policy::Sync,
                limits: Limits { share: 100, ..Limits::default() },
                gone: Gone::All,
            });
            // What nobody asks for any more is found by reading everything.
            plan.hosts.retain(|host| wanted.hosts.iter().any(|wanted| wanted.name == host.name));
            plan.hosts
        };
        prop_assert_eq!(of(&some), of(&all));
    }
}
