//! The files of a component that are logs: their directories are shared with a sidecar, which writes what is added to
//! them to its own output. It is outboard itself, in the image that the revision names.

use std::collections::{BTreeMap, BTreeSet};

use api::marks::{LOGS_CONTAINER, TEMPLATE};
use api::project::Component;
use api::revision::{EnvironmentRevision, Part};
use serde_json::{Value, json};

use super::directories::volume_name;
use super::render::Place;

/// Where the sidecar keeps how far it is: as long as the pod lives, so that it says nothing twice.
pub const STATE: &str = "/var/lib/outboard-fals";

/// The directories of its logs that neither are a volume of its own nor lie in one.
pub fn directories(component: &Component) -> BTreeSet<&str> {
    let all = component.logs.iter().filter_map(|file| directory(file));
    all.filter(|path| !component.volumes.keys().any(|volume| within(path, volume))).collect()
}

/// What the pod brings along for them.
pub fn volumes(component: &Component) -> Vec<Value> {
    if component.logs.is_empty() {
        return Vec::new();
    }
    let names = directories(component).into_iter().map(volume_name).chain([LOGS_CONTAINER.to_owned()]);
    names.map(|name| json!({"name": name, "emptyDir": {}})).collect()
}

/// The sidecar: it starts before the component and stops after it, so that it sees the last line.
pub fn sidecar(place: &Place<'_>, component: &Component) -> Option<Value> {
    if component.logs.is_empty() {
        return None;
    }
    let shared: BTreeSet<&str> = component.logs.iter().filter_map(|file| holder(component, file)).collect();
    let mut mounts: Vec<Value> = shared
        .into_iter()
        .map(|path| json!({"name": volume_name(path), "mountPath": path, "readOnly": true}))
        .collect();
    mounts.push(json!({"name": LOGS_CONTAINER, "mountPath": STATE}));
    let files = component.logs.iter().map(|file| file.replace("$(", "$$("));
    let args: Vec<String> = ["fals", "tail"].map(str::to_owned).into_iter().chain(files).collect();
    Some(json!({
        "name": LOGS_CONTAINER,
        "image": place.settings.image,
        "restartPolicy": "Always",
        "args": args,
        "volumeMounts": mounts,
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": security(component),
    }))
}

/// The directory that a file lies in; none of the root's own.
pub fn directory(file: &str) -> Option<&str> {
    file.rsplit_once('/').map(|(directory, _)| directory).filter(|directory| !directory.is_empty())
}

