//! Whether waiting for an environment is over: a pure function of the object.

use api::condition::{self, AWAITS_HOSTS, READY};
use api::{Environment, PartState, Verdict};

/// What an environment's state means to somebody who waits for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outlook {
    /// The operator has not looked at the newest settings.
    Unseen,
    /// On its way.
    Pending,
    /// Serving the newest settings.
    Ready,
    /// Can't become ready without a change.
    Failed(Box<Verdict>),
    BeingDestroyed,
}

/// What the newest state says about the newest settings; what it says about older ones does not count.
pub fn outlook(environment: &Environment) -> Outlook {
    if environment.metadata.deletion_timestamp.is_some() {
        return Outlook::BeingDestroyed;
    }
    let generation = environment.metadata.generation.unwrap_or_default();
    let Some(status) = environment.status.as_ref().filter(|status| status.observed_generation >= generation)
    else {
        return Outlook::Unseen;
    };
    if let Some(verdict) = status.verdict.as_ref().filter(|verdict| verdict.terminal) {
        return Outlook::Failed(Box::new(verdict.clone()));
    }
    match condition::find(&status.conditions, READY) {
        Some(ready) if ready.is_true() && ready.observed_generation >= generation => Outlook::Ready,
        _ => Outlook::Pending,
    }
}

/// What is still not ready, one line each.
pub fn pending(environment: &Environment) -> Vec<String> {
    let Some(status) = &environment.status else {
        return vec!["the operator has not looked at it yet".to_owned()];
    };
    let parts = status.parts.iter().filter(|part| part.state != PartState::Ready);
    let ready = condition::find(&status.conditions, READY);
    let hosts = ready.filter(|ready| ready.reason == AWAITS_HOSTS).map(|ready| ready.message.clone());
    parts
        .map(|part| match part.message.as_str() {
            "" => format!("{} {}: {}", part.role.as_str(), part.name, part.state.as_str()),
            message => format!("{} {}: {message}", part.role.as_str(), part.name),
        })
        .chain(hosts)
        .collect()
}

#[cfg(test)]
mod tests {
    use api::{Cause, Condition, ConditionStatus, EnvironmentSpec, EnvironmentStatus};
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn environment(generation: i64, observed: i64, ready_for: Option<i64>) -> Environment {
        let mut environment = Environment::new("qa-42", EnvironmentSpec::default());
        environment.metadata.generation = Some(generation);
        let conditions = ready_for.map(|observed_generation| Condition {
            r#type: READY.into(),
            status: ConditionStatus::True,
            reason: "Ready".into(),
            message: String::new(),
            observed_generation,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        });
        environment.status = Some(EnvironmentStatus {
            observed_generation: observed,
            conditions: conditions.into_iter().collect(),
            ..EnvironmentStatus::default()
        });
        environment
    }

    fn verdict(terminal: bool) -> Verdict {
        Verdict {
            cause: Cause::ImageNotFound,
            about: "component web".into(),
            message: "no such image".into(),
            evidence: vec![],
            fix: "push it".into(),
            terminal,
            holds: false,
        }
    }

    #[test]
    fn an_environment_nobody_has_looked_at_is_unseen() {
        assert_eq!(outlook(&Environment::new("qa-42", EnvironmentSpec::default())), Outlook::Unseen);
        assert_eq!(outlook(&environment(2, 1, Some(1))), Outlook::Unseen);
    }

    #[test]
    fn readiness_of_older_settings_is_not_readiness() {
        assert_eq!(outlook(&environment(2, 2, Some(1))), Outlook::Pending);
        assert_eq!(outlook(&environment(2, 2, Some(2))), Outlook::Ready);
        assert_eq!(outlook(&environment(2, 2, None)), Outlook::Pending);
    }

    #[test]
    fn only_a_terminal_verdict_ends_the_wait() {
        let mut passing = environment(1, 1, None);
        passing.status.as_mut().unwrap().verdict = Some(verdict(false));
        assert_eq!(outlook(&passing), Outlook::Pending);
        passing.status.as_mut().unwrap().verdict = Some(verdict(true));
        assert_eq!(outlook(&passing), Outlook::Failed(Box::new(verdict(true))));
    }

    #[test]
    fn a_verdict_about_older_settings_does_not_count() {
        let mut changed = environment(2, 1, None);
        changed.status.as_mut().unwrap().verdict = Some(verdict(true));
        assert_eq!(outlook(&changed), Outlook::Unseen);
    }

    #[test]
    fn an_environment_that_is_going_away_never_becomes_ready() {
        let mut going = environment(1, 1, Some(1));
        going.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        assert_eq!(outlook(&going), Outlook::BeingDestroyed);
    }
}
