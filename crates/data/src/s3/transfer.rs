//! One object from its bucket to the other: read as it was listed, or as it is by now, sent with all that belongs to it,
//! and believed only when a store says that it received what was read.

use std::sync::atomic::Ordering;

use super::answer::Answer;
use super::facts::{About, Facts};
use super::multipart;
use super::plan::rows::{Mark, Row, mark, other_content, same_content};
use super::plan::scope::{Mask, Scope, mask};
use super::plan::stand_in;
use super::shared::Shared;
use super::sums::Algorithm;
use super::write::Put;
use crate::error::{Error, Result, Side};

/// Of an object that changes faster than it can be read, or that is not received as it was sent.
const TRIES: u32 = 4;

/// What failed, and on which side.
pub struct Fault {
    pub side: Side,
    pub answer: Answer,
}

pub fn source(answer: Answer) -> Fault {
    Fault { side: Side::Source, answer }
}

pub fn target(answer: Answer) -> Fault {
    Fault { side: Side::Target, answer }
}

/// An object that was received.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub etag: String,
    pub size: u64,
    /// Both stores computed the same digest of its content.
    pub proved: bool,
    pub tagged: bool,
    pub large: bool,
    pub placeholder: bool,
}

/// A key on both sides.
#[derive(Clone, Debug)]
pub struct Names {
    pub from: String,
    pub to: String,
}

pub fn names(scope: &Scope, key: &str) -> Names {
    Names { from: format!("{}{key}", scope.from), to: format!("{}{key}", scope.to) }
}

/// Its mark; none: it is not on the target, and the report says why.
pub async fn copy(shared: &Shared, names: &Names, row: &Row) -> Result<Option<Mark>> {
    shared.turn.take().await?;
    let mut row = row.clone();
    let mut changed = false;
    for _ in 0..TRIES {
        match Box::pin(send(shared, names, &row)).await {
            Ok(sent) => {
                count(shared, &sent, changed);
                let of = (row.etag.as_str(), row.size, row.modified);
                return Ok(Some(mark(names.from.as_bytes(), of, (&sent.etag, sent.size))));
            }
            Err(Fault { answer: Answer::Changed, .. }) => {
                changed = true;
                match shared.source.head(&names.from, None).await {
                    Ok(now) => (row.etag, row.size, row.modified) = (now.etag, now.size, now.modified),
                    Err(answer) => return left(shared, names, source(answer)),
                }
            }
            Err(Fault { answer: Answer::Corrupt(_), .. }) => {
                shared.tally.count(|counts| counts.repaired += 1);
            }
            Err(fault) => return left(shared, names, fault),
        }
    }
    let why = if changed { "changes all the time" } else { "was never received as it was sent" };
    shared.tally.not_copied(names.from.as_bytes(), why);
    Ok(None)
}

fn count(shared: &Shared, sent: &Sent, changed: bool) {
    shared.arrived();
    shared.tally.count(|counts| {
        counts.copied += 1;
        counts.changed += u64::from(changed);
        counts.tagged += u64::from(sent.tagged);
        counts.large += u64::from(sent.large);
        counts.placeholders += u64::from(sent.placeholder);
        counts.proved += u64::from(sent.proved);
        counts.received += u64::from(!sent.proved);
    });
}

/// An object that is not copied does not keep the others from it.
fn left(shared: &Shared, names: &Names, fault: Fault) -> Result<Option<Mark>> {
    match fault {
        Fault { side: Side::Source, answer: Answer::Missing } => {
            shared.tally.count(|counts| counts.gone += 1);
        }
        Fault { side, answer } => match answer.of_one() {
            Some(why) => shared.tally.not_copied(names.from.as_bytes(), &format!("{side}: {why}")),
            None => return Err(failed(shared, side, answer, "copying")),
        },
    }
    Ok(None)
}

pub fn failed(shared: &Shared, side: Side, answer: Answer, doing: &str) -> Error {
    match side {
        Side::Source => shared.source.error(answer, doing),
        Side::Target => shared.target.error(answer, doing),
    }
}

async fn send(shared: &Shared, names: &Names, row: &Row) -> Result<Sent, Fault> {
    let sizes = &shared.job.parts;
    let at_once = if shared.by_itself() { sizes.by_itself } else { sizes.bytes };
    match mask(&names.from, &shared.job.masks.prefixes) {
        Some(Mask::Placeholder) => stand_in_for(shared, names, row).await,
        _ if row.size > at_once => Box::pin(multipart::send(shared, names, row)).await,
        _ if shared.by_itself() => by_itself(shared, names, row).await,
        _ => through(shared, names, row).await,
    }
}

