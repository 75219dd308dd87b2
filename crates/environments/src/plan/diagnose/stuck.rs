//! Namespaces that were deleted and stay: what holds them, and whose that is.

use api::{Cause, Verdict};
use k8s_openapi::api::core::v1::Namespace;

/// Kubernetes' own, which it takes off itself: a claim of a volume, say, once the last pod that uses it has ended.
const PASSING: [&str; 3] = ["kubernetes.io/pvc-protection", "foregroundDeletion", "orphan"];

/// Who empties namespaces, where Kubernetes says of whom it refuses.
const THEIR_OWN: &str = "is forbidden: User \"system:serviceaccount:kube-system:namespace-controller\"";

/// What is left in a namespace of one kind, as its conditions say it: `widgets.example.com has 2 resource instances`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// `configmaps`
    pub plural: String,
    /// Empty for the core's.
    pub group: String,
}

/// An object that is left, and the finalizers that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `ConfigMap keep`
    pub object: String,
    pub finalizers: Vec<String>,
    /// Who set them, by Kubernetes' own record of managers.
    pub by: Vec<String>,
}

/// What is left, by the namespace's own word.
pub fn left(namespace: &Namespace) -> Vec<Left> {
    let Some(message) = said(namespace, "NamespaceContentRemaining") else { return Vec::new() };
    let listed = message.split_once("Some resources are remaining: ").map_or("", |(_, listed)| listed);
    let named = listed.split(", ").filter_map(|piece| piece.split_once(" has "));
    named
        .map(|(resource, _)| {
            let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
            Left { plural: plural.to_owned(), group: group.to_owned() }
        })
        .collect()
}

/// The verdict on a namespace that stays; none: it is only being emptied.
pub fn verdict(namespace: &Namespace, held: &[Held]) -> Option<Verdict> {
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let finalizers = said(namespace, "NamespaceFinalizersRemaining");
    let unknown = said(namespace, "NamespaceDeletionDiscoveryFailure");
    let failed = said(namespace, "NamespaceDeletionContentFailure");
    let verdict = |message: String, evidence: Vec<String>, fix: String| Verdict {
        cause: Cause::NamespaceStuck,
        about: format!("namespace {name}"),
        message,
        evidence,
        fix,
        terminal: true,
        holds: true,
    };
    if let Some((said, names)) =
        finalizers.map(|said| (said, waited_for(said))).filter(|(_, names)| !names.is_empty())
    {
        let evidence = held.iter().map(|held| {
            let by = match held.by.as_slice() {
                [] => String::new(),
                by => format!(", set by {}", by.join(" and ")),
            };
            format!("{}: finalizer {}{by}", held.object, held.finalizers.join(", "))
        });
        let evidence: Vec<String> = evidence.collect();
        let objects = match held {
            [] => String::new(),
            [only] => format!(" on {}", only.object),
            [first, more @ ..] => format!(" on {} and {} more", first.object, more.len()),
        };
        return Some(verdict(
            format!("namespace {name} stays: it waits for finalizer {}{objects}", names.join(", ")),
            if evidence.is_empty() { vec![said.to_owned()] } else { evidence },
            "whoever set it has to finish and take it off: see that it runs; it goes on by itself then. Taken off by hand, what it was to clean up is left behind".to_owned(),
        ));
    }
    if let Some(said) = unknown {
        return Some(verdict(
            format!("namespace {name} stays: a part of Kubernetes' API does not answer, and nobody knows what is left there"),
            vec![said.to_owned()],
            "bring back what serves that API, or delete its APIService (kubectl get apiservices); it goes on by itself then".to_owned(),
        ));
    }
    // An API server that has just started does not know its own controllers' rights yet; it does within a moment, always.
    let said = failed.filter(|said| !said.contains(THEIR_OWN))?;
    Some(verdict(
        format!("namespace {name} stays: what is left in it cannot be deleted"),
        vec![said.to_owned()],
        "see what refuses to let it go, mostly a webhook or a policy; it goes on by itself then".to_owned(),
    ))
}

/// Of the finalizers that a condition names those that do not go by themselves.
fn waited_for(said: &str) -> Vec<&str> {
    let named = said.split_once("finalizers remaining: ").map_or(said, |(_, named)| named);
    let names = named.split(", ").map(|piece| piece.split_once(" in ").map_or(piece, |(name, _)| name));
    let mut names: Vec<&str> = names.filter(|name| !PASSING.contains(name)).collect();
    names.dedup();
    names
}

/// The message of a condition that holds.
fn said<'a>(namespace: &'a Namespace, r#type: &str) -> Option<&'a str> {
    let conditions = namespace.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|found| found.type_ == r#type && found.status == "True")?;
    found.message.as_deref()
}
