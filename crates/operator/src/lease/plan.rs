//! The decisions of leader election: values in, one action out. Never asks the API server or a clock.
//!
//! Expiry is measured by how long a candidate has itself seen the lease unchanged, never by comparing the
//! clocks of two machines: a wrong clock can delay a succession but cannot make two leaders.
//!
//! ```text
//! what is seen of the lease                          candidate      leader
//! never an object                                    create         -
//! gone since, while another held it                  wait, create   create it again
//! no holder: released on a graceful stop             take           lost
//! held by my own identity, from a former life        take           renew; lost if taken anew since
//! held by another, and it changes                    wait           lost
//! held by another, unchanged for its own duration    take           lost
//! ```
//!
//! Taking and renewing are writes of the object that was read, so of two candidates one gets a conflict.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

/// How long things take. `renew_within` lies below `lasts_for`, so that a leader that cannot renew has
/// gone before anyone may follow it.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long a lease is respected after its last renewal.
    pub lasts_for: Duration,
    /// A leader that has not renewed for this long is none any more.
    pub renew_within: Duration,
    /// Pause between two tries or two renewals.
    pub retry_after: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            lasts_for: Duration::from_secs(15),
            renew_within: Duration::from_secs(10),
            retry_after: Duration::from_secs(2),
        }
    }
}

/// What a candidate has seen of the lease, and for how long it has seen it so.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    Never,
    /// It was there and is not any more: its holder may not know yet.
    Vanished(&'a LeaseSpec, Duration),
    Unchanged(&'a LeaseSpec, Duration),
}

/// What a candidate does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// There is no lease: make it, by POST.
    Create(LeaseSpec),
    /// The lease is free: replace exactly the object that was read.
    Take(LeaseSpec),
    /// Somebody else holds it, for at most this long unless they renew.
    Wait { holder: String, at_most: Duration },
}

/// What a candidate called `me` does about what it has seen.
pub fn decide(seen: Seen<'_>, me: &str, now: Timestamp, terms: &Terms) -> Action {
    let (spec, since) = match seen {
        Seen::Never => return Action::Create(taken(None, me, now, terms)),
        Seen::Vanished(spec, since) | Seen::Unchanged(spec, since) => (spec, since),
    };
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let lasts_for = spec
        .lease_duration_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(terms.lasts_for, Duration::from_secs);
    if !holder.is_empty() && holder != me && since < lasts_for {
        return Action::Wait { holder: holder.to_owned(), at_most: lasts_for.saturating_sub(since) };
    }
    let lease = taken(Some(spec), me, now, terms);
    if matches!(seen, Seen::Vanished(..)) { Action::Create(lease) } else { Action::Take(lease) }
}

/// The lease with which `held`'s holder goes on, or `None` when what is `observed` is no longer its own.
pub fn renewal(observed: &LeaseSpec, held: &LeaseSpec, now: Timestamp) -> Option<LeaseSpec> {
    // The time of acquisition tells two lives of one identity apart.
    let ours = held.holder_identity.is_some()
        && observed.holder_identity == held.holder_identity
        && observed.acquire_time == held.acquire_time;
    ours.then(|| LeaseSpec { renew_time: Some(MicroTime(now)), ..observed.clone() })
}

/// The lease as a leader leaves it that stops on purpose: free at once.
pub fn released(held: &LeaseSpec, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: None,
        lease_duration_seconds: Some(1),
        renew_time: Some(MicroTime(now)),
        ..held.clone()
    }
}

