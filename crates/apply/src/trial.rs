//! Asks Kubernetes whether it would take an object, admission included. Nothing is stored.

use api::marks;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::DynamicObject;

use crate::error::Error;
use crate::kinds::Kind;

/// What Kubernetes says to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Fine,
    /// The same request will fail for the same reason when it is meant.
    Refused(String),
    /// It could not be tried.
    Untried(String),
}

/// Applies `desired` as a dry run, as it would be applied when the change is made.
pub async fn trial(client: &Client, namespace: &str, desired: &DynamicObject) -> Answer {
    let Some(name) = desired.metadata.name.as_deref() else {
        return Answer::Untried("an object without a name".to_owned());
    };
    let Some(kind) = Kind::of(desired) else {
        return Answer::Untried(format!("{name} is of a kind that outboard does not write"));
    };
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind.resource());
    let params = PatchParams { dry_run: true, ..PatchParams::apply(marks::MANAGER).force() };
    match api.patch(name, &params, &Patch::Apply(desired)).await {
        Ok(_) => Answer::Fine,
        Err(error) => judge(Error::of_write(error, kind.name(), namespace, name)),
    }
}

fn judge(error: Error) -> Answer {
    match error {
        // A webhook with side effects; it will be asked when the change is made.
        Error::Refused { reason, .. } if reason.contains("does not support dry run") => {
            Answer::Untried(reason)
        }
        Error::Refused { reason, .. } => Answer::Refused(reason),
        other => Answer::Untried(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: &str) -> Answer {
        judge(Error::Refused {
            kind: "Deployment",
            namespace: "n".into(),
            name: "web".into(),
            reason: reason.into(),
        })
    }

    #[test]
    fn a_webhook_that_takes_no_part_in_dry_runs_is_no_refusal() {
        let webhook = "admission webhook \"x\" does not support dry run";
        assert_eq!(refused(webhook), Answer::Untried(webhook.into()));
        assert_eq!(refused("invalid"), Answer::Refused("invalid".into()));
    }
}
