//! Who ran what: an Event on the Environment, written before the pod and completed when it has ended.
//!
//! Holds the command as it was typed, and never a setting's value.

use api::Environment;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use crate::{Cluster, Result};

const REASON: &str = "Ran";
/// Kubernetes allows 1024 bytes for all of the message.
const COMMAND_LENGTH: usize = 600;

/// One record.
pub struct Record<'a> {
    pub by: &'a str,
    /// The component.
    pub part: &'a str,
    pub pod: &'a str,
    pub command: &'a [String],
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Running,
    Detached,
    Exit(i32),
    Interrupted,
    NotStarted,
    /// It was lost sight of.
    Lost,
}

impl Record<'_> {
    /// Nothing is run that cannot be recorded: a lacking right is told before there is a pod.
    pub async fn begin(&self, cluster: &Cluster, environment: &Environment) -> Result<()> {
        let namespace = environment.namespace().unwrap_or_default();
        let now = Some(Time(Timestamp::now()));
        let event = Event {
            metadata: ObjectMeta {
                name: Some(self.name(environment)),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            involved_object: environment.object_ref(&()),
            reason: Some(REASON.to_owned()),
            message: Some(self.message(&Outcome::Running)),
            type_: Some("Normal".to_owned()),
            count: Some(1),
            first_timestamp: now.clone(),
            last_timestamp: now,
            source: Some(EventSource { component: Some("outboard".to_owned()), host: None }),
            ..Event::default()
        };
        let events = Api::<Event>::namespaced(cluster.client.clone(), &namespace);
        let made = events.create(&PostParams::default(), &event).await;
        made.map(|_| ()).map_err(|error| cluster.explain(error))
    }

    pub async fn complete(
        &self,
        cluster: &Cluster,
        environment: &Environment,
        outcome: &Outcome,
    ) -> Result<()> {
        let events =
            Api::<Event>::namespaced(cluster.client.clone(), &environment.namespace().unwrap_or_default());
        let patch = json!({"message": self.message(outcome), "lastTimestamp": Time(Timestamp::now())});
        let patched =
            events.patch(&self.name(environment), &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.map(|_| ()).map_err(|error| cluster.explain(error))
    }

    fn name(&self, environment: &Environment) -> String {
        format!("{}.{}", environment.name_any(), self.pod)
    }

    fn message(&self, outcome: &Outcome) -> String {
        let mut command = match self.command {
            [] => "its own command".to_owned(),
            words => format!("`{}`", words.join(" ")),
        };
        if command.len() > COMMAND_LENGTH {
            command.truncate(command.floor_char_boundary(COMMAND_LENGTH));
            command.push('…');
        }
        let (verb, end) = match outcome {
            Outcome::Running => ("runs", String::new()),
            Outcome::Detached => ("started", "; nobody waits for it".to_owned()),
            Outcome::Exit(code) => ("ran", format!(": exit code {code}")),
            Outcome::Interrupted => ("ran", ": interrupted".to_owned()),
            Outcome::NotStarted => ("wanted to run", ": it did not start".to_owned()),
            Outcome::Lost => ("ran", ": how it ended is not known".to_owned()),
        };
        format!("{} {verb} {command} in component {} (pod {}){end}", self.by, self.part, self.pod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &[&str], outcome: &Outcome) -> String {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        Record { by: "ann", part: "web", pod: "web-run-x", command: &command }.message(outcome)
    }

    #[test]
    fn a_record_says_who_ran_what_and_how_it_ended() {
        assert_eq!(
            told(&["rake", "db:migrate"], &Outcome::Exit(3)),
            "ann ran `rake db:migrate` in component web (pod web-run-x): exit code 3"
        );
        assert_eq!(told(&[], &Outcome::Running), "ann runs its own command in component web (pod web-run-x)");
    }

    #[test]
    fn a_long_command_still_fits_an_event() {
        let long = "ü".repeat(2000);
        assert!(told(&[&long], &Outcome::Running).len() < 1024);
    }
}
