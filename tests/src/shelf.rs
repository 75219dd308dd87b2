//! Objects with odd names and all that can belong to one, for stories about copies of S3, a writer that never rests, and a
//! look at two buckets: from below, at the files that they are, or through S3 where nothing else leads there.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures::{StreamExt, TryStreamExt};
use rand::RngExt;
use tokio::task::JoinHandle;

use crate::versity::Versity;

const AT_ONCE: usize = 16;

/// A bucket as somebody enters it.
#[derive(Clone)]
pub struct Shelf {
    pub client: Client,
    pub bucket: String,
}

/// Where a copy keeps what it needs itself, and where versitygw does.
const NOT_OBJECTS: [&str; 2] = [".outboard-copy", ".sgwtmp"];

/// By how an object came in: not what it is. Digests of parts depend on what the parts were.
const OF_PARTS: [&str; 3] = ["user.etag", "user.mp-metadata", "user.checksums"];

pub fn name(at: usize) -> String {
    match at % 12 {
        0 => format!("plain/{at:06}.txt"),
        1 => format!("with blanks/and + and & and %/{at} .bin"),
        2 => format!("zażółć/gęślą jaźń/{at}.txt"),
        3 => format!("日本語/{at}/写真.png"),
        4 => format!("emoji-🚀/{at}"),
        5 => format!("plain-{at}/a'b\"c;d=e.txt"),
        6 => format!("deep/{}/{}/{}/{at}", at % 7, at % 5, at % 3),
        7 => format!("tilde~/(round)[square]{{curly}}/{at}!*.txt"),
        8 => format!("UPPER/lower/{at:x}"),
        9 => format!("plain.{at}"),
        10 => format!("back\\slash/{at}^|`#?.txt"),
        _ => format!("%2F%20encoded%/{at}"),
    }
}

fn content(at: usize) -> Vec<u8> {
    let size = match at % 50 {
        0 => 0,
        1 => 100_000,
        _ => at % 997,
    };
    (0..size).map(|byte| (byte * 31 + at) as u8).collect()
}

/// So many of them, each tenth with metadata and headers, each eleventh with tags.
pub async fn fill(server: &Versity, bucket: &str, count: usize) -> Result<()> {
    Shelf { client: server.client().await?, bucket: bucket.to_owned() }.fill(count).await
}

pub async fn put(client: &Client, bucket: &str, at: usize) -> Result<()> {
    let mut asked = client.put_object().bucket(bucket).key(name(at)).body(content(at).into());
    if at % 10 == 3 {
        asked = asked
            .content_type("image/png")
            .content_language("pl, en")
            .content_disposition(format!("attachment; filename=\"{at}.png\""))
            .content_encoding("gzip")
            .cache_control("max-age=60")
            .metadata("owner", format!("team-{}", at % 5))
            .metadata("note", "a value, with = and ; in it");
    }
    if at % 11 == 5 {
        asked = asked.tagging(format!("team=t{}&what=a%20b%2Bc", at % 3));
    }
    Box::pin(asked.send()).await?;
    Ok(())
}

/// One that was uploaded in parts of five megabytes.
pub async fn large(server: &Versity, bucket: &str, key: &str, megabytes: usize) -> Result<()> {
    Shelf { client: server.client().await?, bucket: bucket.to_owned() }.large(key, megabytes).await
}

async fn in_parts(client: &Client, bucket: &str, key: &str, megabytes: usize) -> Result<()> {
    const PART: usize = 5 << 20;
    let begun = client
        .create_multipart_upload()
        .bucket(bucket)
        .key(key)
        .metadata("large", "yes")
        .tagging("size=large");
    let begun = Box::pin(begun.content_type("video/mp4").send()).await?;
    let upload = begun.upload_id.unwrap_or_default();
    let sizes = (0..).map(|at| at * PART).take_while(|begin| *begin < megabytes << 20);
    let parts = (1_i32..).zip(sizes).map(|(number, begin)| {
        let content = vec![number as u8; PART.min((megabytes << 20) - begin)];
        let asked = client.upload_part().bucket(bucket).key(key).upload_id(&upload).part_number(number);
        async move {
            let told = Box::pin(asked.body(content.into()).send()).await?;
            anyhow::Ok(CompletedPart::builder().part_number(number).set_e_tag(told.e_tag).build())
        }
    });
    let parts: Vec<CompletedPart> = futures::stream::iter(parts).buffered(2).try_collect().await?;
    let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(&upload);
    Box::pin(complete.multipart_upload(all).send()).await?;
    Ok(())
}

