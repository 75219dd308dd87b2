//! What a change waits for, and in which order it is made.

use api::plan::{Action, ObjectChange};
use api::{Freeze, Role, Verdict};
use k8s_openapi::jiff::Timestamp;

use super::{changes, limits};

/// One sentence each.
pub fn waits(changes: &[ObjectChange], frozen: Option<Timestamp>, freeze: Option<&Freeze>) -> Vec<String> {
    let mut waits = Vec::new();
    if let Some(until) = frozen {
        let why = freeze.map(|freeze| format!(" ({})", freeze.reason)).unwrap_or_default();
        waits.push(format!("the environment is frozen until {until}{why}: the change waits until then"));
    }
    let stages: Vec<String> = Role::ORDER.into_iter().filter_map(|role| stage(changes, role)).collect();
    if stages.len() > 1 {
        waits.push(format!("one after the other, each once the one before is ready: {}", stages.join("; ")));
    }
    // What limits pods goes first.
    let goes = changes.iter().any(|change| change.action == Action::Delete && change.part != limits::NAME);
    if goes && !stages.is_empty() {
        waits.push("what is no longer wanted goes once everything else is ready".to_owned());
    }
    waits
}

/// What a change waits for that cannot be drafted yet.
pub fn held(verdict: &Verdict) -> Vec<String> {
    if !verdict.holds {
        return Vec::new();
    }
    vec![format!("all of it waits, and what runs goes on: {}", verdict.message)]
}

/// The parts of one role that are made or changed: `component web, worker`.
fn stage(changes: &[ObjectChange], role: Role) -> Option<String> {
    let touched = changes.iter().filter(|change| {
        change.role == role && change.action != Action::Delete && change.object != changes::NAMESPACE
    });
    let mut names: Vec<&str> = touched.map(|change| change.part.as_str()).collect();
    names.dedup();
    (!names.is_empty()).then(|| format!("{} {}", role.as_str(), names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(role: Role, part: &str, action: Action) -> ObjectChange {
        ObjectChange {
            part: part.into(),
            role,
            object: format!("X {part}"),
            action,
            effect: String::new(),
            fields: vec![],
        }
    }

    #[test]
    fn jobs_come_before_components_and_what_goes_goes_last() {
        let changes = [
            change(Role::Component, "web", Action::Change),
            change(Role::Component, "web", Action::Change),
            change(Role::Component, "worker", Action::Create),
            change(Role::Job, "migrate", Action::Create),
            change(Role::Route, "old", Action::Delete),
        ];
        assert_eq!(
            waits(&changes, None, None),
            [
                "one after the other, each once the one before is ready: job migrate; component web, worker",
                "what is no longer wanted goes once everything else is ready",
            ]
        );
        assert_eq!(waits(&changes[..1], None, None), Vec::<String>::new(), "one stage waits for nothing");
    }

    #[test]
    fn limits_wait_for_nothing_and_a_standard_is_no_stage() {
        let standard = ObjectChange {
            object: changes::NAMESPACE.into(),
            ..change(Role::Manifest, limits::NAME, Action::Change)
        };
        let quota = change(Role::Manifest, limits::NAME, Action::Delete);
        let web = change(Role::Component, "web", Action::Change);
        assert_eq!(waits(&[standard, quota, web], None, None), Vec::<String>::new());
    }

    #[test]
    fn a_frozen_environment_says_until_when() {
        let until = Timestamp::from_second(0).unwrap();
        assert_eq!(
            waits(&[], Some(until), None),
            ["the environment is frozen until 1970-01-01T00:00:00Z: the change waits until then"]
        );
    }
}
