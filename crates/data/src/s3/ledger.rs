//! What a copy keeps in its target, under a prefix of its own: that it began, which stretches of keys were found equal,
//! which uploads in parts are not finished, and, if several make it together, who has which keys and who is done.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, answer};
use super::end::{End, SOON};
use super::facts::etag;
use super::plan::deal::Deal;
use super::plan::rows::Row;
use super::plan::scope::OURS;
use super::plan::segment::{self, Header, Segment};
use super::read::From;
use super::report::Kind;
use super::together::Handed;
use super::write::TOGETHER;
use crate::error::{Error, Result};
use crate::plan::digest;
use crate::share::Share;

/// On what condition something is written.
#[derive(Clone, Copy, Debug)]
pub enum If<'a> {
    Always,
    Nothing,
    Still(&'a str),
}

impl End {
    /// Small, and none of the copy's objects. Its ETag.
    pub async fn note(&self, key: &str, content: Vec<u8>, only: If<'_>) -> Result<String, Answer> {
        let content = Bytes::from(content);
        let told = self
            .ask(Kind::Ledger, SOON, || async {
                let asked =
                    self.client.put_object().bucket(&self.bucket).key(key).body(content.clone().into());
                let asked = match only {
                    If::Always => asked,
                    If::Nothing => asked.if_none_match("*"),
                    If::Still(etag) => asked.if_match(format!("\"{etag}\"")),
                };
                asked.send().await.map_err(|error| answer(&error))
            })
            .await?;
        Ok(etag(told.e_tag.as_deref()))
    }
}

#[derive(Clone)]
pub struct Ledger {
    end: End,
    /// Of all copies that take turns.
    root: String,
    folder: String,
}

/// A stretch that an earlier run left.
#[derive(Clone, Debug)]
pub struct Indexed {
    pub name: String,
    pub header: Header,
}

/// An upload that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    pub id: String,
    pub source_etag: String,
    pub part_bytes: u64,
}

impl Ledger {
    pub fn new(end: &End, below: &str, job: &str) -> Self {
        let root = format!("{below}{OURS}");
        Self { end: end.clone(), folder: format!("{root}{job}/"), root }
    }

    pub fn turn_key(&self) -> String {
        format!("{}turn", self.root)
    }

    fn begun_key(&self) -> String {
        format!("{}begun", self.folder)
    }

    fn deal_key(&self) -> String {
        format!("{}deal", self.folder)
    }

    fn upload_key(&self, key: &str) -> String {
        format!("{}uploads/{}", self.folder, digest(key.as_bytes()))
    }

    /// When this job began, by the target's clock; none: it never did.
    pub async fn begun(&self) -> Result<Option<i64>> {
        // A refusal of HEAD would not say why.
        match self.end.get(&self.begun_key(), None, None).await {
            Ok((facts, _)) => Ok(Some(facts.modified)),
            Err(Answer::Missing) => Ok(None),
            Err(answer) => Err(self.end.error(answer, "reading what an earlier run left")),
        }
    }

    pub async fn begin(&self) -> Result<()> {
        let noted = self.end.note(&self.begun_key(), vec![], If::Nothing).await;
        match noted {
            // It goes on.
            Ok(_) | Err(Answer::Changed) => Ok(()),
            Err(answer) => Err(self.end.error(answer, "saying that it began")),
        }
    }

