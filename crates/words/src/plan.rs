//! What a plan says: in one line, and what it asks for.

use std::collections::BTreeSet;

use api::plan::{Action, Demand, FieldChange, ObjectChange};
use verbs::environment::Planned;

/// One line: how many objects, and what that does to what runs.
pub fn summary(planned: &Planned) -> String {
    let changes = &planned.status.changes;
    if planned.is_idle() {
        return format!("{} is as it is asked for", planned.environment);
    }
    if let Some(verdict) = &planned.status.verdict {
        return verdict.message.clone();
    }
    let mut counts: Vec<String> = Vec::new();
    for (action, word) in [(Action::Create, "create"), (Action::Change, "change"), (Action::Delete, "delete")]
    {
        match changes.iter().filter(|change| change.action == action).count() {
            0 => {}
            count => counts.push(format!("{count} to {word}")),
        }
    }
    let counts = if counts.is_empty() { "no object changes".to_owned() } else { counts.join(", ") };
    format!("plan: {counts}")
}

/// What differs, for whoever keeps record of it: versions and replicas from what to what, everything else by name, since a value may
/// be a secret. None: nothing does.
pub fn differs(changes: &[ObjectChange]) -> Option<String> {
    const LONGEST: usize = 500;
    let of = |action: Action| changes.iter().filter(move |change| change.action == action);
    let mut told: Vec<String> = of(Action::Change).flat_map(fields).collect();
    told.extend(of(Action::Delete).map(|change| format!("{} goes", change.object)));
    told.extend(match of(Action::Create).count() {
        0 => None,
        count => Some(format!("{} new", crate::size::count(count as u64, "object"))),
    });
    let mut seen = BTreeSet::new();
    told.retain(|part| seen.insert(part.clone()));
    let told = told.join(", ");
    let told = match told.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told,
    };
    (!told.is_empty()).then_some(told)
}

fn fields(change: &ObjectChange) -> Vec<String> {
    let (kind, name) = change.object.split_once(' ').unwrap_or(("", change.object.as_str()));
    let moved = |field: &FieldChange, of: &dyn Fn(&str) -> String| {
        let [from, to] = [&field.from, &field.to].map(|value| value.as_deref().map_or("none".to_owned(), of));
        format!("{from} → {to}")
    };
    let one = |field: &FieldChange| {
        if is_replicas(kind, &field.path) {
            format!("{name} replicas {}", moved(field, &str::to_owned))
        } else if is_image(kind, &field.path) {
            format!("{name} {}", moved(field, &version))
        } else {
            format!("{name} {}", called(&field.path))
        }
    };
    change.fields.iter().map(one).collect()
}

fn is_replicas(kind: &str, path: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet") && path == "spec.replicas"
}

/// Of a container of a workload: a key of a Secret may be called `image`, too.
fn is_image(kind: &str, path: &str) -> bool {
    let pod = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "spec.template.spec.",
        "CronJob" => "spec.jobTemplate.spec.template.spec.",
        _ => return false,
    };
    let container = path.strip_prefix(pod).and_then(|path| path.strip_suffix("].image"));
    let container = container
        .and_then(|path| path.strip_prefix("containers[").or_else(|| path.strip_prefix("initContainers[")));
    container.is_some_and(|name| !name.contains(['[', ']', '.']))
}

/// What a path is called: its last part, a variable by its name, and keys that have dots of their own whole.
fn called(path: &str) -> String {
    let mut before = "";
    let mut rest = path;
    loop {
        let (part, after) = split(rest);
        if part.starts_with("env[") {
            return part.to_owned();
        }
        let Some(after) = after else { return part.to_owned() };
        let keyed = match part {
            "annotations" | "labels" => before == "metadata",
            "data" | "stringData" | "binaryData" => before.is_empty(),
            "matchLabels" | "nodeSelector" => true,
            _ => false,
        };
        if keyed {
            return format!("{part} {after}");
        }
        (before, rest) = (part, after);
    }
}

/// The first part of a path and what comes after its dot; names in brackets have dots of their own.
fn split(path: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    for (at, letter) in path.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => return (&path[..at], Some(&path[at + 1..])),
            _ => {}
        }
    }
    (path, None)
}

/// The tag of an image, or else the beginning of its digest.
fn version(image: &str) -> String {
    let (name, digest) = image.split_once('@').unwrap_or((image, ""));
    let last = name.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        Some((_, tag)) => tag.to_owned(),
        None if digest.is_empty() => last.to_owned(),
        None => short(digest),
    }
}

/// The text with digests cut to what tells them apart.
pub fn short(text: &str) -> String {
    const START: &str = "sha256:";
    let Some(at) = text.find(START) else { return text.to_owned() };
    let (before, rest) = text.split_at(at + START.len());
    let hex = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    if hex < 64 { text.to_owned() } else { format!("{before}{}…{}", &rest[..12], &rest[hex..]) }
}

