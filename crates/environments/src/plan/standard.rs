//! What Kubernetes' Pod Security Standards say about the pods of a revision: before anything is made, with the key of
//! `outboard.yaml` that is to blame. Kubernetes judges again; what it alone knows stays its verdict.

use api::project::PodSecurity;
use api::revision::{EnvironmentRevision, Part};
use api::{Cause, Role, Verdict};
use serde_json::{Map, Value, json};

mod controls;

use controls::{ROOTLESS, Violation, is_windows, violations};

/// Says of a pod what `restricted` wants to be said, where nobody said otherwise. What is no object is left to Kubernetes.
pub fn tighten(standard: PodSecurity, pod: &mut Value) {
    if standard.is_baseline() {
        return;
    }
    let windows = is_windows(pod);
    if let Some(context) = context(pod) {
        context.entry("runAsNonRoot").or_insert(json!(true));
    }
    if windows {
        // It has none of the rest, and Kubernetes refuses who says it all the same.
        return;
    }
    if let Some(context) = context(pod) {
        context.entry("seccompProfile").or_insert(json!({"type": "RuntimeDefault"}));
    }
    for key in ["containers", "initContainers"] {
        let containers = pod.get_mut(key).and_then(Value::as_array_mut);
        for context in containers.into_iter().flatten().filter_map(context) {
            context.entry("allowPrivilegeEscalation").or_insert(json!(false));
            let capabilities = context.entry("capabilities").or_insert(json!({}));
            if let Some(capabilities) = capabilities.as_object_mut() {
                capabilities.entry("drop").or_insert(json!(["ALL"]));
            }
        }
    }
}

/// The security context of a pod or a container, made if there is none.
fn context(of: &mut Value) -> Option<&mut Map<String, Value>> {
    of.as_object_mut()?.entry("securityContext").or_insert(json!({})).as_object_mut()
}

/// The standard of a namespace: until a revision has settled, the laxer of its own and that of the one that has, since what
/// serves meanwhile has to be able to come back.
pub fn of_namespace(asked: PodSecurity, serves: Option<PodSecurity>) -> PodSecurity {
    serves.map_or(asked, |serves| asked.min(serves))
}

/// The verdict on a revision with pods that its class does not allow: all of them at once. What the revision before has had
/// under the same standard runs, whoever lets it, and so does what is restored.
pub fn verdict(
    environment: &str,
    revision: &EnvironmentRevision,
    before: Option<&EnvironmentRevision>,
) -> Option<Verdict> {
    if revision.restores.is_some() {
        return None;
    }
    let standard = revision.pod_security;
    let had: Vec<(&Part, Violation)> =
        before.filter(|before| before.pod_security == standard).map(all).unwrap_or_default();
    let is_new = |(part, violation): &(&Part, Violation)| {
        !had.iter().any(|(of, known)| of.name == part.name && of.role == part.role && known == violation)
    };
    let found: Vec<(&Part, Violation)> = all(revision).into_iter().filter(is_new).collect();
    let ((part, first), others) =
        found.split_first().map(|((part, first), others)| ((*part, first), others))?;
    Some(Verdict {
        cause: Cause::AdmissionRefused,
        about: format!("environment {environment}"),
        message: format!(
            "class {} is {}, and {} {} is not: {}",
            revision.class,
            standard.as_str(),
            part.role.as_str(),
            part.name,
            told(part, first)
        ),
        evidence: others
            .iter()
            .map(|(part, violation)| {
                format!("{} {}: {}", part.role.as_str(), part.name, told(part, violation))
            })
            .collect(),
        fix: match (part.role, first.fix) {
            (Role::Service, ROOTLESS) => {
                "let the class have it `external`, or say `podSecurity: baseline`: this server starts as root"
                    .to_owned()
            }
            (_, fix) => format!("{fix}, apply outboard.yaml and ask again"),
        },
        terminal: true,
        holds: false,
    })
}

fn all(revision: &EnvironmentRevision) -> Vec<(&Part, Violation)> {
    let templates = revision.parts.iter().filter_map(|part| Some((part, part.pod_template()?)));
    templates
        .flat_map(|(part, template)| {
            violations(revision.pod_security, &template["spec"]).into_iter().map(move |found| (part, found))
        })
        .collect()
}

fn told(part: &Part, violation: &Violation) -> String {
    format!("{} ({})", violation.message, key(part, &violation.field))
}

/// Where in `outboard.yaml` a field of a pod is said.
fn key(part: &Part, field: &str) -> String {
    if part.role == Role::Service {
        return format!("services.{}", part.name);
    }
    if field.contains(&format!("[{}]", api::marks::LOGS_CONTAINER)) {
        return format!("components.{}.logs", part.name);
    }
    let own = format!("containers[{}].", part.name);
    match field.strip_prefix(&own) {
        Some(field) => format!("components.{}.container.{field}", part.name),
        None => format!("components.{}.pod.{field}", part.name),
    }
}

#[cfg(test)]
mod tests;
