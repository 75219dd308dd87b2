//! An object in parts: in those of the source, where that can be, so that ETags tell that the content is the same. An
//! upload that an earlier run began goes on.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use futures::{StreamExt, TryStreamExt};

use super::answer::Answer;
use super::facts::Facts;
use super::ledger::Upload;
use super::plan::parts::{BY_ITSELF, HELD, part_size, ranges};
use super::plan::rows::{Row, same_content};
use super::shared::Shared;
use super::sums::{Algorithm, Sum};
use super::transfer::{Fault, Names, Sent, proof, source, tags, target};
use super::write::{Part, Put, Whole};

/// Of one object.
const AT_ONCE: usize = 4;

/// One that is under way.
struct Large<'a> {
    shared: &'a Shared,
    names: &'a Names,
    etag: &'a str,
    algorithm: Algorithm,
    upload: String,
}

pub async fn send(shared: &Shared, names: &Names, row: &Row) -> Result<Sent, Fault> {
    let facts = shared.source.head(&names.from, None).await.map_err(source)?;
    if facts.etag != row.etag {
        return Err(source(Answer::Changed));
    }
    let tags = tags(shared, names, &facts).await?;
    let part = size_of_parts(shared, names, row).await?;
    let told = facts.sums.whole().map(|(algorithm, _)| algorithm);
    let sum = match told {
        // Sums of parts that a store copies by itself are its own: some tell that of the whole source for each of them.
        // What they make is proved by ETag, or by the sums of both objects.
        _ if shared.by_itself() => None,
        Some(algorithm) => Some((algorithm, Whole::Yes)),
        None => Some((Algorithm::Crc32c, Whole::No)),
    };
    let algorithm = sum.map_or(Algorithm::Crc32c, |(algorithm, _)| algorithm);
    let wanted = |id: &str| Upload { id: id.to_owned(), source_etag: row.etag.clone(), part_bytes: part };
    let begun =
        if shared.since.is_some() { shared.ledger.upload(&names.to).await.map_err(target)? } else { None };
    let mut standing = BTreeMap::new();
    let upload = match begun.filter(|begun| *begun == wanted(&begun.id)) {
        Some(begun) => match shared.target.parts(&names.to, &begun.id, algorithm).await {
            Ok(parts) => {
                standing = parts.into_iter().map(|(part, size)| (part.number, (part, size))).collect();
                Some(begun.id)
            }
            // It was ended by somebody.
            Err(Answer::Missing | Answer::Refused { .. }) => None,
            Err(answer) => return Err(target(answer)),
        },
        None => None,
    };
    let upload = match upload {
        Some(upload) => upload,
        None => {
            let begin = shared.target.begin(&names.to, &facts.about, tags.as_deref(), sum);
            let upload = begin.await.map_err(target)?;
            shared.ledger.note_upload(&names.to, &wanted(&upload)).await.map_err(target)?;
            upload
        }
    };
    let large = Large { shared, names, etag: &row.etag, algorithm, upload };
    let outcome = match Box::pin(large.parts(row.size, part, &standing)).await {
        Ok(parts) => Box::pin(large.complete(&facts, &parts)).await,
        Err(fault) => Err(fault),
    };
    if matches!(&outcome, Ok(_) | Err(Fault { answer: Answer::Changed | Answer::Corrupt(_), .. })) {
        if outcome.is_err() {
            // What is left of it is of no use.
            let _ = shared.target.abort(&names.to, &large.upload).await;
        }
        shared.ledger.forget_upload(&names.to).await.map_err(target)?;
    }
    outcome.map(|sent| Sent { tagged: tags.is_some(), size: row.size, large: true, ..sent })
}

async fn size_of_parts(shared: &Shared, names: &Names, row: &Row) -> Result<u64, Fault> {
    let of_source = match row.parts() {
        Some(parts) => {
            let first = shared.source.head(&names.from, Some(1)).await.map_err(source)?;
            Some((first.size, parts))
        }
        None => None,
    };
    let sizes = &shared.job.parts;
    let (usual, largest) =
        if shared.by_itself() { (sizes.bytes_by_itself, BY_ITSELF) } else { (sizes.bytes, HELD) };
    Ok(part_size(row.size, of_source, usual, largest))
}