/// Whether a path is `directory` or lies below it.
pub fn within(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The directory in which the component and its sidecar see the same file: the nearest volume, or the file's own.
fn holder<'a>(component: &'a Component, file: &'a str) -> Option<&'a str> {
    let volumes = component.volumes.keys().map(String::as_str).filter(|volume| within(file, volume));
    let own = directory(file).filter(|own| directories(component).contains(own));
    volumes.chain(own).max_by_key(|path| path.len())
}

/// It reads what the component writes: as the same user, or, where the image alone knows who that is, as root with the
/// one right to read everybody's files.
fn security(component: &Component) -> Value {
    let mut context = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    if component.user.is_none() {
        context["runAsUser"] = json!(0);
        // Whatever the project says of the pod in Kubernetes' own words is about the component.
        context["runAsNonRoot"] = json!(false);
        context["capabilities"]["add"] = json!(["DAC_OVERRIDE"]);
    }
    context
}

/// What nobody touched stays what it was: another outboard is no reason to restart a component or to run a job again.
pub fn keep_images(revision: &mut EnvironmentRevision, before: &EnvironmentRevision) {
    for part in &mut revision.parts {
        let same = |other: &&Part| other.name == part.name && other.role == part.role;
        let Some(before) = before.parts.iter().find(same) else { continue };
        for object in &mut part.objects {
            let Some(plain) = without_image(object) else { continue };
            let earlier =
                before.objects.iter().find(|earlier| without_image(earlier).as_ref() == Some(&plain));
            if let Some(earlier) = earlier {
                object.clone_from(earlier);
            }
        }
    }
}

/// An object without what another image of its sidecar would change in it; none: it has no sidecar.
fn without_image(object: &Value) -> Option<Value> {
    let mut object = object.clone();
    let at = if object["kind"] == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
    let template = object.pointer_mut(at)?;
    let containers = template.pointer_mut("/spec/initContainers")?.as_array_mut()?;
    let sidecar = containers.iter_mut().find(|container| container["name"] == LOGS_CONTAINER)?;
    sidecar["image"] = Value::Null;
    template["metadata"]["labels"][TEMPLATE] = Value::Null;
    // A job is named by what it runs.
    if object["kind"] == "Job" {
        object["metadata"]["name"] = Value::Null;
    }
    Some(object)
}

/// Takes the sidecars out of an object: whoever has no outboard does not have its image either.
pub fn without_sidecar(value: &mut Value) {
    let ours = |entry: &Value| entry["name"] == LOGS_CONTAINER;
    match value {
        Value::Object(map) => {
            for key in ["initContainers", "volumes"] {
                let Some(entries) = map.get_mut(key).and_then(Value::as_array_mut) else { continue };
                entries.retain(|entry| !ours(entry));
                if entries.is_empty() {
                    map.shift_remove(key);
                }
            }
            map.values_mut().for_each(without_sidecar);
        }
        Value::Array(items) => items.iter_mut().for_each(without_sidecar),
        _ => {}
    }
}

/// Directories that would be called what another is called already, each with that one.
pub fn clashes(component: &Component) -> BTreeMap<&str, &str> {
    let mut names = BTreeMap::new();
    if !component.logs.is_empty() {
        names.insert(LOGS_CONTAINER.to_owned(), STATE);
    }
    let mut clashes = BTreeMap::new();
    let volumes = component.volumes.keys().map(String::as_str);
    for path in volumes.chain(directories(component)) {
        if let Some(other) = names.insert(volume_name(path), path) {
            clashes.insert(path, other);
        }
    }
    clashes
}

#[cfg(test)]
mod tests {
    use api::Role;
    use api::project::Volume;

    use super::*;

    fn component(logs: &[&str], volumes: &[&str]) -> Component {
        Component {
            logs: logs.iter().map(|file| (*file).to_owned()).collect(),
            volumes: volumes.iter().map(|path| ((*path).to_owned(), Volume::default())).collect(),
            ..Component::default()
        }
    }

    #[test]
    fn each_directory_is_shared_once_and_those_of_volumes_are_there_already() {
        let logs = [
            "/var/log/web/a.log",
            "/var/log/web/b.log",
            "/var/log/web/old/c.log",
            "/data/logs/d.log",
            "/datax/e",
        ];
        let component = component(&logs, &["/data"]);
        let own: Vec<_> = directories(&component).into_iter().collect();
        assert_eq!(own, ["/datax", "/var/log/web", "/var/log/web/old"]);
        let holders: Vec<_> = logs.iter().filter_map(|file| holder(&component, file)).collect();
        assert_eq!(holders, ["/var/log/web", "/var/log/web", "/var/log/web/old", "/data", "/datax"]);
        assert_eq!(volumes(&component).len(), 4);
    }

    #[test]
    fn the_nearest_volume_is_the_one_that_is_written_into() {
        let component = component(&["/data/logs/a.log"], &["/data", "/data/logs"]);
        assert_eq!(holder(&component, "/data/logs/a.log"), Some("/data/logs"));
    }

    fn revision(image: &str, command: &str) -> EnvironmentRevision {
        let template = json!({
            "metadata": {"labels": {TEMPLATE: image}},
            "spec": {
                "initContainers": [{"name": LOGS_CONTAINER, "image": image}],
                "containers": [{"name": "x", "command": [command]}],
            },
        });
        let part =
            |name: &str, role: Role, object: Value| json!({"name": name, "role": role, "objects": [object]});
        let named = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}, "spec": {"template": template}});
        let nightly = json!({"kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {"jobTemplate": {"spec": {"template": template}}}});
        serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {},
            "renderer": "0", "urls": {}, "secrets": [],
            "parts": [
                part("migrate", Role::Job, named("Job", &format!("migrate-{image}"))),
                part("web", Role::Component, named("Deployment", "web")),
                part("nightly", Role::Schedule, nightly),
            ],
        }))
        .unwrap()
    }

    #[test]
    fn another_outboard_alone_changes_nothing_and_comes_with_the_next_change_of_a_component() {
        let before = revision("outboard:1", "serve");
        let mut same = revision("outboard:2", "serve");
        keep_images(&mut same, &before);
        assert_eq!(same.parts, before.parts);
        let mut changed = revision("outboard:2", "serve --fast");
        keep_images(&mut changed, &before);
        assert_eq!(changed.parts, revision("outboard:2", "serve --fast").parts);
    }

    #[test]
    fn what_leaves_for_a_place_without_outboard_leaves_without_its_sidecar() {
        let mut pod = json!({"spec": {
            "initContainers": [{"name": LOGS_CONTAINER}],
            "volumes": [{"name": "var-log-web"}, {"name": LOGS_CONTAINER}],
        }});
        without_sidecar(&mut pod);
        assert_eq!(pod, json!({"spec": {"volumes": [{"name": "var-log-web"}]}}));
    }
}
