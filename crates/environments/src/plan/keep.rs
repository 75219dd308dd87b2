//! Keeping what others changed by hand: the revision with its objects as they stand, and what becomes of that later.

use std::collections::BTreeMap;

use api::Role;
use api::plan::{Action, ObjectChange};
use api::revision::{EnvironmentRevision, Kept, Part};
use apply::keep::kept;
use apply::kinds::Kind;
use apply::{Managers, writer};
use kube::core::DynamicObject;
use serde_json::Value;

use super::changes;

/// What is there now, by kind and name.
pub type Live = BTreeMap<(Kind, String), DynamicObject>;

/// `stored` with what others changed, added, removed and deleted. Jobs stay what they were: what they did is done.
pub fn revision(stored: &EnvironmentRevision, live: &Live, managers: &Managers) -> EnvironmentRevision {
    let mut next = stored.clone();
    next.restores = None;
    for part in next.parts.iter_mut().filter(|part| !part.role.completes()) {
        as_it_stands(part, live, managers);
    }
    next.parts.retain(|part| !part.objects.is_empty());
    let has_route = |host: &str| next.parts.iter().any(|part| part.role == Role::Route && part.name == host);
    next.urls.retain(|host, _| has_route(host));
    for part in next.parts.iter().filter(|part| part.role == Role::Component) {
        if let Some(version) = &part.version {
            next.versions.insert(part.name.clone(), version.clone());
        }
    }
    next.kept = remembered(&stored.kept, &changes::between(Some(stored), &next));
    next
}

fn as_it_stands(part: &mut Part, live: &Live, managers: &Managers) {
    let before = image(part).map(str::to_owned);
    let objects = std::mem::take(&mut part.objects);
    for object in objects {
        let Some(kind) = kind(&object) else {
            part.objects.push(object);
            continue;
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let Some(there) = live.get(&(kind, name)) else { continue };
        if kind.scales() && part.replicas.is_some() {
            part.replicas = writer::replicas(there).or(part.replicas);
        }
        part.objects.push(kept(kind, &object, there, managers));
    }
    if let Some(image) = image(part).filter(|image| before.as_deref() != Some(image)) {
        let (version, digest) = named_by(image);
        (part.version, part.digest) = (Some(version), digest);
    }
}

fn kind(object: &Value) -> Option<Kind> {
    let kind = object["kind"].as_str()?;
    Kind::ALL.into_iter().find(|known| known.name() == kind)
}

/// The image of a part's own container.
fn image(part: &Part) -> Option<&str> {
    let containers = part
        .objects
        .iter()
        .find_map(|object| object.pointer("/spec/template/spec/containers"))?
        .as_array()?;
    let own = containers.iter().find(|container| container["name"] == part.name.as_str());
    own.or(containers.first())?["image"].as_str()
}

/// Version and digest of an image reference.
fn named_by(image: &str) -> (String, Option<String>) {
    let (tagged, digest) = match image.split_once('@') {
        Some((tagged, digest)) => (tagged, Some(digest.to_owned())),
        None => (image, None),
    };
    // A colon before the last slash is a registry's port.
    let tag = tagged.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
    (tag.map(str::to_owned).or_else(|| digest.clone()).unwrap_or_else(|| "latest".to_owned()), digest)
}

/// What was kept before and what is now.
fn remembered(before: &[Kept], changes: &[ObjectChange]) -> Vec<Kept> {
    let mut all = before.to_vec();
    for change in changes {
        let at = match all.iter().position(|kept| kept.object == change.object) {
            Some(at) => at,
            None => {
                all.push(Kept { object: change.object.clone(), deleted: false, fields: Vec::new() });
                all.len() - 1
            }
        };
        let kept = &mut all[at];
        kept.deleted = change.action == Action::Delete;
        kept.fields.extend(change.fields.iter().map(|field| field.path.clone()));
        kept.fields.sort();
        kept.fields.dedup();
    }
    all
}

/// What the change does: nothing but put on record what is there.
pub fn say_that_it_stands(changes: &mut [ObjectChange]) {
    for change in changes {
        change.effect = match change.action {
            Action::Delete => "is gone, and stays so",
            Action::Create | Action::Change => "stands so, and stays",
        }
        .to_owned();
    }
}

/// Whether a revision differs from what its project says.
pub fn by_hand(revision: &EnvironmentRevision) -> bool {
    !revision.kept.is_empty()
}

/// What of the changes by hand that `from` kept goes with `to`.
pub fn given_up(
    from: &EnvironmentRevision,
    to: &EnvironmentRevision,
    changes: &[ObjectChange],
) -> Option<String> {
    if to.keeps.is_some() {
        return None;
    }
    let gone: Vec<String> = from
        .kept
        .iter()
        .filter_map(|kept| {
            let change = changes.iter().find(|change| change.object == kept.object)?;
            if kept.deleted {
                return (change.action == Action::Create).then(|| format!("{} comes back", kept.object));
            }
            let fields: Vec<&str> = kept
                .fields
                .iter()
                .map(String::as_str)
                .filter(|path| change.fields.iter().any(|field| overlap(&field.path, path)))
                .collect();
            (!fields.is_empty()).then(|| format!("{}: {}", kept.object, fields.join(", ")))
        })
        .collect();
    (!gone.is_empty()).then(|| {
        format!(
            "changes by hand that were kept go: {}; what is to stay belongs into outboard.yaml",
            gone.join("; ")
        )
    })
}

/// One path holds the other: a sidecar goes as a whole, whatever of it was kept.
fn overlap(a: &str, b: &str) -> bool {
    let below = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    below(a, b) || below(b, a)
}

/// What is worth knowing when changes by hand are kept.
pub fn remarks(from: &EnvironmentRevision, to: &EnvironmentRevision) -> Vec<String> {
    if to.keeps.is_none() || to.keeps == from.keeps {
        return Vec::new();
    }
    let mut remarks = vec![
        "the next env set, update or promote renders from the project again: what is to stay belongs into outboard.yaml"
            .to_owned(),
    ];
    let known: Vec<&str> = images(from).collect();
    let mut loose: Vec<&str> =
        images(to).filter(|image| !known.contains(image) && !image.contains('@')).collect();
    loose.dedup();
    if !loose.is_empty() {
        remarks.push(format!("kept by a name that can move to other bytes: {}", loose.join(", ")));
    }
    remarks
}

fn images(revision: &EnvironmentRevision) -> impl Iterator<Item = &str> {
    revision
        .parts
        .iter()
        .flat_map(|part| &part.objects)
        .filter_map(|object| object.pointer("/spec/template/spec"))
        .flat_map(|pod| [&pod["initContainers"], &pod["containers"]])
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|container| container["image"].as_str())
}

