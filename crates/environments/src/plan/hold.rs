//! What an environment's overlays hold at one moment: which parts run nothing, by whose wish and until when.
//!
//! A hold is put on objects as they are applied, and stands in no revision: when it ends there is nothing to undo.

use std::collections::BTreeSet;

use api::revision::Part;
use api::{Overlay, PartState, Role};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::readiness::Progress;

/// Parts that run nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    roles: BTreeSet<Role>,
    by: BTreeSet<String>,
    /// When the last of its overlays ends.
    until: Timestamp,
    /// When the first of them does: that is no event.
    pub next: Timestamp,
}

impl Hold {
    /// What the overlays that are in force hold; none: nothing.
    pub fn of(overlays: &[Overlay], now: Timestamp) -> Option<Self> {
        let in_force: Vec<&Overlay> =
            in_force(overlays, now).filter(|overlay| !overlay.patch.hold.is_empty()).collect();
        let until = in_force.iter().map(|overlay| overlay.until.0);
        Some(Self {
            roles: in_force
                .iter()
                .flat_map(|overlay| overlay.patch.hold.iter().flat_map(|held| held.roles().iter().copied()))
                .collect(),
            by: in_force.iter().map(|overlay| overlay.by.clone()).collect(),
            until: until.clone().max()?,
            next: until.min()?,
        })
    }

    pub fn holds(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// `held by datacopy/nightly until 2026-11-25T22:00:00Z`.
    pub fn sentence(&self) -> String {
        let by: Vec<&str> = self.by.iter().map(String::as_str).collect();
        format!("held by {} until {}", by.join(" and "), self.until)
    }

    /// How far a part that is held has come; `running`: its pods that have not ended.
    pub fn progress(&self, role: Role, running: usize) -> Progress {
        let (state, message) = match running {
            0 => (PartState::Waiting, self.sentence()),
            1 => (PartState::Progressing, "stopping: 1 pod still runs".to_owned()),
            many => (PartState::Progressing, format!("stopping: {many} pods still run")),
        };
        let replicas = (role == Role::Component).then(|| format!("{running}/0"));
        Progress { state, replicas, message }
    }

    /// That a change does not reach what is held.
    pub fn waits(&self) -> String {
        let what: Vec<&str> = [Role::Job, Role::Component, Role::Schedule]
            .into_iter()
            .filter(|role| self.holds(*role))
            .map(|role| match role {
                Role::Job => "jobs",
                Role::Component => "components",
                _ => "schedules",
            })
            .collect();
        format!("{} are {}: they run again after that", what.join(", "), self.sentence())
    }
}

/// Those that are not over.
pub fn in_force(overlays: &[Overlay], now: Timestamp) -> impl Iterator<Item = &Overlay> {
    overlays.iter().filter(move |overlay| overlay.until.0 > now)
}

/// An object of a part as it is applied. Replicas are no part of objects.
pub fn held(hold: Option<&Hold>, part: &Part, mut object: Value) -> Value {
    if hold.is_some_and(|hold| hold.holds(part.role)) && object["kind"] == "CronJob" {
        object["spec"]["suspend"] = json!(true);
    }
    object
}

#[cfg(test)]
mod tests {
    use api::{Held, OverlayPatch};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn overlay(by: &str, until: i64, hold: &[Held]) -> Overlay {
        let patch = OverlayPatch { hold: hold.to_vec() };
        Overlay { by: by.into(), until: Time(at(until)), reason: None, patch }
    }

    #[test]
    fn whoever_still_holds_is_named_with_the_end_of_the_last() {
        let overlays = [
            overlay("datacopy/b", 100, &[Held::Components]),
            overlay("sleep", 300, &[Held::Schedules]),
            overlay("datacopy/a", 200, &[Held::Components]),
        ];
        let hold = Hold::of(&overlays, at(0)).unwrap();
        assert_eq!(hold.sentence(), "held by datacopy/a and datacopy/b and sleep until 1970-01-01T00:05:00Z");
        assert_eq!(hold.next, at(100));
        let hold = Hold::of(&overlays, at(200)).unwrap();
        assert_eq!(hold.sentence(), "held by sleep until 1970-01-01T00:05:00Z");
        assert!(hold.holds(Role::Schedule) && !hold.holds(Role::Component));
        assert_eq!(Hold::of(&overlays, at(300)), None);
    }

