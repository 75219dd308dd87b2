//! Volumes of a pod, as one container mounts them.

use api::project::Volume;
use serde_json::Value;

use super::super::note::Kind;
use super::super::quantity;
use super::object::{items, text};
use super::workload::{Workload, said};

pub fn read(workload: &mut Workload<'_>, spec: &Value, container: &Value, at: &str) {
    for (mount, at) in items(container.get("volumeMounts"), &format!("{at}/volumeMounts")) {
        let (Some(name), Some(path)) = (text(mount, "name"), text(mount, "mountPath").and_then(path)) else {
            workload.note(Kind::Left, &at, "it is no mount with a name and a path", "");
            continue;
        };
        let volumes = items(spec.get("volumes"), "");
        let volume = volumes
            .iter()
            .find(|(volume, _)| text(volume, "name") == Some(name))
            .map(|(volume, _)| (*volume).clone());
        workload.part.mounts.push((name.to_owned(), path.clone()));
        // Without a volume it is a claim of the workload itself.
        if let Some(volume) = volume {
            one(workload, &volume, mount, &path, &at);
        }
    }
}

/// A path as outboard takes it.
fn path(target: &str) -> Option<String> {
    let steps: Vec<&str> = target.split('/').filter(|step| !step.is_empty() && *step != ".").collect();
    let fits = target.starts_with('/') && !steps.is_empty() && !steps.contains(&"..");
    (fits && !target.contains(char::is_whitespace) && !target.contains(':'))
        .then(|| format!("/{}", steps.join("/")))
}

fn one(workload: &mut Workload<'_>, volume: &Value, mount: &Value, path: &str, at: &str) {
    let part = text(mount, "subPath").filter(|part| !part.is_empty());
    if let Some(empty) = volume.get("emptyDir") {
        let memory = text(empty, "medium") == Some("Memory");
        let size = empty.get("sizeLimit").and_then(quantity::kubernetes_memory);
        let memory = memory.then(|| size.unwrap_or_else(|| "64Mi".to_owned()));
        workload.part.component.volumes.insert(path.to_owned(), Volume { storage: None, memory });
    } else if let Some(map) = volume.get("configMap") {
        config_map(workload, map, part, path, at);
    } else if let Some(secret) = volume.get("secret") {
        let name = text(secret, "secretName").unwrap_or_default();
        let message = format!("Secret `{name}` was mounted at `{path}`, and is not copied into anything");
        let instead = if super::super::known::has_key("secrets") {
            "write a file of `files` in which `${secret.NAME.KEY}` stands, and say under `spec.secrets` where it lies"
        } else {
            "let the program read it from `env`, or write a file of `files` with `${SERVICE.password}` in it"
        };
        workload.note(Kind::Todo, at, message, instead);
    } else if let Some(name) = volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str) {
        let claim = workload.reader.find("PersistentVolumeClaim", name);
        let size = claim.and_then(|claim| {
            claim.value.pointer("/spec/resources/requests/storage").and_then(quantity::storage)
        });
        if size.is_none() {
            workload.note(
                Kind::Todo,
                at,
                format!("claim `{name}` is not here: 1Gi is a guess"),
                "correct `storage`, which can grow and never shrink",
            );
        }
        if let Some(part) = part {
            workload.note(Kind::Changed, at, format!("`{part}` of the claim becomes a disk of its own"), "");
        }
        let replicas =
            workload.part.component.scale.as_ref().map_or(1, |scale| scale.max.unwrap_or(scale.min));
        if replicas > 1 {
            let message =
                format!("claim `{name}` is shared by all replicas: here each has a disk of its own");
            workload.note(Kind::Todo, at, message, "keep it in a bucket, or run one replica");
        }
        workload.part.component.volumes.insert(
            path.to_owned(),
            Volume { storage: Some(size.unwrap_or_else(|| "1Gi".to_owned())), memory: None },
        );
    } else {
        let kinds: Vec<&str> = volume
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .filter(|key| *key != "name")
            .collect();
        let message = format!("a volume of kind {} has no key of its own", kinds.join(", "));
        workload.note(
            Kind::Left,
            at,
            message,
            "`pod: {volumes: […]}` and `container: {volumeMounts: […]}` say it in Kubernetes' own words",
        );
    }
}

fn config_map(workload: &mut Workload<'_>, map: &Value, part: Option<&str>, path: &str, at: &str) {
    let name = text(map, "name").unwrap_or_default();
    let Some(object) = workload.reader.find("ConfigMap", name) else {
        workload.note(
            Kind::Todo,
            at,
            format!("ConfigMap `{name}` is not here"),
            "put its files beside outboard.yaml and name them under `files`",
        );
        return;
    };
    if object.get("/binaryData").is_some() {
        workload.note(
            Kind::Left,
            at,
            format!("what is no text in ConfigMap `{name}`"),
            "put it into the image",
        );
    }
    // Some of its keys, under other names; else all of them.
    let chosen: Vec<(String, String)> = match map.get("items").and_then(Value::as_array) {
        Some(list) => list
            .iter()
            .filter_map(|item| Some((text(item, "key")?.to_owned(), text(item, "path")?.to_owned())))
            .collect(),
        None => {
            let keys = object.get("/data").and_then(Value::as_object).into_iter().flatten();
            keys.map(|(key, _)| (key.clone(), key.clone())).collect()
        }
    };
    let component = workload.part.name.clone();
    for (key, file) in chosen {
        let target = match part {
            Some(part) if part == file => path.to_owned(),
            Some(_) => continue,
            None => match self::path(&format!("{path}/{file}")) {
                Some(target) => target,
                None => continue,
            },
        };
        let text = object.value.get("data").and_then(|data| said(data.get(&key)));
        // Said without its last line break: a text is taken as it is.
        let text =
            object.value.get("data").and_then(|data| data.get(&key)?.as_str().map(str::to_owned)).or(text);
        let source = workload.reader.draft.add_file(&component, &file, &text.unwrap_or_default());
        workload.part.component.files.insert(target, source);
    }
    workload.note(Kind::Changed, at, format!("ConfigMap `{name}` becomes files beside outboard.yaml"), "");
}
