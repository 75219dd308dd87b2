//! A bucket: its objects, copied into the backup's folder by the engine that copies buckets.

use std::path::Path;

use super::errand::Errand;
use super::shelf::Shelf;
use super::{Gently, Piece};
use crate::error::Result;
use crate::job::Store;
use crate::plan::backup::manifest;
use crate::s3::plan::scope::OURS;
use crate::s3::{self, From, Kind};
use crate::{Halt, Say};

pub async fn store(
    job: &Path,
    errand: &Errand,
    shelf: &Shelf,
    gently: &Gently,
    halt: &Halt,
    say: &Say,
) -> Result<Piece> {
    let service = &errand.said.service;
    let report = Box::pin(s3::copy_steered(job, None, &gently.objects, halt, say)).await?;
    let path = manifest::objects(service);
    let bytes = halt.unless(Box::pin(tidied(shelf, service, &path))).await?;
    let counts = &report.counts;
    Ok(Piece {
        service: service.clone(),
        store: Store::S3,
        database: None,
        path,
        bytes,
        sha256: None,
        rows: counts.copied + counts.equal + counts.skipped,
        tables: std::collections::BTreeMap::new(),
        notes: vec![],
        begun: String::new(),
        ended: String::new(),
    })
}

/// What the engine noted for another run is of no use to a backup that is whole. The bytes of all objects.
async fn tidied(shelf: &Shelf, service: &str, path: &str) -> Result<u64> {
    let failed = |answer| shelf.error(answer, "looking at what was stored");
    let notes = shelf.key(&format!("{}{OURS}", manifest::notes(service)));
    loop {
        let page = shelf.end.list(&notes, From::After(""), 1000).await.map_err(failed)?;
        let keys: Vec<String> =
            page.rows.iter().filter_map(|row| Some(format!("{notes}{}", row.text()?))).collect();
        if keys.is_empty() {
            break;
        }
        if !shelf.end.remove_all(&keys, Kind::Ledger).await.map_err(failed)?.is_empty() {
            // Where nobody may remove anything they stay, and do no harm.
            break;
        }
    }
    Ok(there(shelf, path).await?.1)
}

/// How many objects there are, and their bytes.
pub async fn there(shelf: &Shelf, path: &str) -> Result<(u64, u64)> {
    let failed = |answer| shelf.error(answer, "looking at what was stored");
    let (folder, mut count, mut bytes, mut next) = (shelf.key(path), 0, 0, None::<String>);
    loop {
        let from = next.as_deref().map_or(From::After(""), From::Token);
        let page = shelf.end.list(&folder, from, 1000).await.map_err(failed)?;
        count += page.rows.len() as u64;
        bytes += page.rows.iter().map(|row| row.size).sum::<u64>();
        next = page.next;
        if next.is_none() {
            return Ok((count, bytes));
        }
    }
}
