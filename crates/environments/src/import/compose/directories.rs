//! Volumes, bind mounts, configs and secrets: what a service finds in its file system.

use api::problem::pointer;
use api::project::Volume;
use serde_json::Value;

use super::super::quantity::{self, word};
use super::super::{Found, names};
use super::service::Service;

/// The size of a disk where nobody says one.
const SIZE: &str = "1Gi";
/// More files than this in a directory are no settings.
const FILES: usize = 20;

pub fn volumes(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    let Value::Array(list) = value else {
        service.wrong(at, "it is a list of volumes");
        return;
    };
    for (index, item) in list.iter().enumerate() {
        let at = format!("{at}/{index}");
        let (source, target) = match item {
            Value::Object(map) => {
                if map.get("type").and_then(Value::as_str) == Some("tmpfs") {
                    let size = map.get("tmpfs").and_then(|tmpfs| tmpfs.get("size"));
                    let memory = size.and_then(quantity::compose_memory);
                    scratch(service, map.get("target").and_then(word).as_deref(), memory, &at);
                    continue;
                }
                (map.get("source").and_then(word), map.get("target").and_then(word))
            }
            _ => match word(item) {
                Some(text) => short(&text),
                None => (None, None),
            },
        };
        let Some(target) = target.and_then(|target| path(&target)) else {
            service.wrong(&at, "it is written SOURCE:/PATH");
            continue;
        };
        match source {
            None => scratch(service, Some(&target), None, &at),
            Some(source) if is_path(&source) => bind(service, &source, &target, &at),
            Some(name) => named(service, &name, &target, &at),
        }
    }
}

fn short(text: &str) -> (Option<String>, Option<String>) {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [target] => (None, Some((*target).to_owned())),
        [source, target, ..] => (Some((*source).to_owned()), Some((*target).to_owned())),
        [] => (None, None),
    }
}

fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~', '$']) || source.contains('/') || source.contains('\\')
}

/// A path in the container, as outboard takes it.
fn path(target: &str) -> Option<String> {
    let steps: Vec<&str> = target.split('/').filter(|step| !step.is_empty() && *step != ".").collect();
    let fits = target.starts_with('/') && !steps.is_empty() && !steps.contains(&"..");
    (fits && !target.contains(char::is_whitespace) && !target.contains(':'))
        .then(|| format!("/{}", steps.join("/")))
}

fn scratch(service: &mut Service<'_, '_>, target: Option<&str>, memory: Option<String>, at: &str) {
    match target.and_then(path) {
        Some(path) => drop(service.part.component.volumes.insert(path, Volume { storage: None, memory })),
        None => service.wrong(at, "it is a path in the container, such as `/tmp`"),
    }
}

pub fn tmpfs(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    let list = match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    for item in list {
        let text = word(&item).unwrap_or_default();
        let (target, options) = text.split_once(':').unwrap_or((&text, ""));
        let size = options.split(',').find_map(|option| option.strip_prefix("size="));
        let memory = size.and_then(|size| quantity::compose_memory(&Value::String(size.to_owned())));
        scratch(service, Some(target), memory, at);
    }
}

fn named(service: &mut Service<'_, '_>, name: &str, target: &str, at: &str) {
    service
        .part
        .component
        .volumes
        .insert(target.to_owned(), Volume { storage: Some(SIZE.to_owned()), memory: None });
    let size = format!("how large volume `{name}` is stands nowhere: {SIZE} is a guess");
    service.todo(at, size, "correct `storage`, which can grow and never shrink");
    let others = service.reader.draft.parts.iter().filter(|part| part.place.path != service.part.place.path);
    let shared: Vec<String> = others
        .filter(|part| {
            let at = pointer(
                &format!("/services/{}", part.hosts[0].replace('~', "~0").replace('/', "~1")),
                "volumes",
            );
            let list = service.reader.document.value.pointer(&at).and_then(Value::as_array);
            list.into_iter().flatten().any(|item| {
                item.get("source").and_then(word).or_else(|| short(&word(item)?).0).as_deref() == Some(name)
            })
        })
        .map(|part| part.name.clone())
        .collect();
    if !shared.is_empty() {
        let message =
            format!("volume `{name}` is shared with {}: here each has a disk of its own", shared.join(", "));
        let instead = "let one of them serve it to the others, keep it in a bucket, or run them in one pod (`pod: {containers: […]}`)";
        service.todo(at, message, instead);
    }
}

fn bind(service: &mut Service<'_, '_>, source: &str, target: &str, at: &str) {
    if source.ends_with("docker.sock") {
        let message = "there is no Docker to talk to, and no way out of its own container";
        service.left(at, message, "");
        return;
    }
    if source.starts_with(['/', '~', '$']) {
        let message = format!("`{source}` is a file of one machine: there is none like it on others");
        service.left(at, message, "put it beside outboard.yaml and name it under `files`, or into the image");
        return;
    }
    match service.reader.around.look(source) {
        Found::Text(text) => {
            let name = file(service, source, &text, at);
            service.part.component.files.insert(target.to_owned(), name);
        }
        Found::Directory(entries) => directory(service, source, target, &entries, at),
        Found::Unreadable(why) => {
            service.left(
                at,
                format!("`{source}` is not taken over: {why}"),
                "put it into the image, or into a bucket",
            );
        }
        Found::Nothing => {
            service.left(
                at,
                format!("`{source}` is not there"),
                "name it under `files` if it is a file of settings, or put it into the image",
            );
        }
    }
}

