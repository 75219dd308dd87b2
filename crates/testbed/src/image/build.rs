//! From specs to images in the store. Layers that were made before from the same input are not made again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::cargo::{self, Program};
use super::rootfs::merged;
use super::spec::{ImageSpec, Item, Source};
use super::store::{ImageRecord, Layer, Store};
use super::tree::{Content, Tree};

pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

#[derive(Debug)]
pub struct Built {
    pub image: ImageRecord,
    /// Nothing had to be done.
    pub cached: bool,
    pub took: Duration,
}

/// Builds the images in order and tells of each as it is done.
pub fn build(
    store: &Store,
    specs: &[&ImageSpec],
    mut done: impl FnMut(&Built),
) -> anyhow::Result<Vec<Built>> {
    let programs: BTreeSet<Program> = specs.iter().flat_map(|spec| programs(spec)).collect();
    let programs = cargo::build(store, &programs)?;
    let mut all = Vec::new();
    for spec in specs {
        let built = one(store, spec, &programs).with_context(|| match spec.name() {
            Ok(name) => format!("failed to build the image {name}"),
            Err(_) => "failed to build an image".to_owned(),
        })?;
        done(&built);
        all.push(built);
    }
    Ok(all)
}

fn programs(spec: &ImageSpec) -> impl Iterator<Item = Program> {
    spec.items.iter().filter_map(|(_, item)| match item {
        Item::File { source: Source::Cargo { package, bin }, .. } => Some((*package, *bin)),
        _ => None,
    })
}

fn one(store: &Store, spec: &ImageSpec, programs: &BTreeMap<Program, PathBuf>) -> anyhow::Result<Built> {
    let start = Instant::now();
    let name = spec.name()?;
    let mut layers = Vec::new();
    let mut made = false;
    if let Some(base) = &spec.base {
        layers.push(match store.layer(&base.key())? {
            Some(layer) => layer,
            None => {
                made = true;
                base.layer(store)?
            }
        });
    }
    let tree = own_layer(spec, programs)?;
    if !tree.is_empty() {
        let key = tree.key()?;
        layers.push(match store.layer(&key)? {
            Some(layer) => layer,
            None => {
                made = true;
                store.put_layer(&key, &tree)?
            }
        });
    }

    let config = config(spec, &layers).to_string();
    let config_digest = store.put_blob(config.as_bytes())?;
    let manifest = manifest(&config_digest, config.len(), &layers).to_string();
    let image = ImageRecord {
        repository: name.repository.clone(),
        tag: name.tag.clone(),
        digest: store.put_blob(manifest.as_bytes())?,
        manifest_size: manifest.len() as u64,
        config: config_digest,
        config_size: config.len() as u64,
        layers,
    };
    let known = store.image(&name)?.as_ref() == Some(&image);
    if !known {
        store.put_image(&name, &image)?;
    }
    Ok(Built { image, cached: known && !made, took: start.elapsed() })
}

/// The layer above the base: the spec's own files, and the tables of users.
fn own_layer(spec: &ImageSpec, programs: &BTreeMap<Program, PathBuf>) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    // On a Debian base /bin and its like are links: a file written "under" one must not replace it.
    let place = |path: &str| if spec.base.is_some() { merged(path) } else { path.to_owned() };
    if spec.base.is_some() || !spec.users.is_empty() {
        users(spec, &mut tree);
    }
    for (path, item) in &spec.items {
        let path = place(path);
        match item {
            Item::Dir { mode, owner } => tree.dir(&path, *mode, *owner),
            Item::Symlink(target) => tree.symlink(&path, target),
            Item::File { source, mode } => tree.file(&path, content(source, programs)?, *mode, 0),
        }
    }
    Ok(tree)
}

