//! The images of this machine, kept by content: blobs, which inputs made which layer, which image has which name.
//!
//! Every file appears by rename, whole or not at all, so a build may be killed anywhere and simply run again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::spec::Name;
use super::tree::{Tree, hex};

/// One gzipped layer that lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    pub digest: String,
    pub size: u64,
    /// Of the layer before compression.
    pub diff_id: String,
    pub unpacked: u64,
}

/// One built image: everything needed to push it or to write it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    pub repository: String,
    pub tag: String,
    /// Digest of the manifest: the image's identity everywhere.
    pub digest: String,
    pub manifest_size: u64,
    pub config: String,
    pub config_size: u64,
    pub layers: Vec<Layer>,
}

impl ImageRecord {
    pub fn name(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    pub fn unpacked(&self) -> u64 {
        self.layers.iter().map(|layer| layer.unpacked).sum()
    }
}

#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    serial: AtomicU32,
    /// Held while the store is open: two builds would do the same work twice.
    _lock: File,
}

impl Store {
    /// `$OUTBOARD_CACHE/images`, by default `~/.cache/outboard/images`. Waits while another process has it open.
    pub fn open_default() -> anyhow::Result<Self> {
        let cache = match std::env::var_os("OUTBOARD_CACHE") {
            Some(cache) => PathBuf::from(cache),
            None => {
                std::env::home_dir().context("HOME is not set; set OUTBOARD_CACHE")?.join(".cache/outboard")
            }
        };
        Self::open(&cache.join("images"))
    }

    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let root = root.to_owned();
        for folder in ["blobs/sha256", "layers", "names", "stripped"] {
            fs::create_dir_all(root.join(folder))
                .with_context(|| format!("failed to make the image store {}", root.display()))?;
        }
        let lock = File::create(root.join("lock"))?;
        lock.lock().context("failed to lock the image store")?;
        // Left by builds that were killed: the lock says nobody is writing now.
        let _ = fs::remove_dir_all(root.join("tmp"));
        fs::create_dir(root.join("tmp"))?;
        Ok(Self { root, serial: AtomicU32::new(0), _lock: lock })
    }

    /// A path for a file that is not there yet and will not stay.
    pub fn temporary(&self, name: &str) -> anyhow::Result<PathBuf> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        Ok(self.root.join("tmp").join(format!("{serial}-{name}")))
    }

    pub fn blob(&self, digest: &str) -> PathBuf {
        self.root.join("blobs").join(digest.replace(':', "/"))
    }

    /// Where the stripped copy of the program with this hash lies, or will lie.
    pub fn stripped(&self, hash: &str) -> PathBuf {
        self.root.join("stripped").join(hash)
    }

    pub fn layer(&self, key: &str) -> anyhow::Result<Option<Layer>> {
        let layer: Option<Layer> = read(&self.layer_path(key))?;
        Ok(layer.filter(|layer| self.blob(&layer.digest).exists()))
    }

    pub fn put_layer(&self, key: &str, tree: &Tree) -> anyhow::Result<Layer> {
        let temporary = self.temporary("layer")?;
        let packed = Hashing::new(BufWriter::new(File::create(&temporary)?));
        // Level 2, no name and no time: quick, and the same bytes for the same tree.
        let gzip = GzBuilder::new().mtime(0).write(packed, Compression::new(2));
        let mut plain = Hashing::new(gzip);
        tree.write_tar(&mut plain)?;
        let (diff_id, unpacked) = plain.sum();
        let mut packed = plain.inner.finish()?;
        packed.flush()?;
        let (digest, size) = packed.sum();
        fs::rename(&temporary, self.blob(&digest))?;
        let layer = Layer { digest, size, diff_id, unpacked };
        self.write_json(&self.layer_path(key), &layer)?;
        Ok(layer)
    }

    /// Stores small content and returns its digest.
    pub fn put_blob(&self, bytes: &[u8]) -> anyhow::Result<String> {
        let digest = format!("sha256:{}", hex(&Sha256::digest(bytes)));
        self.write(&self.blob(&digest), bytes)?;
        Ok(digest)
    }

    /// The image of this name, if it was built and all of it is still there.
    pub fn image(&self, name: &Name) -> anyhow::Result<Option<ImageRecord>> {
        let record: Option<ImageRecord> = read(&self.image_path(name))?;
        Ok(record.filter(|record| {
            let mut digests =
                record.layers.iter().map(|layer| &layer.digest).chain([&record.digest, &record.config]);
            digests.all(|digest| self.blob(digest).exists())
        }))
    }

    pub fn put_image(&self, name: &Name, record: &ImageRecord) -> anyhow::Result<()> {
        self.write_json(&self.image_path(name), record)
    }

    fn layer_path(&self, key: &str) -> PathBuf {
        self.root.join("layers").join(format!("{key}.json"))
    }

    fn image_path(&self, name: &Name) -> PathBuf {
        self.root.join("names").join(&name.repository).join(format!("{}.json", name.tag))
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
        self.write(path, &serde_json::to_vec(value)?)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let temporary = self.temporary("file")?;
        fs::write(&temporary, bytes)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(&temporary, path).with_context(|| format!("failed to write {}", path.display()))
    }
}

/// A record that cannot be read is a record that is not there: it is made again.
fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

struct Hashing<W> {
    inner: W,
    sha: Sha256,
    length: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, sha: Sha256::new(), length: 0 }
    }

    fn sum(&self) -> (String, u64) {
        (format!("sha256:{}", hex(&self.sha.clone().finalize())), self.length)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.sha.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
