//! The folder of a backup in its bucket: small notes, and what is removed of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::errand::Place;
use crate::error::{Error, Result, Side};
use crate::plan::backup::manifest::{self, FORM, Manifest, Piece};
use crate::s3::{Answer, Bucket, End, From, If, Kind};
use crate::throttle::Throttle;

pub struct Shelf {
    pub end: End,
    pub folder: String,
}

impl Shelf {
    pub async fn reach(side: Side, place: &Place, folder: &str) -> Result<Self> {
        let Place { bucket, secret, authority } = place;
        let requests = Arc::new(Throttle::new(None));
        let end = End::at(side, bucket, secret.as_ref(), authority.clone(), &requests).await?;
        Ok(Self { end, folder: folder.to_owned() })
    }

    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    pub fn error(&self, answer: Answer, doing: &str) -> Error {
        self.end.error(answer, doing)
    }

    pub async fn note(&self, name: &str, content: &impl Serialize) -> Result<()> {
        let text = serde_json::to_vec_pretty(content).map_err(|error| Error::Internal(error.to_string()))?;
        let noted = self.end.note(&self.key(name), text, If::Always).await;
        noted.map(drop).map_err(|answer| self.error(answer, &format!("writing {name}")))
    }

    /// None: it is not there.
    async fn read(&self, name: &str) -> Result<Option<Bytes>> {
        match self.end.get(&self.key(name), None, None).await {
            Ok((_, content)) => Ok(Some(content)),
            Err(Answer::Missing) => Ok(None),
            Err(answer) => Err(self.error(answer, &format!("reading {name}"))),
        }
    }

    pub async fn piece(&self, name: &str) -> Result<Option<Piece>> {
        let content = self.read(name).await?;
        content.map(|content| self.understood(&content, name)).transpose()
    }

    /// A backup has one, or is none.
    pub async fn manifest(&self) -> Result<Manifest> {
        let content = self.read(manifest::NAME).await?;
        let Some(content) = content else {
            return Err(Error::Refused {
                message: format!(
                    "there is no backup at {}/{}: it has no {}",
                    self.end.address,
                    self.folder,
                    manifest::NAME
                ),
                fix: "outboard env backups says which there are".to_owned(),
            });
        };
        let manifest: Manifest = self.understood(&content, manifest::NAME)?;
        if manifest.form == FORM {
            return Ok(manifest);
        }
        Err(Error::Refused {
            message: format!(
                "the backup at {} is of form {}, and this outboard reads {FORM}",
                self.folder, manifest.form
            ),
            fix: "restore it with the outboard that made it, or a newer one".to_owned(),
        })
    }

    fn understood<T: DeserializeOwned>(&self, content: &[u8], name: &str) -> Result<T> {
        serde_json::from_slice(content).map_err(|error| Error::Refused {
            message: format!("{name} of the backup at {} cannot be read: {error}", self.folder),
            fix: "somebody changed it: restore another backup".to_owned(),
        })
    }
}

/// Removes what lies in a folder, what makes it a backup first; a page at a time. Whether nothing is left.
pub async fn remove(
    end: &Bucket,
    secret: &str,
    authority: Option<aws::Authority>,
    folder: &str,
) -> Result<bool> {
    let requests = Arc::new(Throttle::new(None));
    let secret = crate::job::Secret::new(secret);
    let end = Box::pin(End::at(Side::Target, end, Some(&secret), authority, &requests)).await?;
    let failed = |answer| end.error(answer, "removing a backup");
    end.remove(&format!("{folder}{}", manifest::NAME), Kind::Write).await.map_err(failed)?;
    for (key, upload) in end.uploads(folder).await.map_err(failed)? {
        end.abort(&key, &upload).await.map_err(failed)?;
    }
    let page = end.list(folder, From::After(""), 1000).await.map_err(failed)?;
    let keys: Vec<String> =
        page.rows.iter().filter_map(|row| Some(format!("{folder}{}", row.text()?))).collect();
    if page.rows.is_empty() {
        return Ok(true);
    }
    if keys.is_empty() {
        let named = vec![format!("{folder}: objects whose keys are no text")];
        return Err(Error::NotCopied { count: page.rows.len() as u64, named });
    }
    let stay: BTreeMap<String, String> =
        end.remove_all(&keys, Kind::Write).await.map_err(failed)?.into_iter().collect();
    match stay.into_iter().next() {
        // The next look says whether anything is left.
        None => Ok(false),
        Some((key, why)) => Err(Error::NotCopied { count: 1, named: vec![format!("{key}: {why}")] }),
    }
}