/// What pods and volumes ask for, before and after.
pub fn demand(from: Demand, to: Demand) -> String {
    const MEBI: i64 = 1024 * 1024;
    let line = |name: &str, from: String, to: String| {
        if from == to { format!("{name} {to}") } else { format!("{name} {from} → {to}") }
    };
    [
        line("pods", from.pods.to_string(), to.pods.to_string()),
        line("CPU", format!("{}m", from.cpu_millis), format!("{}m", to.cpu_millis)),
        line("memory", format!("{}Mi", from.memory_bytes / MEBI), format!("{}Mi", to.memory_bytes / MEBI)),
        line("storage", format!("{}Mi", from.storage_bytes / MEBI), format!("{}Mi", to.storage_bytes / MEBI)),
    ]
    .join(", ")
}

#[cfg(test)]
mod tests {
    use api::Role;

    use super::*;

    fn change(action: Action, object: &str, fields: &[(&str, &str, &str)]) -> ObjectChange {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let field = |&(path, from, to): &(&str, &str, &str)| FieldChange {
            path: path.to_owned(),
            from: some(from),
            to: some(to),
        };
        ObjectChange {
            part: "web".to_owned(),
            role: Role::Component,
            object: object.to_owned(),
            action,
            effect: String::new(),
            fields: fields.iter().map(field).collect(),
        }
    }

    #[test]
    fn what_differs_is_told_with_versions_and_replicas_and_no_other_value() {
        let image = "spec.template.spec.containers[web].image";
        let (old, new) =
            ("registry.example.com:5000/shop/web:1", "registry.example.com:5000/shop/web:2@sha256:aa");
        let changed = [
            change(
                Action::Change,
                "Deployment web",
                &[
                    (image, old, new),
                    ("spec.replicas", "1", "3"),
                    ("spec.template.spec.containers[web].env[KEY].value", "hunter2", "hunter3"),
                ],
            ),
            change(Action::Delete, "CronJob nightly", &[]),
            change(Action::Create, "Service worker", &[]),
        ];
        let told = differs(&changed).unwrap();
        assert_eq!(told, "web 1 → 2, web replicas 1 → 3, web env[KEY], CronJob nightly goes, 1 object new");
        assert_eq!(differs(&[]), None);
        let many: Vec<ObjectChange> =
            (0..200).map(|number| change(Action::Delete, &format!("Service s-{number}"), &[])).collect();
        assert!(differs(&many).unwrap().chars().count() <= 501);
    }

    #[test]
    fn values_are_told_of_images_and_replicas_of_workloads_only() {
        let told = |object: &str, path: &str| {
            differs(&[change(Action::Change, object, &[(path, "hunter2", "hunter3")])]).unwrap()
        };
        for (object, path, wanted) in [
            ("Secret web", "data.image", "web data image"),
            ("Secret web", "data.replicas", "web data replicas"),
            ("ConfigMap web", "data.app.image", "web data app.image"),
            ("ConfigMap web", "spec.replicas", "web replicas"),
            ("Deployment web", "spec.template.spec.containers[web].env[image].value", "web env[image]"),
            ("Deployment web", "spec.template.spec.containers[web].env[a.image]", "web env[a.image]"),
            (
                "Deployment web",
                "spec.template.spec.containers[web].env[KEY].valueFrom.secretKeyRef.key",
                "web env[KEY]",
            ),
            ("Deployment web", "metadata.annotations.image", "web annotations image"),
            (
                "Deployment web",
                "spec.template.metadata.annotations.outboard.dev/restart",
                "web annotations outboard.dev/restart",
            ),
            ("Service web", "metadata.labels.a.b/image", "web labels a.b/image"),
            ("Service web", "spec.ports[http].port", "web port"),
            ("Deployment web", "spec.template.spec.containers[a.b]", "web containers[a.b]"),
            ("CronJob web", "spec.template.spec.containers[web].image", "web image"),
            (
                "CronJob web",
                "spec.jobTemplate.spec.template.spec.initContainers[web].image",
                "web hunter2 → hunter3",
            ),
            ("Job web", "spec.template.spec.containers[web].image", "web hunter2 → hunter3"),
            ("StatefulSet web", "spec.replicas", "web replicas hunter2 → hunter3"),
        ] {
            assert_eq!(told(object, path), wanted, "{object} {path}");
        }
    }

    #[test]
    fn an_image_without_a_tag_is_told_by_its_digest() {
        let digest = format!("shop/web@sha256:{}", "a".repeat(64));
        assert_eq!(version(&digest), "sha256:aaaaaaaaaaaa…");
        assert_eq!(version("localhost:5000/web"), "web");
    }
}