    pub async fn index(&self) -> Result<Vec<Indexed>> {
        let doing = "reading what an earlier run left";
        let prefix = format!("{}segments/", self.folder);
        let (mut found, mut token) = (vec![], None::<String>);
        loop {
            let from = token.as_deref().map_or(From::After(""), From::Token);
            let page =
                self.end.list(&prefix, from, 1000).await.map_err(|answer| self.end.error(answer, doing))?;
            let names =
                page.rows.iter().filter_map(|row| Some((format!("{prefix}{}", row.text()?), row.size)));
            let asked = names.map(|(name, size)| async move {
                let last = size.min(segment::HEADER).saturating_sub(1);
                match self.end.get(&name, Some((0, last)), None).await {
                    Ok((_, bytes)) => Ok(segment::header(&bytes).map(|header| Indexed { name, header })),
                    Err(Answer::Missing) => Ok(None),
                    Err(answer) => Err(self.end.error(answer, doing)),
                }
            });
            let asked = futures::stream::iter(asked);
            let told: Vec<Option<Indexed>> =
                futures::TryStreamExt::try_collect(futures::StreamExt::buffer_unordered(asked, 16)).await?;
            found.extend(told.into_iter().flatten());
            token = page.next;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Which keys are dealt out to whom, if that can be read, and its ETag; none: nobody said so yet.
    pub async fn deal(&self) -> Result<Option<(Option<Deal>, String)>> {
        match self.end.get(&self.deal_key(), None, None).await {
            Ok((facts, bytes)) => Ok(Some((serde_json::from_slice(&bytes).ok(), facts.etag))),
            Err(Answer::Missing) => Ok(None),
            Err(answer) => Err(self.end.error(answer, "reading who copies what")),
        }
    }

    /// In place of the one with this ETag, or of none. False: there is another by now.
    pub async fn note_deal(&self, deal: &Deal, of: Option<&str>) -> Result<bool> {
        let content = serde_json::to_vec(deal).unwrap_or_default();
        match self.end.note(&self.deal_key(), content, of.map_or(If::Nothing, If::Still)).await {
            Ok(_) => Ok(true),
            Err(Answer::Changed | Answer::Missing) => Ok(false),
            Err(answer) => Err(self.end.error(answer, "saying who copies what")),
        }
    }

    fn together(&self, share: &Share) -> String {
        format!("{}together/{}/", self.folder, share.start)
    }

    pub async fn hand_in(&self, share: &Share, handed: &Handed) -> Result<()> {
        let content = serde_json::to_vec(handed).unwrap_or_default();
        let noted =
            self.end.note(&format!("{}{}", self.together(share), share.index), content, If::Always).await;
        noted.map(drop).map_err(|answer| self.end.error(answer, "saying that it is done"))
    }

    /// Whether all others have handed in, and none of them is the last.
    pub async fn is_last(&self, share: &Share) -> Result<bool> {
        let doing = "asking who is done";
        let folder = self.together(share);
        let page = self.end.list(&folder, From::After(""), 1000).await;
        let page = page.map_err(|answer| self.end.error(answer, doing))?;
        let numbered = |row: &Row| row.text().is_some_and(|name| name.parse::<u32>().is_ok());
        if page.rows.iter().filter(|row| numbered(row)).count() < share.of as usize {
            return Ok(false);
        }
        // Two may see that at the same time.
        let (last, me) = (format!("{folder}last"), share.index.to_string());
        match self.end.note(&last, me.clone().into_bytes(), If::Nothing).await {
            Ok(_) => Ok(true),
            Err(Answer::Changed) => match self.end.get(&last, None, None).await {
                // It was before, and failed behind that.
                Ok((_, content)) => Ok(content == me.as_bytes()),
                Err(Answer::Missing) => Ok(false),
                Err(answer) => Err(self.end.error(answer, doing)),
            },
            Err(answer) => Err(self.end.error(answer, doing)),
        }
    }

    pub async fn handed(&self, share: &Share, index: u32) -> Result<Handed> {
        let doing = "asking who is done";
        let told = self.end.get(&format!("{}{index}", self.together(share)), None, None).await;
        let (_, bytes) = told.map_err(|answer| self.end.error(answer, doing))?;
        let unread = |error: serde_json::Error| Error::Internal(format!("what was handed in: {error}"));
        serde_json::from_slice(&bytes).map_err(unread)
    }

    /// What this start and earlier ones handed in.
    pub async fn forget_together(&self) -> Result<()> {
        let folder = format!("{}together/", self.folder);
        loop {
            let page = self.end.list(&folder, From::After(""), 1000).await;
            let page = page.map_err(|answer| self.end.error(answer, "reading what an earlier run left"))?;
            let names: Vec<String> =
                page.rows.iter().filter_map(|row| Some(format!("{folder}{}", row.text()?))).collect();
            self.forget(&names).await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// None: it is gone, or cannot be read.
    pub async fn read(&self, name: &str) -> Result<Option<Segment>> {
        match self.end.get(name, None, None).await {
            Ok((_, bytes)) => Ok(Segment::read(&bytes)),
            Err(Answer::Missing) => Ok(None),
            Err(answer) => Err(self.end.error(answer, "reading what an earlier run left")),
        }
    }

    /// Its name.
    pub async fn write(&self, segment: &Segment) -> Result<String> {
        let place = format!("{}\0{}", segment.header.scope, segment.header.after);
        let name = format!("{}segments/{}", self.folder, digest(place.as_bytes()));
        let noted = self.end.note(&name, segment.write(), If::Always).await;
        noted.map_err(|answer| self.end.error(answer, "writing down what is equal"))?;
        Ok(name)
    }

    pub async fn forget(&self, names: &[String]) -> Result<()> {
        for names in names.chunks(TOGETHER) {
            let removed = self.end.remove_all(names, Kind::Ledger).await;
            removed.map_err(|answer| self.end.error(answer, "removing what an earlier run left"))?;
        }
        Ok(())
    }

    pub async fn upload(&self, key: &str) -> Result<Option<Upload>, Answer> {
        match self.end.get(&self.upload_key(key), None, None).await {
            Ok((_, bytes)) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(Answer::Missing) => Ok(None),
            Err(answer) => Err(answer),
        }
    }

    pub async fn note_upload(&self, key: &str, upload: &Upload) -> Result<(), Answer> {
        let content = serde_json::to_vec(upload).unwrap_or_default();
        self.end.note(&self.upload_key(key), content, If::Always).await.map(drop)
    }

    pub async fn forget_upload(&self, key: &str) -> Result<(), Answer> {
        self.end.remove(&self.upload_key(key), Kind::Ledger).await
    }
}
