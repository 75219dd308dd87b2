//! Which images an environment runs, by part: what has to be resolved to digests before it is rendered.

use std::collections::{BTreeMap, BTreeSet};

use api::EnvironmentSpec;
use api::revision::EnvironmentRevision;

use super::service;
use super::validate::Validated;

/// The image reference of every part that runs one by tag. A version that is a digest needs no looking up.
pub fn references(validated: &Validated) -> BTreeMap<String, String> {
    let components = validated.spec.components.iter().filter_map(|(name, component)| {
        let version = validated.versions.get(name)?;
        (!version.as_str().starts_with("sha256:")).then(|| (name.clone(), version.image(&component.image)))
    });
    let services = validated.spec.services.iter().filter_map(|(name, service)| {
        service::image(service).filter(|image| !image.contains('@')).map(|image| (name.clone(), image))
    });
    components.chain(services).collect()
}

/// What is known without asking a registry, and what is not. The spec's own word counts first; else an image
/// that ran before stays the bytes it was, unless one of `refresh`'s parts is to be looked up anew.
pub fn resolve(
    references: &BTreeMap<String, String>,
    spec: &EnvironmentSpec,
    before: Option<&EnvironmentRevision>,
    refresh: &[String],
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let anew: BTreeSet<&String> = refresh.iter().filter_map(|part| references.get(part)).collect();
    let (mut known, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    for reference in references.values() {
        let said = spec.digests.get(reference);
        let had = before.and_then(|revision| revision.digests.get(reference));
        match said.or(had).filter(|_| !anew.contains(reference)) {
            Some(digest) => drop(known.insert(reference.clone(), digest.clone())),
            None => drop(unknown.insert(reference.clone())),
        }
    }
    (known, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_nobody_touched_stays_the_bytes_it_was_though_its_tag_moved() {
        let references = map(&[("web", "r/web:2"), ("db", "mariadb:10.11"), ("worker", "r/worker:main")]);
        let spec =
            EnvironmentSpec { digests: map(&[("r/web:2", "sha256:said")]), ..EnvironmentSpec::default() };
        let before: EnvironmentRevision = serde_json::from_value(serde_json::json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {},
            "renderer": "0", "urls": {}, "secrets": [], "parts": [],
            "digests": {"r/web:2": "sha256:before", "mariadb:10.11": "sha256:db", "r/worker:main": "sha256:old"},
        }))
        .unwrap();
        let (known, unknown) = resolve(&references, &spec, Some(&before), &["worker".to_owned()]);
        assert_eq!(known, map(&[("mariadb:10.11", "sha256:db"), ("r/web:2", "sha256:said")]));
        assert_eq!(unknown, BTreeSet::from(["r/worker:main".to_owned()]));
    }
}
