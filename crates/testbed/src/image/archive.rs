//! Images as one tar file, readable as an OCI layout (containerd) and as a docker archive; digests stay the same.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::json;
use tar::{Builder, EntryType, Header};

use super::build::{MANIFEST_TYPE, architecture};
use super::store::{ImageRecord, Store};

/// Writes the images to `path`; `prefix` comes before their names (`registry.testbed:5000/`).
pub fn write(store: &Store, images: &[&ImageRecord], prefix: &str, path: &Path) -> anyhow::Result<()> {
    let name = path.file_name().context("an archive needs a file name")?;
    let temporary = path.with_file_name(format!(".{}.part", name.display()));
    let file = File::create(&temporary).with_context(|| format!("failed to write {}", path.display()))?;
    write_to(store, images, prefix, BufWriter::new(file))?;
    std::fs::rename(&temporary, path).with_context(|| format!("failed to write {}", path.display()))
}

fn write_to(store: &Store, images: &[&ImageRecord], prefix: &str, out: impl Write) -> anyhow::Result<()> {
    let index: Vec<_> = images
        .iter()
        .map(|image| {
            json!({
                "mediaType": MANIFEST_TYPE,
                "digest": image.digest,
                "size": image.manifest_size,
                "platform": {"architecture": architecture(), "os": "linux"},
                "annotations": {
                    "io.containerd.image.name": format!("{prefix}{}", image.name()),
                    "org.opencontainers.image.ref.name": image.tag,
                },
            })
        })
        .collect();
    let docker: Vec<_> = images
        .iter()
        .map(|image| {
            json!({
                "Config": blob_path(&image.config),
                "RepoTags": [format!("{prefix}{}", image.name())],
                "Layers": image.layers.iter().map(|layer| blob_path(&layer.digest)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let index = json!({"schemaVersion": 2, "manifests": index}).to_string();

    let mut tar = Builder::new(out);
    let layout = json!({"imageLayoutVersion": "1.0.0"}).to_string();
    add(&mut tar, "oci-layout", layout.as_bytes(), layout.len() as u64)?;
    add(&mut tar, "index.json", index.as_bytes(), index.len() as u64)?;
    let docker = json!(docker).to_string();
    add(&mut tar, "manifest.json", docker.as_bytes(), docker.len() as u64)?;
    let blobs: BTreeSet<&String> = images
        .iter()
        .flat_map(|image| {
            image.layers.iter().map(|layer| &layer.digest).chain([&image.digest, &image.config])
        })
        .collect();
    for digest in blobs {
        let file =
            File::open(store.blob(digest)).with_context(|| format!("the image store lacks {digest}"))?;
        let size = file.metadata()?.len();
        add(&mut tar, &blob_path(digest), file, size)?;
    }
    tar.into_inner()?.flush()?;
    Ok(())
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn add(tar: &mut Builder<impl Write>, path: &str, content: impl Read, size: u64) -> anyhow::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    Ok(tar.append_data(&mut header, path, content)?)
}

#[cfg(test)]
mod tests {
    use super::super::{ImageSpec, build};
    use super::*;

    #[test]
    fn an_archive_holds_every_blob_once_and_names_the_images() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let one = ImageSpec::scratch("a:1").file("/x", "x", 0o644);
        let two = ImageSpec::scratch("a:2").file("/x", "x", 0o644).cmd(&["/x"]);
        let built = build::build(&store, &[&one, &two], |_| {}).unwrap();
        let images: Vec<&ImageRecord> = built.iter().map(|built| &built.image).collect();
        let path = folder.path().join("images.tar");
        write(&store, &images, "registry.testbed:5000/", &path).unwrap();

        let mut names = Vec::new();
        let mut docker = String::new();
        for entry in tar::Archive::new(File::open(&path).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            if name == "manifest.json" {
                entry.read_to_string(&mut docker).unwrap();
            }
            names.push(name);
        }
        assert_eq!(names[..3], ["oci-layout", "index.json", "manifest.json"]);
        assert_eq!(names.len(), 3 + 2 + 2 + 1, "two manifests, two configurations, one layer: {names:?}");
        assert!(docker.contains("registry.testbed:5000/a:1") && docker.contains("registry.testbed:5000/a:2"));
    }
}