#[cfg(test)]
mod tests {
    use api::marks;
    use serde_json::json;

    use super::*;

    fn kept_of(stored: &EnvironmentRevision, live: &Live) -> EnvironmentRevision {
        revision(stored, live, &Managers::default())
    }

    fn stored() -> EnvironmentRevision {
        serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {"web": "1"},
            "renderer": "0", "urls": {"web": "http://web"}, "secrets": [], "restores": 3,
            "parts": [
                {"name": "migrate", "role": "job", "objects": [{"kind": "Job", "metadata": {"name": "migrate-1"}}]},
                {"name": "web", "role": "component", "version": "1", "digest": "sha256:a", "replicas": 2, "objects": [
                    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"a": "b"}},
                     "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "r:5000/web:1@sha256:a"}]}}}},
                    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": []}}]},
                {"name": "web", "role": "route", "objects": [{"kind": "HTTPRoute", "metadata": {"name": "web"}, "spec": {}}]},
            ],
        }))
        .unwrap()
    }

    /// Everything as stored, but for what `change` does to the Deployment, recorded as `fields`.
    fn live(change: impl FnOnce(&mut Value), fields: &Value) -> Live {
        let mut live = Live::new();
        for part in stored().parts {
            for object in part.objects {
                let kind = kind(&object).unwrap();
                live.insert(
                    (kind, object["metadata"]["name"].as_str().unwrap().to_owned()),
                    serde_json::from_value(object).unwrap(),
                );
            }
        }
        let key = (Kind::Deployment, "web".to_owned());
        let mut web = serde_json::to_value(&live[&key]).unwrap();
        web["spec"]["replicas"] = json!(2);
        change(&mut web);
        web["metadata"]["managedFields"] = json!([
            {"manager": marks::MANAGER, "operation": "Apply", "fieldsV1": {}},
            {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields},
        ]);
        live.insert(key, serde_json::from_value(web).unwrap());
        live
    }

    fn paths(from: &EnvironmentRevision, to: &EnvironmentRevision) -> Vec<String> {
        let changes = changes::between(Some(from), to);
        changes.iter().flat_map(|change| change.fields.iter().map(|field| field.path.clone())).collect()
    }

    #[test]
    fn where_nobody_changed_anything_the_objects_stay_and_a_rollback_is_one_no_more() {
        let kept = kept_of(&stored(), &live(|_| {}, &json!({})));
        assert_eq!(kept, EnvironmentRevision { restores: None, ..stored() });
    }

    #[test]
    fn a_changed_image_is_the_parts_new_version_and_goes_with_the_next_rendering() {
        let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {r#"k:{"name":"web"}"#: {"f:image": {}}}}}}});
        let image = |live: &mut Value| {
            live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("r:5000/web:2");
        };
        let mut kept = kept_of(&stored(), &live(image, &fields));
        let path = "spec.template.spec.containers[web].image";
        assert_eq!(paths(&stored(), &kept), [path]);
        assert_eq!((kept.parts[1].version.as_deref(), kept.parts[1].digest.as_deref()), (Some("2"), None));
        assert_eq!(kept.versions["web"], "2");
        assert_eq!(
            kept.kept,
            [Kept { object: "Deployment web".into(), deleted: false, fields: vec![path.into()] }]
        );

        kept.keeps = Some(4);
        assert!(remarks(&stored(), &kept)[1].ends_with("other bytes: r:5000/web:2"));
        let changes = changes::between(Some(&kept), &stored());
        assert!(given_up(&kept, &stored(), &changes).is_some_and(|note| note.contains(path)));
        assert_eq!(given_up(&kept, &kept, &[]), None);
    }

    #[test]
    fn changed_replicas_are_the_parts_new_replicas_even_none() {
        for count in [0, 5] {
            let kept = kept_of(&stored(), &live(|live| live["spec"]["replicas"] = json!(count), &json!({})));
            assert_eq!(kept.parts[1].replicas, Some(count));
            assert_eq!(paths(&stored(), &kept), ["spec.replicas"]);
        }
    }

    #[test]
    fn a_deleted_object_stays_deleted_with_its_part_once_nothing_of_that_is_left() {
        let mut live = live(|_| {}, &json!({}));
        live.remove(&(Kind::HttpRoute, "web".to_owned()));
        live.remove(&(Kind::Deployment, "web".to_owned()));
        live.remove(&(Kind::Job, "migrate-1".to_owned()));
        let kept = kept_of(&stored(), &live);
        let parts: Vec<(&str, usize)> =
            kept.parts.iter().map(|part| (part.name.as_str(), part.objects.len())).collect();
        assert_eq!(parts, [("migrate", 1), ("web", 1)], "the Service is left, and a finished job is no loss");
        assert!(kept.urls.is_empty());
        let changes = changes::between(Some(&kept), &stored());
        let note = given_up(&kept, &stored(), &changes).unwrap();
        assert!(
            note.contains("Deployment web comes back; HTTPRoute web comes back")
                || note.contains("HTTPRoute web comes back; Deployment web comes back"),
            "{note}"
        );
    }

    #[test]
    fn what_was_kept_before_is_remembered_until_it_is_rendered_again() {
        let once = kept_of(&stored(), &live(|live| live["spec"]["replicas"] = json!(3), &json!({})));
        let label = json!({"f:metadata": {"f:labels": {"f:c": {}}}});
        let twice = kept_of(
            &once,
            &live(
                |live| {
                    live["spec"]["replicas"] = json!(3);
                    live["metadata"]["labels"]["c"] = json!("d");
                },
                &label,
            ),
        );
        assert_eq!(twice.kept[0].fields, ["metadata.labels.c", "spec.replicas"]);
    }

    #[test]
    fn a_reference_names_its_version_whatever_its_registry_is_called() {
        assert_eq!(named_by("r:5000/web:2"), ("2".into(), None));
        assert_eq!(named_by("r:5000/web"), ("latest".into(), None));
        assert_eq!(named_by("web:2@sha256:a"), ("2".into(), Some("sha256:a".into())));
        assert_eq!(named_by("web@sha256:a"), ("sha256:a".into(), Some("sha256:a".into())));
    }
}
