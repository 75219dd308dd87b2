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
    let name = change.object.split_once(' ').map_or(change.object.as_str(), |(_, name)| name);
    let moved = |field: &FieldChange, of: &dyn Fn(&str) -> String| {
        let [from, to] = [&field.from, &field.to].map(|value| value.as_deref().map_or("none".to_owned(), of));
        format!("{from} → {to}")
    };
    let one = |field: &FieldChange| match last(&field.path) {
        "image" => format!("{name} {}", moved(field, &version)),
        "replicas" => format!("{name} replicas {}", moved(field, &str::to_owned)),
        field => format!("{name} {field}"),
    };
    change.fields.iter().map(one).collect()
}

/// The last part of a path; names in brackets have dots of their own.
fn last(path: &str) -> &str {
    let end = if path.ends_with(']') { path.rfind('[').unwrap_or(path.len()) } else { path.len() };
    path[..end].rfind('.').map_or(path, |dot| &path[dot + 1..])
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
                    ("spec.template.spec.containers[web].env[KEY]", "hunter2", "hunter3"),
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
    fn names_with_dots_are_parts_of_one_path() {
        assert_eq!(
            last("spec.template.metadata.annotations[outboard.dev/restart]"),
            "annotations[outboard.dev/restart]"
        );
        assert_eq!(last("spec.template.spec.containers[a.b].image"), "image");
        assert_eq!((last("replicas"), last("data[a.b]"), last("")), ("replicas", "data[a.b]", ""));
    }

    #[test]
    fn an_image_without_a_tag_is_told_by_its_digest() {
        let digest = format!("shop/web@sha256:{}", "a".repeat(64));
        assert_eq!(version(&digest), "sha256:aaaaaaaaaaaa…");
        assert_eq!(version("localhost:5000/web"), "web");
    }
}
