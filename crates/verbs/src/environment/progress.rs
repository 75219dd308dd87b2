//! What changed between two states of an environment, as events: a pure function.

use api::{Environment, EnvironmentStatus};
use kube::ResourceExt;

use super::outlook::{Outlook, outlook};
use crate::Event;

/// The events between `before` and `now`; what the status says about older settings is no news.
pub fn changes(before: &EnvironmentStatus, now: &Environment) -> Vec<Event> {
    let name = now.name_any();
    let Some(status) = &now.status else { return vec![] };
    if outlook(now) == Outlook::Unseen {
        return vec![];
    }
    let mut events = vec![];
    if before.observed_generation < status.observed_generation {
        let generation = status.observed_generation;
        events.push(Event::Observed { environment: name.clone(), generation });
    }
    for condition in &status.conditions {
        let same = before.conditions.iter().any(|old| {
            (&old.r#type, old.status, &old.reason, &old.message)
                == (&condition.r#type, condition.status, &condition.reason, &condition.message)
        });
        if !same {
            events.push(Event::Condition { environment: name.clone(), condition: condition.clone() });
        }
    }
    for part in status.parts.iter().filter(|part| !before.parts.contains(part)) {
        events.push(Event::Part { environment: name.clone(), part: part.clone() });
    }
    if let Some(verdict) = status.verdict.as_ref().filter(|_| before.verdict != status.verdict) {
        events.push(Event::Verdict { environment: name.clone(), verdict: verdict.clone() });
    }
    if let Some(teardown) = &status.teardown
        && before.teardown.as_ref().is_none_or(|old| old.step != teardown.step)
    {
        events.push(Event::Teardown { environment: name, step: teardown.step.clone() });
    }
    events
}

#[cfg(test)]
mod tests {
    use api::{EnvironmentSpec, PartState, PartStatus, Role};

    use super::*;

    fn state(generation: i64, observed: i64, state: PartState) -> Environment {
        let mut environment = Environment::new("qa-42", EnvironmentSpec::default());
        environment.metadata.generation = Some(generation);
        let part = PartStatus {
            name: "web".into(),
            role: Role::Component,
            version: Some("1".into()),
            digest: None,
            state,
            replicas: None,
            message: String::new(),
        };
        environment.status = Some(EnvironmentStatus {
            observed_generation: observed,
            parts: vec![part],
            ..EnvironmentStatus::default()
        });
        environment
    }

    #[test]
    fn a_part_that_did_not_move_is_told_once() {
        let one = state(1, 1, PartState::Progressing);
        assert_eq!(changes(&EnvironmentStatus::default(), &one).len(), 2);
        assert_eq!(changes(one.status.as_ref().unwrap(), &one), []);
        let two = state(1, 1, PartState::Ready);
        assert!(
            matches!(&changes(one.status.as_ref().unwrap(), &two)[..], [Event::Part { part, .. }] if part.state == PartState::Ready)
        );
    }

    #[test]
    fn parts_of_older_settings_are_no_news() {
        assert_eq!(changes(&EnvironmentStatus::default(), &state(2, 1, PartState::Ready)), []);
    }
}
