//! What Kubernetes would refuse of a change, in words.

use api::plan::ObjectChange;
use api::{Cause, Verdict};

/// What of a StatefulSet may be changed, by its own words.
const STATEFUL: &str = "updates to statefulset spec for fields other than";
/// The fields of a StatefulSet that may be.
const CHANGEABLE: [&str; 7] = [
    "spec.replicas",
    "spec.ordinals",
    "spec.template",
    "spec.updateStrategy",
    "spec.revisionHistoryLimit",
    "spec.persistentVolumeClaimRetentionPolicy",
    "spec.minReadySeconds",
];

/// The verdict on a change of which Kubernetes refuses these objects, each for its reason.
pub fn verdict(environment: &str, refused: &[(&ObjectChange, String)]) -> Option<Verdict> {
    let (first, reason) = refused.first()?;
    let (message, fix) = words(environment, first, reason);
    let others = refused[1..].iter().map(|(change, reason)| words(environment, change, reason).0);
    Some(Verdict {
        cause: Cause::Refused,
        about: format!("{} {}", first.role.as_str(), first.part),
        message,
        evidence: others.chain(refused.iter().map(|(_, reason)| reason.clone())).collect(),
        fix,
        terminal: true,
        holds: false,
    })
}

fn words(environment: &str, change: &ObjectChange, reason: &str) -> (String, String) {
    let object = &change.object;
    let fixed = if reason.contains(STATEFUL) {
        let fields = change.fields.iter().map(|field| field.path.as_str());
        fields
            .filter(|path| !CHANGEABLE.iter().any(|may| path.starts_with(may)) && path.starts_with("spec."))
            .collect()
    } else {
        immutable(reason)
    };
    if fixed.is_empty() {
        let reason = reason.split_once(" is invalid: ").map_or(reason, |(_, why)| why);
        return (
            format!("Kubernetes will not take {object}: {reason}"),
            "correct it in outboard.yaml, apply it, and ask for the change again".to_owned(),
        );
    }
    let size = fixed.iter().any(|path| path.ends_with("requests.storage"));
    let message = match size {
        true => format!("the volumes of {object} exist, and their size cannot be changed"),
        false => format!("{object} exists, and this of it can never be changed: {}", fixed.join(", ")),
    };
    let fix = format!(
        "leave it as it was, or make another environment that has it from the start: outboard env clone {environment} NEW, then env update NEW"
    );
    (message, fix)
}

/// The fields that Kubernetes calls immutable.
fn immutable(reason: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = reason;
    while let Some(at) = rest.find("field is immutable") {
        let before = &rest[..at];
        // `…: spec.selector: Invalid value: …: field is immutable`
        if let Some((path, _)) = before.rsplit_once(": Invalid value") {
            let start = path.rfind([' ', '[']).map_or(0, |at| at + 1);
            found.push(&path[start..]);
        }
        rest = &rest[at + 1..];
    }
    found
}

#[cfg(test)]
mod tests {
    use api::Role;
    use api::plan::{Action, FieldChange};

    use super::*;

    fn change(object: &str, paths: &[&str]) -> ObjectChange {
        let field =
            |path: &&str| FieldChange { path: (*path).into(), from: Some("1".into()), to: Some("2".into()) };
        ObjectChange {
            part: "db".into(),
            role: Role::Service,
            object: object.into(),
            action: Action::Change,
            effect: String::new(),
            fields: paths.iter().map(field).collect(),
        }
    }

    fn told(change: &ObjectChange, reason: &str) -> String {
        verdict("qa", &[(change, reason.to_owned())]).unwrap().message
    }

    #[test]
    fn what_can_never_be_changed_is_named_with_its_fields() {
        let reason = "StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden";
        let size = "spec.volumeClaimTemplates[0].spec.resources.requests.storage";
        assert_eq!(
            told(&change("StatefulSet db", &["spec.template.spec.containers[db].image", size]), reason),
            "the volumes of StatefulSet db exist, and their size cannot be changed"
        );
        assert_eq!(
            told(&change("StatefulSet db", &["spec.serviceName"]), reason),
            "StatefulSet db exists, and this of it can never be changed: spec.serviceName"
        );
        let selector = "Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: field is immutable";
        assert_eq!(
            told(&change("Deployment web", &[]), selector),
            "Deployment web exists, and this of it can never be changed: spec.selector"
        );
    }

    #[test]
    fn any_other_refusal_is_told_in_kubernetes_words() {
        let reason =
            "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must not be negative";
        assert_eq!(
            told(&change("Deployment web", &[]), reason),
            "Kubernetes will not take Deployment web: spec.replicas: Invalid value: -1: must not be negative"
        );
        assert_eq!(verdict("qa", &[]), None);
    }
}
