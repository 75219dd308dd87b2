//! A Redis: the snapshot that it makes as for a replica, byte for byte, which is what it would store itself; looked through as it passes, so that keys
//! are counted and a broken one is seen.

use std::time::{Duration, Instant};

use super::errand::Errand;
use super::shelf::Shelf;
use super::upload::Upload;
use super::{Course, Piece};
use crate::error::{Error, Result, Side};
use crate::job::Store;
use crate::redis::{Denied, End, Feed, Glimpse};

const OFTEN: Duration = Duration::from_secs(1);
/// So much is passed on at a time.
const CHUNK: usize = 256 << 10;

pub async fn store(errand: &Errand, shelf: &Shelf, course: &Course) -> Result<Piece> {
    let Some(source) = &errand.said.source else {
        return Err(Error::Internal("an errand without a Redis".to_owned()));
    };
    let path = format!("{}.rdb.gz", errand.said.service);
    let end = End::of(Side::Source, source, errand.password.as_ref());
    let mut feed = Feed::taped(&end).await.map_err(denied)?;
    let mut upload = Upload::begin(shelf, &path).await?;
    let mut rows = 0;
    let read = async {
        let (begun, mut told, mut bytes) = (Instant::now(), Instant::now(), 0u64);
        loop {
            let seen = feed.glimpse().await.map_err(denied)?;
            rows += u64::from(seen == Glimpse::Key);
            let ended = seen == Glimpse::End;
            if ended || feed.taped_bytes() >= CHUNK {
                let chunk = feed.tape();
                course.pass(chunk.len()).await;
                bytes += chunk.len() as u64;
                upload.write(&chunk).await?;
            }
            if ended || told.elapsed() >= OFTEN {
                told = Instant::now();
                let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
                course.tell(rows, bytes, bytes.saturating_mul(1000) / millis);
            }
            if ended {
                return Ok(());
            }
        }
    };
    if let Err(error) = read.await {
        upload.abandon().await;
        return Err(error);
    }
    let packed = upload.end().await?;
    Ok(Piece {
        service: errand.said.service.clone(),
        store: Store::Redis,
        database: None,
        path,
        bytes: packed.bytes,
        sha256: Some(packed.sha256),
        rows,
        tables: std::collections::BTreeMap::new(),
        notes: vec![],
        begun: String::new(),
        ended: String::new(),
    })
}

fn denied(denied: Denied) -> Error {
    match denied {
        Denied::Failed(error) => error,
        Denied::Refused(why) => Error::Refused {
            message: format!("this Redis gives no snapshot that can be stored: {why}"),
            fix: "see whether its user may SYNC, and whether it is a Redis of version 7 or later".to_owned(),
        },
    }
}
