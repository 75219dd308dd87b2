//! What a reconcile is to do next, from what was asked and what was stored.

use std::collections::BTreeSet;

use api::marks::Owner;
use api::revision::{EnvironmentRevision, Part};
use api::{EnvironmentSpec, PartState, Role};
use apply::kinds::Kind;
use apply::{Seen, View};

use super::readiness::Progress;

/// Whether the stored revision is what the environment asks for now. The renderer does not count:
/// upgrading outboard restarts nothing.
pub fn is_current(spec: &EnvironmentSpec, revision: &EnvironmentRevision) -> bool {
    spec.project == revision.project
        && spec.project_revision == revision.project_revision
        && spec.class == revision.class
        && spec.versions == revision.requested
        && spec.restores == revision.restores
        && spec.keeps == revision.keeps
        && spec.restarts == revision.restarts
        && spec.overrides == revision.overrides
        // Digests of images that it does not run say nothing about it.
        && revision.digests.iter().all(|(image, digest)| spec.digests.get(image).is_none_or(|said| said == digest))
}

/// Whether parts of `role` may be touched now, given how far the earlier ones have come. A revision that
/// has been ready once is healed as a whole: a broken service must not keep a component from being mended.
pub fn may_touch(role: Role, settled: bool, progress: &[(Role, PartState)]) -> bool {
    settled
        || progress
            .iter()
            .filter(|(earlier, _)| *earlier < role || (*earlier == role && role.completes()))
            .all(|(_, state)| *state == PartState::Ready)
}

/// Whether a part brings an autoscaler for its servers along, whether or not that is there already.
pub fn scales_itself(part: &Part, kind: Kind) -> bool {
    part.objects.iter().any(|object| {
        object["kind"] == Kind::HorizontalPodAutoscaler.name()
            && object["spec"]["scaleTargetRef"]["kind"] == kind.name()
    })
}

/// Whether an object that is wanted no more goes before anything else is done: it would refuse the pods of the revision
/// that does without it.
pub fn goes_first(seen: &Seen) -> bool {
    matches!(seen.kind, Kind::ResourceQuota | Kind::LimitRange)
}

/// Live objects of ours that no part of the revision wants any more.
pub fn to_prune<'a>(revision: &EnvironmentRevision, view: &'a View, owner: &Owner) -> Vec<&'a Seen> {
    let wanted: BTreeSet<(&str, &str)> =
        revision.parts.iter().flat_map(|part| part.objects.iter()).filter_map(identity).collect();
    view.iter()
        .filter(|seen| {
            !wanted.contains(&(seen.kind.name(), seen.name.as_str()))
                && !seen.deleting
                && seen.kind.is_rendered()
                // What a controller made (a CronJob's Job, say) goes with its owner.
                && !seen.controlled
                // Labels alone prove nothing: somebody may have copied them with the rest of an object of ours.
                && seen.belongs_to(owner)
                && seen.written_by_us
        })
        .collect()
}

fn identity(object: &serde_json::Value) -> Option<(&str, &str)> {
    Some((object["kind"].as_str()?, object["metadata"]["name"].as_str()?))
}

/// A sentence that says what a not yet ready environment waits for.
pub fn waiting_for(parts: &[(&Part, &Progress)]) -> String {
    let waiting = parts
        .iter()
        .find(|(_, progress)| matches!(progress.state, PartState::Progressing | PartState::Failed));
    match waiting {
        Some((part, progress)) if progress.message.is_empty() => {
            format!("waiting for {} {}", part.role.as_str(), part.name)
        }
        Some((part, progress)) => format!("{} {}: {}", part.role.as_str(), part.name, progress.message),
        None => "starting".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn deployment(name: &str, owner: &Owner, metadata: &Value) -> Value {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
            "labels": owner.labels(),
            "managedFields": [{"manager": api::marks::MANAGER, "operation": "Apply"}],
        }});
        for (key, value) in metadata.as_object().unwrap() {
            object["metadata"][key] = value.clone();
        }
        object["metadata"]["name"] = json!(name);
        object
    }

    #[test]
    fn only_our_own_objects_that_no_part_wants_are_pruned() {
        let owner = Owner {
            install: "outboard".into(),
            control_namespace: "shop".into(),
            project: "shop".into(),
            environment: "qa".into(),
        };
        let revision: EnvironmentRevision = serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {}, "renderer": "0",
            "urls": {}, "secrets": [],
            "parts": [{"name": "web", "role": "component", "objects": [deployment("web", &owner, &json!({}))]}],
        }))
        .unwrap();
        let mut view = View::default();
        for (name, metadata) in [
            ("web", json!({})),
            ("gone", json!({})),
            ("foreign", json!({"labels": {}})),
            ("copied", json!({"managedFields": []})),
            ("going", json!({"deletionTimestamp": "2026-01-01T00:00:00Z"})),
            (
                "owned",
                json!({"ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u"}]}),
            ),
        ] {
            let object = serde_json::from_value(deployment(name, &owner, &metadata)).unwrap();
            view.insert(Arc::new(Seen::of(Kind::Deployment, &object)));
        }
        let pruned: Vec<&str> =
            to_prune(&revision, &view, &owner).iter().map(|seen| seen.name.as_str()).collect();
        assert_eq!(pruned, ["gone"]);
    }

    #[test]
    fn a_quota_that_a_revision_does_without_goes_before_its_pods_come() {
        let seen =
            |kind: Kind| Seen::of(kind, &serde_json::from_value(json!({"metadata": {"name": "x"}})).unwrap());
        assert!([Kind::ResourceQuota, Kind::LimitRange].into_iter().all(|kind| goes_first(&seen(kind))));
        assert!([Kind::Deployment, Kind::NetworkPolicy].into_iter().all(|kind| !goes_first(&seen(kind))));
    }

    #[test]
    fn asking_to_keep_what_others_changed_is_asking_for_another_revision() {
        let revision: EnvironmentRevision = serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {}, "renderer": "0",
            "urls": {}, "secrets": [], "parts": [],
        }))
        .unwrap();
        let mut spec = EnvironmentSpec {
            project: "shop".into(),
            project_revision: "p-1".into(),
            class: "qa".into(),
            ..EnvironmentSpec::default()
        };
        assert!(is_current(&spec, &revision));
        spec.keeps = Some(4);
        assert!(!is_current(&spec, &revision));
        assert!(is_current(&spec, &EnvironmentRevision { keeps: Some(4), ..revision }));
    }

    #[test]
    fn components_wait_for_jobs_until_the_revision_has_been_ready_once() {
        let progress = [(Role::Service, PartState::Ready), (Role::Job, PartState::Progressing)];
        assert!(may_touch(Role::Job, false, &progress[..1]));
        assert!(!may_touch(Role::Component, false, &progress));
        assert!(may_touch(Role::Component, true, &progress));
        assert!(!may_touch(Role::Job, false, &progress[1..]), "jobs run one after the other");
    }
}
