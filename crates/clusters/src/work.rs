//! One cluster that is worked on: its file, whose it is, the engine and the places where it is kept. Opening it is the
//! preflight: nothing is made and nothing is spent.

use std::path::PathBuf;

use aws::{Account, OwnBucket};

use crate::engine::Engine;
use crate::folder::Folder;
use crate::plan::names::Identity;
use crate::plan::root::Backend;
use crate::plan::spec::{ClusterFile, Topology};
use crate::{Error, Event, Result, Sink, modules};

/// Which cluster is meant.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Checked already.
    pub file: ClusterFile,
    /// The folder that the file lies in.
    pub beside: PathBuf,
}

pub struct Work {
    pub file: ClusterFile,
    pub identity: Identity,
    pub(crate) beside: PathBuf,
    pub(crate) engine: Engine,
    pub(crate) account: Account,
    pub(crate) partition: String,
    pub(crate) bucket: OwnBucket,
    pub(crate) folder: Folder,
    /// None as long as there is no bucket, and so no state.
    pub(crate) backend: Option<Backend>,
}

/// Where a cluster is kept, without an engine: enough to read.
pub(crate) struct Places {
    pub identity: Identity,
    pub account: Account,
    pub arn: String,
    pub bucket: OwnBucket,
}

impl Places {
    pub async fn of(name: &str, region: &str, account: Option<&str>, bucket: Option<&str>) -> Result<Self> {
        let aws = |failure| Error::Aws { doing: "learn whose the credentials are", failure };
        let reached = Account::reach(region).await.map_err(aws)?;
        let who = reached.identity().await.map_err(aws)?;
        if let Some(wanted) = account.filter(|wanted| *wanted != who.account) {
            return Err(Error::OtherAccount { wanted: wanted.to_owned(), found: who.account, arn: who.arn });
        }
        let identity = Identity::of(name, &who.account, region, bucket);
        let bucket = OwnBucket::reach(&identity.bucket, &who.account, region)
            .await
            .map_err(|failure| Error::Aws { doing: "reach the bucket of states", failure })?;
        Ok(Self { identity, account: reached, arn: who.arn, bucket })
    }

    /// The part of AWS that the account is in.
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }

    pub async fn of_file(file: &ClusterFile) -> Result<Self> {
        let spec = &file.spec;
        let bucket = spec.state.as_ref().map(|state| state.bucket.as_str());
        Self::of(&file.metadata.name, &spec.region, spec.account.as_deref(), bucket).await
    }
}

impl Work {
    pub async fn open(wanted: &Wanted, sink: Sink<'_>) -> Result<Self> {
        let Wanted { file, beside } = wanted.clone();
        let mut checked = |what, found: String| sink(Event::Checked { what, found });
        let engine = Engine::find().await?;
        checked("engine", format!("{} {}", engine.name, engine.version));
        let places = Places::of_file(&file).await?;
        checked("account", format!("{} as {}", places.identity.account, places.arn));
        let there = places.bucket.exists().await.map_err(|failure| Error::Aws {
            doing: "look for the bucket of states, which has to be the account's own",
            failure,
        })?;
        let bucket = &places.identity.bucket;
        checked("state", if there { bucket.clone() } else { format!("{bucket}, which will be made") });
        let folder = Folder::take(&places.identity.id)?;
        let mut work = Self {
            beside,
            engine,
            partition: places.partition().to_owned(),
            account: places.account,
            bucket: places.bucket,
            folder,
            backend: None,
            identity: places.identity,
            file,
        };
        if there {
            work.use_bucket();
        }
        Ok(work)
    }

    pub(crate) fn use_bucket(&mut self) {
        self.backend = Some(Backend {
            bucket: self.identity.bucket.clone(),
            region: self.file.spec.region.clone(),
            path_style: self.account.is_elsewhere(),
        });
    }

    /// Makes the bucket, hardens it and tries whether two who write at once are told apart.
    pub async fn make_bucket(&mut self, sink: Sink<'_>) -> Result<()> {
        ready(&self.bucket, &self.identity.bucket, &self.partition, sink).await?;
        self.use_bucket();
        Ok(())
    }

    /// The modules, and which of them the root calls.
    pub(crate) fn modules(&self) -> Result<(Vec<modules::File>, String)> {
        let spec = &self.file.spec;
        if spec.topology == Topology::Own {
            let folder = self.beside.join(spec.module.as_deref().unwrap_or_default());
            let files = modules::of_folder(&folder, "own").map_err(|error| Error::Unreadable {
                what: format!("module {}", folder.display()),
                why: error.to_string(),
            })?;
            return Ok((files, "./modules/own".to_owned()));
        }
        let source = format!("./modules/{}", spec.topology.word());
        let elsewhere = std::env::var_os("OUTBOARD_TERRAFORM_MODULES").filter(|value| !value.is_empty());
        let files = match elsewhere.map(PathBuf::from) {
            None => modules::embedded(),
            Some(folder) => modules::of_folder(&folder, "").map_err(|error| Error::Unreadable {
                what: format!("OUTBOARD_TERRAFORM_MODULES={}", folder.display()),
                why: error.to_string(),
            })?,
        };
        Ok((files, source))
    }

    /// What somebody lays over the generated root.
    pub(crate) fn overlay(&self) -> Result<Option<String>> {
        let Some(terraform) = &self.file.spec.terraform else { return Ok(None) };
        let path = self.beside.join(&terraform.overlay);
        let unreadable = |why: String| Error::Unreadable { what: path.display().to_string(), why };
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
        serde_json::from_str::<serde_json::Value>(&text).map_err(|error| unreadable(error.to_string()))?;
        Ok(Some(text))
    }
}

/// A bucket of states that is there, hardened and tried.
pub(crate) async fn ready(bucket: &OwnBucket, name: &str, partition: &str, sink: Sink<'_>) -> Result<()> {
    let failed = |failure| Error::Aws { doing: "make the bucket of states", failure };
    let made = !bucket.exists().await.map_err(failed)?;
    if made {
        sink(Event::Doing { what: format!("making bucket {name}") });
        bucket.make().await.map_err(failed)?;
    }
    let marker = "outboard.json";
    if bucket.get(marker).await.map_err(failed)?.is_some() {
        return Ok(());
    }
    // Its policy, its rules and its old versions are others', unless nothing is in it yet.
    if !made && bucket.holds_something().await.map_err(failed)? {
        return Err(Error::OthersBucket { bucket: name.to_owned() });
    }
    bucket.harden(partition).await.map_err(failed)?;
    let key = format!("self-test/{}", jiff::Timestamp::now().as_nanosecond());
    let first = bucket.put_new(&key, b"first".to_vec()).await.map_err(failed)?;
    let second = bucket.put_new(&key, b"second".to_vec()).await.map_err(failed)?;
    bucket.delete(&key).await.map_err(failed)?;
    if !first || second {
        return Err(Error::NoConditions { bucket: name.to_owned() });
    }
    // Last: a bucket with this mark is hardened and tried.
    bucket.put(marker, b"{\"hardened\":true}\n".to_vec()).await.map_err(failed)?;
    sink(Event::Checked { what: "locks", found: "a second writer is refused".to_owned() });
    Ok(())
}