impl Large<'_> {
    async fn parts(
        &self,
        size: u64,
        part: u64,
        standing: &BTreeMap<i32, (Part, u64)>,
    ) -> Result<Vec<Part>, Fault> {
        let sends = (1..).zip(ranges(size, part)).map(|(number, range)| {
            let bytes = range.1 - range.0 + 1;
            // What passes through here is proved by its sum, which has to be known.
            let stands = standing
                .get(&number)
                .filter(|(part, size)| *size == bytes && (self.shared.by_itself() || part.sum.is_some()));
            let stands = stands.map(|(part, _)| part.clone());
            async move {
                match stands {
                    Some(part) => Ok(part),
                    None => Box::pin(self.part(number, range)).await,
                }
            }
        });
        let mut parts: Vec<Part> =
            futures::stream::iter(sends).buffer_unordered(AT_ONCE).try_collect().await?;
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    async fn part(&self, number: i32, range: (u64, u64)) -> Result<Part, Fault> {
        let Self { shared, names, etag, .. } = self;
        let bytes = range.1 - range.0 + 1;
        let part = if shared.by_itself() {
            let from = (shared.source.bucket.as_str(), names.from.as_str());
            shared.course.bytes.pass(bytes.try_into().unwrap_or(usize::MAX)).await;
            let part = shared.target.copy_part(&names.to, &self.upload, number, from, range, etag);
            part.await.map_err(source)?
        } else {
            let _room = shared.room(bytes).await.map_err(source)?;
            shared.course.bytes.pass(bytes.try_into().unwrap_or(usize::MAX)).await;
            let (_, content) =
                shared.source.get(&names.from, Some(range), Some(etag)).await.map_err(source)?;
            if content.len() as u64 != bytes {
                return Err(source(Answer::Corrupt("a part has another size".to_owned())));
            }
            let sum = self.algorithm.of(&content);
            let part = shared.target.part(&names.to, &self.upload, number, &content, Some(sum));
            part.await.map_err(target)?
        };
        shared.tally.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(part)
    }

    async fn complete(&self, facts: &Facts, parts: &[Part]) -> Result<Sent, Fault> {
        let Self { shared, names, .. } = self;
        let whole = sum(parts);
        if whole.is_some_and(|whole| facts.sums.is(&whole) == Some(false)) {
            return Err(source(Answer::Corrupt("what was read is not what was stored".to_owned())));
        }
        let put = match shared.target.complete(&names.to, &self.upload, parts).await {
            Ok(put) => put,
            // Its answer got lost: the object tells.
            Err(Answer::Missing) => self.completed(facts).await?,
            Err(Answer::Refused { code, .. }) if code == "NoSuchUpload" => self.completed(facts).await?,
            Err(answer) => return Err(target(answer)),
        };
        let proved = match put.sums.agree(&facts.sums) {
            Some(false) => {
                return Err(target(Answer::Corrupt("what was received is not what was sent".to_owned())));
            }
            Some(true) => true,
            None => same_content(&facts.etag, &put.etag) || proof(shared, names, &facts.etag, &put).await?,
        };
        Ok(Sent { etag: put.etag, proved, ..Sent::default() })
    }

    async fn completed(&self, facts: &Facts) -> Result<Put, Fault> {
        let there = self.shared.target.head(&self.names.to, None).await.map_err(target)?;
        if there.size != facts.size {
            return Err(target(Answer::Corrupt("an upload was lost".to_owned())));
        }
        Ok(Put { etag: there.etag, sums: there.sums })
    }
}

/// Of all parts together; none: not all of them are known.
fn sum(parts: &[Part]) -> Option<Sum> {
    let mut sums = parts.iter().map(|part| part.sum);
    let first = sums.next()??;
    sums.try_fold(first, |sum, next| Some(sum.and(next?)))
}
