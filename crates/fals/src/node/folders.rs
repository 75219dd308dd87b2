//! How the kubelet names logs: `NAMESPACE_POD_UID/CONTAINER/RESTARTS.log`. What is not named so is none.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use api::marks;

use super::pods::Known;
use crate::plan::cut::Format;
use crate::record::{Origin, Template};
use crate::shape::{Shape, Untagged};
use crate::tail::source::Wanted;

/// Every log of these pods, by its path.
pub fn of_pods(folder: &Path, pods: &[Known]) -> BTreeMap<String, Wanted> {
    let mut wanted = BTreeMap::new();
    for pod in pods {
        for container in entries(&of_pod(folder, pod)) {
            let Some(name) = container.file_name().and_then(|name| name.to_str()) else { continue };
            let origin = Origin {
                project: pod.project.clone(),
                env: pod.environment.clone(),
                component: pod.component.clone(),
                pod: Some(pod.name.clone()),
                container: Some(name.to_owned()),
            };
            for log in entries(&container).iter().filter(|log| is_log(log)) {
                if let Some(log) = begun(&log.to_string_lossy(), &origin) {
                    wanted.insert(log.key.clone(), log);
                }
            }
        }
    }
    wanted
}

/// A log that comes from there.
pub fn begun(path: &str, origin: &Origin) -> Option<Wanted> {
    let shape = match origin.container.as_deref() {
        Some(marks::LOGS_CONTAINER) => Shape::Untagged(Untagged::of(origin)),
        _ => Shape::Object(Template::of(origin)),
    };
    is_log(Path::new(path)).then(|| Wanted {
        key: path.to_owned(),
        path: PathBuf::from(path),
        format: Format::Cri,
        shape,
        origin: Some(origin.clone()),
    })
}

pub fn of_pod(folder: &Path, pod: &Known) -> PathBuf {
    folder.join(format!("{}_{}_{}", pod.namespace, pod.name, pod.uid))
}

/// Whether the folder of a log is gone, and so its pod.
pub fn is_gone(path: &str) -> bool {
    Path::new(path).parent().is_none_or(|folder| !folder.exists())
}

fn is_log(path: &Path) -> bool {
    let number = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    path.extension().is_some_and(|extension| extension == "log")
        && !number.is_empty()
        && number.bytes().all(|digit| digit.is_ascii_digit())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    // Not there yet, or not any more: looked at again soon.
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::pods::example;
    use super::*;

    #[test]
    fn logs_of_known_pods_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let pod = example("shop-qa", "web-1", "u1");
        for path in [
            "shop-qa_web-1_u1/web/0.log",
            "shop-qa_web-1_u1/web/1.log",
            "shop-qa_web-1_u1/web/1.log.20260101-120000",
            "shop-qa_web-1_u1/outboard-logs/0.log",
            "shop-qa_web-1_u2/web/0.log",
            "other_pod_u3/web/0.log",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let wanted = of_pods(folder.path(), &[pod]);
        let told: Vec<_> = wanted
            .values()
            .map(|wanted| {
                let container = wanted.origin.as_ref().and_then(|origin| origin.container.clone()).unwrap();
                (
                    container,
                    wanted.path.file_name().unwrap().to_owned(),
                    matches!(wanted.shape, Shape::Untagged(_)),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("outboard-logs".to_owned(), "0.log".into(), true),
                ("web".to_owned(), "0.log".into(), false),
                ("web".to_owned(), "1.log".into(), false),
            ]
        );
    }
}
