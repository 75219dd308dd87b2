//! A file tree as a value, and its one canonical tar: sorted, no times, numeric owners only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// What a file holds: bytes at hand, or a file read while the tar is written.
#[derive(Clone, Debug)]
pub enum Content {
    Bytes(Arc<[u8]>),
    Path(PathBuf),
}

#[derive(Clone, Debug)]
pub enum Node {
    Dir,
    File(Content),
    Symlink(String),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub node: Node,
    pub mode: u32,
    /// Owner and group are the same number: no image here needs more.
    pub owner: u32,
}

/// Paths have no leading slash.
#[derive(Clone, Debug, Default)]
pub struct Tree(BTreeMap<String, Entry>);

impl Tree {
    pub fn insert(&mut self, path: &str, entry: Entry) {
        self.0.insert(path.trim_matches('/').to_owned(), entry);
    }

    pub fn dir(&mut self, path: &str, mode: u32, owner: u32) {
        self.insert(path, Entry { node: Node::Dir, mode, owner });
    }

    pub fn symlink(&mut self, path: &str, target: &str) {
        self.insert(path, Entry { node: Node::Symlink(target.to_owned()), mode: 0o777, owner: 0 });
    }

    pub fn file(&mut self, path: &str, content: Content, mode: u32, owner: u32) {
        self.insert(path, Entry { node: Node::File(content), mode, owner });
    }

    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.0.get(path)
    }

    pub fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Names the tree's content, so that an equal tree is never written twice.
    pub fn key(&self) -> anyhow::Result<String> {
        let mut sha = Sha256::new();
        sha.update(b"tree 1\n");
        for (path, entry) in &self.0 {
            sha.update(format!("{path}\0{:o}\0{}\0", entry.mode, entry.owner));
            match &entry.node {
                Node::Dir => sha.update(b"dir"),
                Node::Symlink(target) => sha.update(format!("link {target}")),
                Node::File(Content::Bytes(bytes)) => {
                    sha.update(format!("file {}", hex(&Sha256::digest(bytes))));
                }
                Node::File(Content::Path(source)) => sha.update(format!("file {}", hash_file(source)?)),
            }
            sha.update(b"\n");
        }
        Ok(hex(&sha.finalize()))
    }

    pub fn write_tar(&self, out: impl Write) -> anyhow::Result<()> {
        let mut tar = Builder::new(out);
        for (path, entry) in &self.0 {
            append(&mut tar, path, entry)
                .with_context(|| format!("failed to write /{path} into the layer"))?;
        }
        tar.into_inner()?.flush()?;
        Ok(())
    }
}

fn append(tar: &mut Builder<impl Write>, path: &str, entry: &Entry) -> anyhow::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.into());
    header.set_gid(entry.owner.into());
    header.set_mtime(0);
    header.set_size(0);
    match &entry.node {
        Node::Dir => {
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, format!("{path}/"), io::empty())?;
        }
        Node::Symlink(target) => {
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, path, target)?;
        }
        Node::File(Content::Bytes(bytes)) => {
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, &bytes[..])?;
        }
        Node::File(Content::Path(source)) => {
            let file = open(source)?;
            let size = file.metadata()?.len();
            header.set_size(size);
            // A file that changes under us would shift every later entry: better no layer than a broken one.
            let mut counted = Counted { inner: file.take(size), read: 0 };
            tar.append_data(&mut header, path, &mut counted)?;
            ensure!(counted.read == size, "{} changed while it was read", source.display());
        }
    }
    Ok(())
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

fn open(path: &PathBuf) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("failed to open {}", path.display()))
}

pub fn hash_file(path: &PathBuf) -> anyhow::Result<String> {
    let mut file = open(path)?;
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex(&sha.finalize()));
        }
        sha.update(&buffer[..count]);
    }
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_of(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        tree.write_tar(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_order_of_insertion_does_not_show() {
        let mut one = Tree::default();
        one.file("/usr/bin/a", Content::Bytes(b"a".as_slice().into()), 0o755, 0);
        one.dir("tmp", 0o1777, 0);
        let mut two = Tree::default();
        two.dir("/tmp/", 0o1777, 0);
        two.file("usr/bin/a", Content::Bytes(b"a".as_slice().into()), 0o755, 0);
        assert_eq!(tar_of(&one), tar_of(&two));
        assert_eq!(one.key().unwrap(), two.key().unwrap());
    }

    #[test]
    fn content_from_a_file_and_from_memory_is_the_same_layer() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a");
        std::fs::write(&source, b"hello").unwrap();
        let mut disk = Tree::default();
        disk.file("a", Content::Path(source), 0o644, 7);
        let mut memory = Tree::default();
        memory.file("a", Content::Bytes(b"hello".as_slice().into()), 0o644, 7);
        assert_eq!(tar_of(&disk), tar_of(&memory));
        assert_eq!(disk.key().unwrap(), memory.key().unwrap());
    }

    #[test]
    fn modes_owners_links_and_long_names_survive() {
        let long = format!("usr/share/{}/file", "x".repeat(150));
        let mut tree = Tree::default();
        tree.dir("tmp", 0o1777, 0);
        tree.dir("var/lib/mysql", 0o750, 999);
        tree.symlink("bin", "usr/bin");
        tree.file(&long, Content::Bytes(b"x".as_slice().into()), 0o600, 0);
        let bytes = tar_of(&tree);
        let mut seen = Vec::new();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), 0);
            seen.push((
                entry.path().unwrap().display().to_string(),
                header.mode().unwrap(),
                header.uid().unwrap(),
                entry.link_name().unwrap().map(|name| name.display().to_string()),
            ));
        }
        assert_eq!(
            seen,
            [
                ("bin".to_owned(), 0o777, 0, Some("usr/bin".to_owned())),
                ("tmp/".to_owned(), 0o1777, 0, None),
                (long, 0o600, 0, None),
                ("var/lib/mysql/".to_owned(), 0o750, 999, None),
            ]
        );
    }
}