/// A directory of a few files of settings is taken over; code belongs into an image.
fn directory(service: &mut Service<'_, '_>, source: &str, target: &str, entries: &[String], at: &str) {
    let whole = matches!(source.trim_end_matches('/'), "." | "..");
    let code = whole || service.part.built && !target.starts_with("/etc");
    if code {
        let message =
            format!("`{source}` is mounted over what is in the image, as one does while writing it");
        service.left(at, message, "the image holds it; for settings, name each file under `files`");
        return;
    }
    let source = source.trim_end_matches('/');
    let texts: Option<Vec<(String, String)>> = entries
        .iter()
        .map(|name| match service.reader.around.look(&format!("{source}/{name}")) {
            Found::Text(text) => Some((name.clone(), text)),
            _ => None,
        })
        .collect();
    match texts {
        Some(texts) if texts.len() <= FILES && !texts.is_empty() => {
            for (name, text) in texts {
                let named = file(service, &format!("{source}/{name}"), &text, at);
                if let Some(target) = path(&format!("{target}/{name}")) {
                    service.part.component.files.insert(target, named);
                }
            }
            service.changed(
                at,
                format!("each file of `{source}` is named by itself; a new one has to be named, too"),
                "",
            );
        }
        Some(texts) if texts.is_empty() => {
            scratch(service, Some(target), None, at);
            service.todo(
                at,
                format!("`{source}` is empty: this is scratch space"),
                "give it `storage: 1Gi` if what is written there has to stay",
            );
        }
        _ => {
            let message = format!("`{source}` holds more than a few files of settings");
            service.left(
                at,
                message,
                "put it into the image; what is written there needs `volumes: {PATH: {storage: 1Gi}}`",
            );
        }
    }
}

/// A file as it is, if outboard would not find something to replace in it, and it lies beside the project.
fn file(service: &mut Service<'_, '_>, source: &str, text: &str, at: &str) -> String {
    let below = !source.split('/').any(|step| step == "..");
    if below && !text.contains("${") {
        let name = format!("./{}", source.trim_start_matches("./"));
        service.reader.draft.read.insert(name.clone(), text.to_owned());
        return name;
    }
    let part = service.part.name.clone();
    let name = service.reader.draft.add_file(&part, source, text);
    let why = if below {
        "`${` in it is written `$${`: else outboard would replace it"
    } else {
        "it has to lie below outboard.yaml"
    };
    service.changed(at, format!("`{source}` is copied to `{name}`: {why}"), "");
    name
}

/// Settings that the file itself names, or others.
pub fn configs(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let at = format!("{at}/{index}");
        let Some(name) = item.get("source").and_then(word).or_else(|| word(item)) else { continue };
        let target = item.get("target").and_then(word).unwrap_or_else(|| format!("/{name}"));
        let definition = service.reader.shared.get("configs").and_then(|configs| configs.get(&name)).cloned();
        let definition = definition.unwrap_or(Value::Null);
        let found = match (
            definition.get("content").and_then(Value::as_str),
            definition.get("file").and_then(word),
        ) {
            (Some(text), _) => Some((names::file(&name), text.to_owned())),
            (None, Some(file)) => match service.reader.around.look(&file) {
                Found::Text(text) => Some((file, text)),
                _ => None,
            },
            (None, None) => None,
        };
        match (found, path(&target)) {
            (Some((source, text)), Some(target)) => {
                let inline = definition.get("content").is_some();
                let named = if inline {
                    let part = service.part.name.clone();
                    service.reader.draft.add_file(&part, &source, &text)
                } else {
                    file(service, &source, &text, &at)
                };
                service.part.component.files.insert(target, named);
            }
            _ => service.left(
                &at,
                format!("config `{name}` is not here"),
                "put it beside outboard.yaml and name it under `files`",
            ),
        }
    }
}

pub fn secrets(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let name = item.get("source").and_then(word).or_else(|| word(item)).unwrap_or_default();
        let message =
            format!("secret `{name}` is a file at `/run/secrets/{name}`, and is not copied into anything");
        let instead = if super::super::known::has_key("secrets") {
            format!(
                "say where it lies under `spec.secrets`, and give it as `env: {{NAME: \"${{secret.{name}.KEY}}\"}}`; most images take NAME instead of NAME_FILE"
            )
        } else {
            "a service's password is `${SERVICE.password}`; most images take NAME instead of NAME_FILE"
                .to_owned()
        };
        service.todo(&format!("{at}/{index}"), message, &instead);
    }
}