fn taken(previous: Option<&LeaseSpec>, me: &str, now: Timestamp, terms: &Terms) -> LeaseSpec {
    let transitions = previous.map_or(0, |lease| {
        let before = lease.lease_transitions.unwrap_or_default();
        if lease.holder_identity.as_deref() == Some(me) { before } else { before.saturating_add(1) }
    });
    LeaseSpec {
        acquire_time: Some(MicroTime(now)),
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: Some(i32::try_from(terms.lasts_for.as_secs()).unwrap_or(i32::MAX)),
        lease_transitions: Some(transitions),
        renew_time: Some(MicroTime(now)),
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn decided(seen: Seen<'_>) -> Action {
        decide(seen, "me", at(1000), &Terms::default())
    }

    fn act(lease: &LeaseSpec, unchanged_for: u64) -> Action {
        decided(Seen::Unchanged(lease, Duration::from_secs(unchanged_for)))
    }

    fn held_by(holder: &str) -> LeaseSpec {
        taken(None, holder, at(1), &Terms::default())
    }

    fn holder_of(action: &Action) -> Option<&str> {
        match action {
            Action::Create(spec) | Action::Take(spec) => spec.holder_identity.as_deref(),
            Action::Wait { .. } => None,
        }
    }

    #[test]
    fn the_first_candidate_creates_the_lease() {
        let Action::Create(spec) = decided(Seen::Never) else { unreachable!() };
        assert_eq!(spec.holder_identity.as_deref(), Some("me"));
        assert_eq!(spec.lease_duration_seconds, Some(15));
        assert_eq!(spec.lease_transitions, Some(0));
    }

    #[test]
    fn a_released_lease_is_taken_at_once_and_counts_as_a_transition() {
        let free = released(&held_by("other"), at(2));
        let Action::Take(spec) = act(&free, 0) else { unreachable!() };
        assert_eq!(spec.lease_transitions, Some(1));
        assert_eq!(spec.lease_duration_seconds, Some(15), "the full duration again");
    }

    #[test]
    fn a_restarted_process_goes_on_at_once_under_a_new_time_of_acquisition() {
        let former = held_by("me");
        let Action::Take(spec) = act(&former, 0) else { unreachable!() };
        assert_eq!(spec.lease_transitions, Some(0));
        assert_ne!(spec.acquire_time, former.acquire_time);
    }

    #[test]
    fn a_lease_of_another_is_respected_until_it_was_seen_unchanged_for_its_own_duration() {
        let mut lease = held_by("other");
        // Its own clock says long ago; that alone must not count.
        lease.renew_time = Some(MicroTime(at(-100_000)));
        assert_eq!(act(&lease, 14), Action::Wait { holder: "other".into(), at_most: Duration::from_secs(1) });
        assert_eq!(holder_of(&act(&lease, 15)), Some("me"));
        lease.lease_duration_seconds = Some(60);
        assert_eq!(holder_of(&act(&lease, 15)), None, "the holder's promise counts, not ours");
    }

    #[test]
    fn a_deleted_lease_still_counts_for_its_holder_who_may_not_know_yet() {
        let lease = held_by("other");
        let vanished = |seconds| decided(Seen::Vanished(&lease, Duration::from_secs(seconds)));
        assert!(matches!(vanished(14), Action::Wait { .. }));
        assert!(matches!(vanished(15), Action::Create(_)));
        let mine = held_by("me");
        assert!(matches!(decided(Seen::Vanished(&mine, Duration::ZERO)), Action::Create(_)));
    }

    #[test]
    fn a_malformed_duration_falls_back_to_our_own() {
        let mut lease = held_by("other");
        lease.lease_duration_seconds = Some(-5);
        assert_eq!(holder_of(&act(&lease, 14)), None);
        assert_eq!(holder_of(&act(&lease, 15)), Some("me"));
    }

    #[test]
    fn a_leader_renews_its_own_lease_and_keeps_what_others_added() {
        let held = held_by("me");
        let mut seen = held.clone();
        seen.preferred_holder = Some("x".into());
        let renewed = renewal(&seen, &held, at(7)).unwrap();
        assert_eq!(renewed.renew_time, Some(MicroTime(at(7))));
        assert_eq!(renewed.acquire_time, held.acquire_time);
        assert_eq!(renewed.preferred_holder.as_deref(), Some("x"));
    }

    #[test]
    fn a_leader_whose_lease_was_taken_released_or_retaken_by_its_own_next_life_has_lost() {
        let held = held_by("me");
        assert_eq!(renewal(&held_by("other"), &held, at(7)), None);
        assert_eq!(renewal(&released(&held, at(2)), &held, at(7)), None);
        let next_life = taken(Some(&held), "me", at(3), &Terms::default());
        assert_eq!(renewal(&next_life, &held, at(7)), None);
        let free = released(&held, at(2));
        assert_eq!(renewal(&free, &free, at(7)), None, "a released lease is nobody's");
    }

    #[test]
    fn a_leader_gives_up_before_anyone_may_follow() {
        let terms = Terms::default();
        assert!(terms.renew_within + terms.retry_after < terms.lasts_for);
    }
}
