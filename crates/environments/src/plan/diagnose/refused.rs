//! What Kubernetes does not even accept: pods beyond a quota or a limit, and what a policy of the cluster refuses.

use api::revision::{EnvironmentRevision, Part};
use api::{Cause, Verdict};

use super::case::Case;
use crate::plan::limits;
use crate::plan::quantity::thousandths;

/// The verdict on a part whose pods Kubernetes does not even create.
pub fn pods(part: &Part, why: &str, environment: &str) -> Verdict {
    let case = Case::new(part, environment);
    let name = &part.name;
    let said = said(why);
    if let Some(quota) = quota(why) {
        let (message, fix) = match quota {
            Quota::Exceeded { name: quota, what } => (
                format!("quota {quota} of the environment's namespace has no room for {name}: {what}"),
                format!(
                    "ask for less ({name}.resources, {name}.scale in outboard.yaml), or let the quota have more; it goes on by itself then"
                ),
            ),
            Quota::Unsaid { name: quota, what } => (
                format!(
                    "quota {quota} of the environment's namespace wants {name} to say what it asks for: {what}"
                ),
                format!(
                    "say it in {name}.resources of outboard.yaml, then outboard env update {environment}"
                ),
            ),
        };
        return Verdict {
            holds: true,
            ..case.verdict(Cause::QuotaExceeded, message, vec![why.to_owned()], fix)
        };
    }
    if is_limit(why) {
        return Verdict {
            holds: true,
            ..case.verdict(
                Cause::LimitRange,
                format!("a LimitRange of the environment's namespace does not let {name} have pods: {said}"),
                vec![why.to_owned()],
                format!("ask for what it allows ({name}.resources in outboard.yaml), or let it allow more; it goes on by itself then"),
            )
        };
    }
    let policy = policy(why);
    let (cause, fix) = match policy {
        Some(policy) => (
            Cause::AdmissionRefused,
            format!(
                "correct in outboard.yaml what {policy} names, then outboard env update {environment}; or have whoever keeps that policy make an exception"
            ),
        ),
        None => (
            Cause::Refused,
            format!("correct what it names in outboard.yaml, then outboard env update {environment}"),
        ),
    };
    case.verdict(
        cause,
        format!("Kubernetes does not let {name} have pods: {said}"),
        vec![why.to_owned()],
        fix,
    )
}

/// Whether a refusal was by a quota of the environment's own as it was before: Kubernetes has not asked again since.
pub fn is_outdated(why: &str, revision: &EnvironmentRevision) -> bool {
    let (name, limited) = match quota(why) {
        Some(Quota::Exceeded { name, what }) => {
            (name, what.rsplit_once("limited: ").map_or("", |(_, limited)| limited))
        }
        Some(Quota::Unsaid { name, .. }) => (name, ""),
        None => return false,
    };
    if name != limits::NAME {
        return false;
    }
    let Some(hard) = limits::hard_of(revision) else { return true };
    limited
        .split(',')
        .filter_map(|limit| limit.trim().split_once('='))
        .any(|(resource, amount)| hard[resource].as_str().and_then(thousandths) != thousandths(amount))
}

/// What a refusal of any object comes to.
pub fn cause(message: &str) -> Cause {
    if quota(message).is_some() {
        Cause::QuotaExceeded
    } else if policy(message).is_some() {
        Cause::AdmissionRefused
    } else {
        Cause::Refused
    }
}

/// Without the name of a pod that never was: each try has another, and each would be a write.
fn said(why: &str) -> &str {
    why.split_once(" is forbidden: ").map_or(why, |(_, said)| said)
}

enum Quota<'a> {
    Exceeded { name: &'a str, what: &'a str },
    Unsaid { name: &'a str, what: &'a str },
}

/// `exceeded quota: NAME, requested: pods=1, used: pods=1, limited: pods=1`, and `failed quota: NAME: must specify …`.
fn quota(message: &str) -> Option<Quota<'_>> {
    if let Some((_, rest)) = message.split_once("exceeded quota: ") {
        let (name, what) = rest.split_once(", ").unwrap_or((rest, ""));
        return Some(Quota::Exceeded { name, what });
    }
    let (_, rest) = message.split_once("failed quota: ")?;
    let (name, what) = rest.split_once(": ").unwrap_or((rest, ""));
    Some(Quota::Unsaid { name, what })
}

/// `maximum memory usage per Container is 16Mi, but limit is 64Mi`.
fn is_limit(message: &str) -> bool {
    let of_each = ["per Container", "per Pod", "per PersistentVolumeClaim"];
    let bound = ["maximum ", "minimum ", "limit to request ratio"];
    of_each.iter().any(|word| message.contains(word)) && bound.iter().any(|word| message.contains(word))
}

/// Which policy of the cluster refuses.
fn policy(message: &str) -> Option<String> {
    if message.contains("violates PodSecurity") {
        return Some("Pod Security".to_owned());
    }
    let named = |before: &str, kind: &str| {
        let (_, rest) = message.split_once(before)?;
        let quote = before.chars().last()?;
        Some(format!("{kind} {}", rest.split_once(quote)?.0))
    };
    named("ValidatingAdmissionPolicy '", "policy").or_else(|| named("admission webhook \"", "webhook"))
}