impl Shelf {
    /// So many of them, with all that can belong to one.
    pub async fn fill(&self, count: usize) -> Result<()> {
        let puts = (0..count).map(|at| put(&self.client, &self.bucket, at));
        futures::stream::iter(puts).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// One that is uploaded in parts.
    pub async fn large(&self, key: &str, megabytes: usize) -> Result<()> {
        in_parts(&self.client, &self.bucket, key, megabytes).await
    }

    /// With metadata that says whose it is.
    pub async fn put(&self, key: &str, kind: &str, content: &str) -> Result<()> {
        let asked = self.client.put_object().bucket(&self.bucket).key(key).content_type(kind);
        Box::pin(asked.metadata("who", "Ann").body(content.as_bytes().to_vec().into()).send()).await?;
        Ok(())
    }

    pub async fn remove(&self, key: &str) -> Result<()> {
        Box::pin(self.client.delete_object().bucket(&self.bucket).key(key).send()).await?;
        Ok(())
    }

    /// Of those that begin so, what a copy keeps for itself included.
    pub async fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let (mut names, mut token) = (vec![], None);
        loop {
            let asked = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
            let page = Box::pin(asked.set_continuation_token(token).send()).await?;
            names.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
            token = page.next_continuation_token.filter(|_| page.is_truncated == Some(true));
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// An object with all that belongs to it, as S3 tells it; none: it is gone.
    pub async fn told(&self, key: &str) -> Result<Option<String>> {
        let asked = self.client.get_object().bucket(&self.bucket).key(key);
        let found = match Box::pin(asked.send()).await {
            Ok(found) => found,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| key.to_owned()),
        };
        let about = (
            found.content_type,
            found.content_encoding,
            found.content_language,
            found.content_disposition,
            found.cache_control,
            found.metadata.map(BTreeMap::from_iter).filter(|metadata| !metadata.is_empty()),
        );
        let mut tags = vec![];
        if found.tag_count.unwrap_or(0) > 0 {
            let asked = self.client.get_object_tagging().bucket(&self.bucket).key(key);
            let told = Box::pin(asked.send()).await?;
            tags.extend(told.tag_set.into_iter().map(|tag| format!("{}={}", tag.key, tag.value)));
            tags.sort();
        }
        let content = found.body.collect().await?.into_bytes();
        let mut sum = std::hash::DefaultHasher::new();
        sum.write(&content);
        let (length, sum) = (content.len(), sum.finish());
        Ok(Some(format!("{length} bytes, {sum:x}, {about:?}, {tags:?}")))
    }

    /// Every object, but those that begin with any of these.
    async fn contents(&self, ignored: &[&str]) -> Result<BTreeMap<String, String>> {
        let names = self.names("").await?;
        let mind = |name: &String| !ignored.iter().chain(&NOT_OBJECTS).any(|prefix| name.starts_with(prefix));
        let asked = names.into_iter().filter(mind).map(|name| async move {
            let told = self.told(&name).await?;
            anyhow::Ok((name, told))
        });
        let told: Vec<(String, Option<String>)> =
            futures::stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(told.into_iter().filter_map(|(name, told)| Some((name, told?))).collect())
    }

    /// That both have the same objects, but for those that begin with any of `ignored`.
    pub async fn same_as(&self, other: &Self, ignored: &[&str]) -> Result<usize> {
        let (here, mut there) = (self.contents(ignored).await?, other.contents(ignored).await?);
        let mut differing = vec![];
        for (name, told) in &here {
            match there.remove(name) {
                Some(other) if other == *told => {}
                other => differing.push(format!("{name}: {told}\n  and {other:?}")),
            }
        }
        differing.extend(there.keys().map(|name| format!("{name}: only there")));
        let first: Vec<&String> = differing.iter().take(5).collect();
        ensure!(differing.is_empty(), "{} objects differ: {first:#?}", differing.len());
        Ok(here.len())
    }
}

/// Puts, changes and removes objects that are called `hot/…` until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    pub writes: Arc<AtomicU64>,
    task: JoinHandle<Result<()>>,
}

