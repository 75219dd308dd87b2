//! What a component finds in its file system besides its image: files from the project, and directories.

use std::collections::{BTreeMap, BTreeSet};

use api::project::Component;
use api::revision::{SecretPiece, SecretRecipe, short_hash};
use serde_json::{Value, json};

use super::logs;
use super::render::Place;
use super::values;

/// Files by the key under which a ConfigMap or Secret holds them.
type Files<T> = BTreeMap<String, (String, T)>;

/// A component's files, told apart by whether they hold a secret.
pub struct Directories {
    plain: Files<String>,
    secret: Files<Vec<SecretPiece>>,
}

impl Directories {
    pub fn of(place: &Place<'_>, component: &Component) -> Self {
        let (mut plain, mut secret) = (Files::new(), Files::new());
        for (path, source) in &component.files {
            let text = place.spec().contents.get(source).map(String::as_str).unwrap_or_default();
            let pieces = values::pieces(place, text);
            match values::text(&pieces) {
                Some(text) => drop(plain.insert(key(path), (path.clone(), text))),
                None => drop(secret.insert(key(path), (path.clone(), pieces))),
            }
        }
        Self { plain, secret }
    }

    /// The files without a secret. Named by their content: other content is another object, and so are the pods that
    /// read it, while those of the revision before keep theirs.
    pub fn config_map(&self, place: &Place<'_>, part: &str) -> Option<Value> {
        (!self.plain.is_empty()).then(|| {
            let data: BTreeMap<&String, &String> =
                self.plain.iter().map(|(key, (_, text))| (key, text)).collect();
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": self.config_map_name(part), "namespace": place.namespace, "labels": place.labels(part)},
                "immutable": true,
                "data": data,
            })
        })
    }

    fn config_map_name(&self, part: &str) -> String {
        format!("{part}-files-{}", short_hash(&self.plain, 8))
    }

    fn secret_name(&self, part: &str) -> String {
        format!("{part}-files-{}", short_hash(&self.secret, 8))
    }

    /// The Secret with the files that hold one.
    pub fn recipe(&self, part: &str) -> Option<SecretRecipe> {
        (!self.secret.is_empty()).then(|| SecretRecipe {
            name: self.secret_name(part),
            part: part.to_owned(),
            keys: self.secret.iter().map(|(key, (_, pieces))| (key.clone(), pieces.clone())).collect(),
            guards_claim: None,
            r#type: None,
        })
    }

    /// What the pod brings along.
    pub fn volumes(&self, part: &str, component: &Component) -> Vec<Value> {
        let mut volumes = Vec::new();
        if !self.plain.is_empty() {
            volumes.push(json!({"name": "files", "configMap": {"name": self.config_map_name(part)}}));
        }
        if !self.secret.is_empty() {
            volumes.push(json!({"name": "secret-files", "secret": {"secretName": self.secret_name(part)}}));
        }
        for (path, volume) in component.volumes.iter().filter(|(_, volume)| volume.storage.is_none()) {
            let space = match &volume.memory {
                Some(size) => json!({"medium": "Memory", "sizeLimit": size}),
                None => json!({}),
            };
            volumes.push(json!({"name": volume_name(path), "emptyDir": space}));
        }
        volumes.extend(logs::volumes(component));
        volumes
    }

    /// Where the container finds it.
    pub fn mounts(&self, component: &Component) -> Vec<Value> {
        let file = |volume: &str, key: &String, path: &String| json!({"name": volume, "mountPath": path, "subPath": key, "readOnly": true});
        let directories: BTreeSet<&str> =
            component.volumes.keys().map(String::as_str).chain(logs::directories(component)).collect();
        let directories =
            directories.into_iter().map(|path| json!({"name": volume_name(path), "mountPath": path}));
        let plain = self.plain.iter().map(|(key, (path, _))| file("files", key, path));
        let secret = self.secret.iter().map(|(key, (path, _))| file("secret-files", key, path));
        // A file may lie in one of the directories: that has to be there first.
        directories.chain(plain).chain(secret).collect()
    }
}

/// Disks that every replica has for itself.
pub fn claims(component: &Component) -> Vec<Value> {
    let stored = component.volumes.iter().filter_map(|(path, volume)| Some((path, volume.storage.as_ref()?)));
    stored
        .map(|(path, size)| {
            json!({
                "metadata": {"name": volume_name(path)},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
            })
        })
        .collect()
}

/// The name of a directory's volume, for overlays that share it: `/var/log/web` is `var-log-web`.
pub fn volume_name(path: &str) -> String {
    let letters = path.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let name: String = letters.collect();
    let name = name.trim_matches('-');
    // Kubernetes' own limit.
    name[..name.len().min(50)].trim_end_matches('-').to_owned()
}

/// Readable, and unlike the key of every other path.
fn key(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' });
    format!("{}.{}", short_hash(&path, 6), letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_named_after_its_path() {
        assert_eq!(volume_name("/var/log/web"), "var-log-web");
        assert_eq!(volume_name("/Data_1/"), "data-1");
    }

    #[test]
    fn files_of_one_name_in_two_directories_have_two_keys() {
        assert_ne!(key("/a/app.toml"), key("/b/app.toml"));
        assert!(key("/a/app.toml").ends_with(".app.toml"));
    }
}