async fn by_itself(shared: &Shared, names: &Names, row: &Row) -> Result<Sent, Fault> {
    let from = (shared.source.bucket.as_str(), names.from.as_str());
    shared.course.bytes.pass(row.size.try_into().unwrap_or(usize::MAX)).await;
    // A key that is gone, or not for us, is the source's.
    let put = shared.target.copy(&names.to, from, &row.etag).await.map_err(source)?;
    shared.tally.bytes.fetch_add(row.size, Ordering::Relaxed);
    let proved = proof(shared, names, &row.etag, &put).await?;
    Ok(Sent { etag: put.etag, size: row.size, proved, ..Sent::default() })
}

/// Whether a copy that the store made by itself is what it was made of.
pub async fn proof(shared: &Shared, names: &Names, etag: &str, put: &Put) -> Result<bool, Fault> {
    if same_content(etag, &put.etag) {
        return Ok(true);
    }
    if other_content(etag, &put.etag) {
        return Err(target(Answer::Corrupt("the copy is not what was copied".to_owned())));
    }
    let (here, there) = both(shared, names).await?;
    match here.sums.agree(&there.sums) {
        _ if here.size != there.size => Err(target(Answer::Corrupt("the copy has another size".to_owned()))),
        Some(false) => Err(target(Answer::Corrupt("the copy is not what was copied".to_owned()))),
        agrees => Ok(agrees == Some(true)),
    }
}

pub async fn both(shared: &Shared, names: &Names) -> Result<(Facts, Facts), Fault> {
    let here = shared.source.head(&names.from, None);
    let there = shared.target.head(&names.to, None);
    let (here, there) = Box::pin(futures::future::join(here, there)).await;
    Ok((here.map_err(source)?, there.map_err(target)?))
}

async fn through(shared: &Shared, names: &Names, row: &Row) -> Result<Sent, Fault> {
    let _room = shared.room(row.size).await.map_err(source)?;
    shared.course.bytes.pass(row.size.try_into().unwrap_or(usize::MAX)).await;
    let if_match = Some(row.etag.as_str()).filter(|etag| !etag.is_empty());
    let (facts, content) = shared.source.get(&names.from, None, if_match).await.map_err(source)?;
    shared.tally.bytes.fetch_add(facts.size, Ordering::Relaxed);
    // What the source has a sum of is proved by it from one end to the other.
    let algorithm = facts.sums.whole().map_or(Algorithm::Crc32c, |(algorithm, _)| algorithm);
    let sum = algorithm.of(&content);
    if facts.sums.is(&sum) == Some(false) {
        return Err(source(Answer::Corrupt("what was read is not what was stored".to_owned())));
    }
    let tags = tags(shared, names, &facts).await?;
    let put =
        shared.target.put(&names.to, &content, &facts.about, tags.as_deref(), &sum).await.map_err(target)?;
    if put.sums.is(&sum) == Some(false) || other_content(&facts.etag, &put.etag) {
        return Err(target(Answer::Corrupt("what was received is not what was sent".to_owned())));
    }
    let summed = facts.sums.is(&sum) == Some(true) && put.sums.is(&sum) == Some(true);
    let proved = summed || same_content(&facts.etag, &put.etag);
    Ok(Sent { etag: put.etag, size: facts.size, proved, tagged: tags.is_some(), ..Sent::default() })
}

/// As a header has them.
pub async fn tags(shared: &Shared, names: &Names, facts: &Facts) -> Result<Option<String>, Fault> {
    if facts.tags == 0 { Ok(None) } else { shared.source.tags(&names.from).await.map_err(source) }
}

async fn stand_in_for(shared: &Shared, names: &Names, row: &Row) -> Result<Sent, Fault> {
    let facts = shared.source.head(&names.from, None).await.map_err(source)?;
    if facts.etag != row.etag {
        return Err(source(Answer::Changed));
    }
    let about = About { content_type: facts.about.content_type, ..About::default() };
    let content = stand_in::content(about.content_type.as_deref());
    let sum = Algorithm::Crc32c.of(content);
    let put = shared.target.put(&names.to, &content.into(), &about, None, &sum).await.map_err(target)?;
    Ok(Sent { etag: put.etag, size: content.len() as u64, placeholder: true, ..Sent::default() })
}