    #[test]
    fn what_holds_nothing_is_no_hold() {
        assert_eq!(Hold::of(&[overlay("chaos/x", 100, &[])], at(0)), None);
        assert_eq!(Hold::of(&[], at(0)), None);
    }

    #[test]
    fn services_and_addresses_are_never_held() {
        let hold = Hold::of(&[overlay("datacopy/a", 1, &Held::WRITERS)], at(0)).unwrap();
        let held: Vec<Role> = Role::ORDER.into_iter().filter(|role| hold.holds(*role)).collect();
        assert_eq!(held, [Role::Job, Role::Component, Role::Schedule, Role::After]);
    }

    #[test]
    fn a_schedule_is_suspended_only_while_it_is_held() {
        let part: Part =
            serde_json::from_value(json!({"name": "nightly", "role": "schedule", "objects": []})).unwrap();
        let object = json!({"kind": "CronJob", "spec": {"schedule": "0 2 * * *"}});
        let hold = Hold::of(&[overlay("datacopy/a", 1, &[Held::Schedules])], at(0)).unwrap();
        assert_eq!(held(Some(&hold), &part, object.clone())["spec"]["suspend"], true);
        assert_eq!(held(None, &part, object.clone()), object);
        let other = Hold::of(&[overlay("datacopy/a", 1, &[Held::Components])], at(0)).unwrap();
        assert_eq!(held(Some(&other), &part, object.clone()), object);
    }

    #[test]
    fn a_part_is_held_once_its_last_pod_has_ended() {
        let hold = Hold::of(&[overlay("datacopy/a", 1, &[Held::Components])], at(0)).unwrap();
        let stopping = hold.progress(Role::Component, 2);
        assert_eq!(
            (stopping.state, stopping.message.as_str()),
            (PartState::Progressing, "stopping: 2 pods still run")
        );
        let stopped = hold.progress(Role::Component, 0);
        assert_eq!((stopped.state, stopped.replicas.as_deref()), (PartState::Waiting, Some("0/0")));
    }

    fn any_overlay() -> impl Strategy<Value = Overlay> {
        let held = prop::sample::subsequence(Held::WRITERS.to_vec(), 0..=3);
        ("[a-c]", 0i64..6, held).prop_map(|(by, until, hold)| overlay(&by, until, &hold))
    }

    proptest! {
        #[test]
        fn a_role_is_held_exactly_while_an_overlay_that_names_it_lasts(
            overlays in prop::collection::vec(any_overlay(), 0..5), now in 0i64..6,
        ) {
            let hold = Hold::of(&overlays, at(now));
            for role in Role::ORDER {
                let named = overlays.iter().any(|overlay| {
                    overlay.until.0 > at(now) && overlay.patch.hold.iter().any(|held| held.roles().contains(&role))
                });
                prop_assert_eq!(hold.as_ref().is_some_and(|hold| hold.holds(role)), named);
            }
        }

        #[test]
        fn nothing_is_held_any_more_once_each_has_ended_and_no_moment_of_change_is_slept_through(
            overlays in prop::collection::vec(any_overlay(), 0..5),
        ) {
            let mut now = at(0);
            // Each time only what is named as the next end is waited for.
            for _ in 0..=overlays.len() {
                let Some(hold) = Hold::of(&overlays, now) else { break };
                prop_assert!(hold.next > now && hold.next <= hold.until);
                now = hold.next;
            }
            prop_assert_eq!(Hold::of(&overlays, now), None);
            prop_assert_eq!(Hold::of(&overlays, at(6)), None);
        }
    }
}
