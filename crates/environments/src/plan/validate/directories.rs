//! What can be wrong with a component's files, volumes and directories of logs.

use api::Problem;
use api::problem::pointer;
use api::project::{Component, ProjectSpec};

use super::references;
use crate::plan::logs;

/// What all files of a project may hold: they lie in objects, which have a limit.
const CONTENTS: usize = 512 * 1024;

pub fn check(spec: &ProjectSpec, name: &str, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    for (path, source) in &component.files {
        let at = pointer(&format!("{at}/files"), path);
        if let Some(problem) = misplaced(path) {
            problems.push(Problem::new(&at, problem));
        }
        if component.volumes.contains_key(path) {
            problems.push(Problem::new(&at, "there is a volume at this path"));
        }
        match (outside(source), spec.contents.get(source)) {
            (Some(problem), _) => problems.push(Problem::new(&at, problem)),
            (None, Some(text)) => references::check(spec, component, text, &at, problems),
            (None, None) => problems.push(
                Problem::new(&at, format!("`{source}` has not been read"))
                    .hint("`outboard project apply` reads it; an object made by hand needs `contents`"),
            ),
        }
    }
    let clashes = logs::clashes(component);
    for (path, volume) in &component.volumes {
        let at = pointer(&format!("{at}/volumes"), path);
        if let Some(problem) = misplaced(path) {
            problems.push(Problem::new(&at, problem));
        }
        if volume.storage.is_some() && volume.memory.is_some() {
            problems.push(Problem::new(&at, "it is either `storage` or `memory`"));
        }
        if volume.storage.is_some() && component.completes() {
            problems.push(
                Problem::new(&at, format!("`{name}` is a job: what it stores would be gone with it"))
                    .hint("let it use a service, or leave `storage` out for scratch space"),
            );
        }
        if let Some(other) = clashes.get(path.as_str()) {
            problems.push(Problem::new(&at, format!("Kubernetes would call it what it calls `{other}`")));
        }
    }
    for (index, file) in component.logs.iter().enumerate().filter(|(_, file)| misplaced(file).is_none()) {
        if let Some(other) = logs::directory(file).and_then(|own| clashes.get(own)) {
            let message = format!("Kubernetes would call its directory what it calls `{other}`");
            problems.push(Problem::new(format!("{at}/logs/{index}"), message));
        }
    }
}

/// Whether all files together fit into the objects that hold them.
pub fn size(spec: &ProjectSpec) -> Option<Problem> {
    let bytes: usize = spec.contents.values().map(String::len).sum();
    (bytes > CONTENTS).then(|| {
        Problem::new("/spec/components", format!("the files of this project have {} KiB", bytes / 1024)).hint(
            format!("{} KiB is the limit: put what is larger into an image or a bucket", CONTENTS / 1024),
        )
    })
}

pub(super) fn misplaced(path: &str) -> Option<&'static str> {
    let steps = || path.split('/').skip(1);
    if !path.starts_with('/') {
        Some("the path in the container begins with `/`")
    } else if steps().any(|step| matches!(step, "" | "." | "..")) {
        Some("write the path in full, without `.`, `..` and double slashes")
    } else if path.contains(':') {
        Some("Kubernetes takes no `:` in such a path")
    } else {
        None
    }
}

/// Whether a source is no file of the project: it must lie beside or below outboard.yaml.
pub fn outside(source: &str) -> Option<&'static str> {
    if source.starts_with('/') || source.contains('\\') {
        Some("a file is named from where outboard.yaml lies: `./app.toml`")
    } else if source.split('/').any(|step| step == "..") {
        Some("a file outside of the directory of outboard.yaml is not part of the project")
    } else if source.trim().is_empty() {
        Some("name a file that lies beside outboard.yaml")
    } else {
        None
    }
}