impl Writer {
    pub fn start(shelf: &Shelf) -> Self {
        let (stop, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = tokio::spawn({
            let (stop, writes, shelf) = (stop.clone(), writes.clone(), shelf.clone());
            async move {
                let mut pace = tokio::time::interval(Duration::from_millis(20));
                while !stop.load(Ordering::Relaxed) {
                    pace.tick().await;
                    let (at, what) = {
                        let mut random = rand::rng();
                        (random.random_range(0..200u32), random.random_range(0..5u32))
                    };
                    let key = format!("hot/{at}");
                    match what {
                        0 => shelf.remove(&key).await?,
                        _ => shelf.put(&key, "text/plain", &"written again ".repeat(what as usize)).await?,
                    }
                    writes.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        });
        Self { stop, writes, task }
    }

    pub async fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await??;
        Ok(self.writes.load(Ordering::Relaxed))
    }
}

/// Every object of a bucket: its file, below the bucket's own.
fn objects(folder: &Path) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next)? {
            let entry = entry?;
            let path = entry.path();
            let below = path.strip_prefix(folder)?.to_owned();
            if NOT_OBJECTS.iter().any(|name| below.starts_with(name)) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.insert(below, path);
            }
        }
    }
    Ok(found)
}

/// What is not the same in two buckets, and how.
pub fn differences(source: &Path, target: &Path) -> Result<Vec<String>> {
    let (source, mut target) = (objects(source)?, objects(target)?);
    let mut differing = vec![];
    for (name, here) in source {
        let shown = name.display();
        match target.remove(&name) {
            None => differing.push(format!("{shown}: is not there")),
            Some(there) => {
                if !same_content(&here, &there)? {
                    differing.push(format!("{shown}: has other content"));
                }
                let (here, there) = (attributes(&here)?, attributes(&there)?);
                if here != there {
                    differing.push(format!("{shown}: has other attributes: {here:?}, not {there:?}"));
                }
            }
        }
    }
    differing.extend(target.keys().map(|name| format!("{}: only there", name.display())));
    Ok(differing)
}

/// How many objects are not there or have other content, and how many have other attributes.
pub fn differing(source: &Path, target: &Path) -> Result<(usize, usize)> {
    let all = differences(source, target)?;
    let attributes = all.iter().filter(|line| line.contains(": has other attributes")).count();
    Ok((all.len() - attributes, attributes))
}

pub fn none_differ(source: &Path, target: &Path) -> Result<()> {
    let differing = differences(source, target)?;
    let first: Vec<&String> = differing.iter().take(5).collect();
    ensure!(differing.is_empty(), "{} objects differ: {first:#?}", differing.len());
    Ok(())
}

/// Whether there is one; quick to tell.
pub fn any(folder: &Path) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if NOT_OBJECTS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if !entry.file_type()?.is_dir() || any(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn count(folder: &Path) -> Result<usize> {
    Ok(objects(folder)?.len())
}

fn same_content(one: &Path, other: &Path) -> Result<bool> {
    let (mut one, mut other) = (std::fs::File::open(one)?, std::fs::File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut here, mut there) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let length = one.read(&mut here)?;
        if length == 0 {
            return Ok(true);
        }
        other.read_exact(&mut there[..length])?;
        if here[..length] != there[..length] {
            return Ok(false);
        }
    }
}

fn attributes(path: &Path) -> Result<BTreeMap<String, String>> {
    let mut names = vec![0; 1 << 14];
    let length = rustix::fs::listxattr(path, &mut names)?;
    let mut found = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = String::from_utf8(name.to_vec())?;
        let mut value = vec![0; 1 << 14];
        let length = rustix::fs::getxattr(path, &name, &mut value)?;
        found.insert(name, String::from_utf8_lossy(&value[..length]).into_owned());
    }
    if found.contains_key("user.mp-metadata") || found.get("user.etag").is_some_and(|etag| etag.contains('-'))
    {
        found.retain(|name, _| !OF_PARTS.contains(&name.as_str()));
    }
    Ok(found)
}