fn content(source: &Source, programs: &BTreeMap<Program, PathBuf>) -> anyhow::Result<Content> {
    Ok(match source {
        Source::Bytes(bytes) => Content::Bytes(bytes.clone()),
        Source::Path(path) if path.is_file() => Content::Path(path.clone()),
        Source::Path(path) => bail!("{} is not there; it must be built first", path.display()),
        Source::Cargo { package, bin } => {
            let path = programs.get(&(*package, *bin)).with_context(|| format!("{bin} was not built"))?;
            Content::Path(path.clone())
        }
    })
}

fn users(spec: &ImageSpec, tree: &mut Tree) {
    let mut passwd =
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n".to_owned();
    let mut group = "root:x:0:\nnogroup:x:65534:\n".to_owned();
    for user in &spec.users {
        let (name, id, home) = (&user.name, user.id, &user.home);
        passwd += &format!("{name}:x:{id}:{id}:{name}:{home}:/bin/sh\n");
        group += &format!("{name}:x:{id}:\n");
    }
    let mut text = |path: &str, text: String| {
        tree.file(path, Content::Bytes(text.into_bytes().into()), 0o644, 0);
    };
    text("etc/passwd", passwd);
    text("etc/group", group);
    // Without it glibc does not look into /etc/hosts first.
    text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".to_owned());
}

fn config(spec: &ImageSpec, layers: &[Layer]) -> Value {
    json!({
        "architecture": architecture(),
        "config": spec.config(),
        "created": "1970-01-01T00:00:00Z",
        "history": layers.iter().map(|_| json!({"created": "1970-01-01T00:00:00Z"})).collect::<Vec<_>>(),
        "os": "linux",
        "rootfs": {"diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>(), "type": "layers"},
    })
}

fn manifest(config: &str, size: usize, layers: &[Layer]) -> Value {
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| json!({"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size}))
        .collect();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": config, "size": size},
        "layers": layers,
    })
}

pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ImageSpec {
        ImageSpec::scratch("test/app:1")
            .file("/usr/bin/app", "#!/bin/sh\n", 0o755)
            .dir("/data", 0o750, 999)
            .user("app", 999, "/data")
            .entrypoint(&["/usr/bin/app"])
            .port(80)
    }

    fn build_in(folder: &std::path::Path, spec: &ImageSpec) -> Built {
        let store = Store::open(folder).unwrap();
        build(&store, &[spec], |_| {}).unwrap().remove(0)
    }

    #[test]
    fn the_same_spec_has_the_same_digest_in_another_store() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (build_in(one.path(), &spec()), build_in(two.path(), &spec()));
        assert_eq!(first.image, second.image);
        assert!(!first.cached && !second.cached);
    }

    #[test]
    fn nothing_is_done_twice_and_a_lost_blob_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = build_in(folder.path(), &spec());
        assert!(build_in(folder.path(), &spec()).cached);
        let blob = Store::open(folder.path()).unwrap().blob(&first.image.layers[0].digest);
        std::fs::remove_file(&blob).unwrap();
        let again = build_in(folder.path(), &spec());
        assert!(blob.exists());
        assert_eq!(again.image, first.image);
    }

    #[test]
    fn another_entrypoint_is_another_image_with_the_same_layer() {
        let folder = tempfile::tempdir().unwrap();
        let first = build_in(folder.path(), &spec());
        let second = build_in(folder.path(), &spec().entrypoint(&["/other"]));
        assert_eq!(first.image.layers, second.image.layers);
        assert_ne!(first.image.digest, second.image.digest);
    }

    #[test]
    fn the_layer_holds_the_files_and_the_users() {
        let tree = own_layer(&spec(), &BTreeMap::new()).unwrap();
        let paths: Vec<&str> = tree.paths().collect();
        assert_eq!(paths, ["data", "etc/group", "etc/nsswitch.conf", "etc/passwd", "usr/bin/app"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let spec = ImageSpec::scratch("a:1").file("/x", PathBuf::from("/nowhere/x"), 0o755);
        let error = format!("{:#}", build(&store, &[&spec], |_| {}).unwrap_err());
        assert_eq!(error, "failed to build the image a:1: /nowhere/x is not there; it must be built first");
    }
}
