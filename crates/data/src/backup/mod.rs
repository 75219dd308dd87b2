//! Backups: services of an environment in a bucket, in forms that are read without outboard (SQL, RDB, objects) beside a
//! manifest. [`make`] stores one service, [`bring`] gets one ready to be copied out of. Knows no cluster.

mod dump;
mod errand;
mod exchange;
mod fetch;
mod keys;
mod objects;
mod shelf;
mod upload;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result, Side};
use crate::job::Store;
use crate::plan::backup::ERRAND;
use crate::plan::backup::manifest::{self, Piece};
use crate::progress::{Event, Progress, Stored};
use crate::throttle::Throttle;
use crate::{Halt, Say, Steer, s3};
use errand::Errand;
use shelf::Shelf;
pub(crate) use shelf::remove;

/// Who follow the limits while it runs.
pub struct Gently {
    /// Bytes that are read of the source each second.
    pub bytes: Steer<Option<u64>>,
    pub objects: Steer<s3::job::Limits>,
}

/// Stores one service, unless an earlier start has done that, and writes the manifest once all are stored.
pub async fn make(job: &Path, gently: &Gently, halt: &Halt, say: &Say) -> Result<()> {
    let errand = errand::read(&job.with_file_name(ERRAND))?;
    let shelf = Box::pin(Shelf::reach(Side::Target, &errand.bucket, &errand.said.folder)).await?;
    let note = manifest::note(&errand.said.service);
    let piece = match shelf.piece(&note).await? {
        Some(piece) => piece,
        None => {
            let piece = Box::pin(store(job, &errand, &shelf, gently, halt, say)).await?;
            shelf.note(&note, &piece).await?;
            piece
        }
    };
    let mut pieces = vec![];
    for service in &errand.said.services {
        pieces.extend(shelf.piece(&manifest::note(service)).await?);
    }
    // Of two that end in the same moment both write it, and the same.
    if let Some(manifest) = manifest::sealed(&errand.said.about, &errand.said.services, pieces) {
        shelf.note(manifest::NAME, &manifest).await?;
    }
    say(Event::Stored(Box::new(Stored {
        rows: piece.rows,
        tables: piece.tables.len() as u64,
        path: piece.path,
        bytes: piece.bytes,
        sha256: piece.sha256,
        notes: piece.notes,
        seconds: seconds(&piece.begun, &piece.ended),
    })));
    Ok(())
}

async fn store(
    job: &Path,
    errand: &Errand,
    shelf: &Shelf,
    gently: &Gently,
    halt: &Halt,
    say: &Say,
) -> Result<Piece> {
    let begun = Timestamp::now();
    let course =
        Course { bytes: Arc::new(Throttle::new(None)), steer: gently.bytes.clone(), say: say.clone() };
    let piece = match errand.said.store {
        Store::MariaDb => Box::pin(halt.unless(dump::store(errand, shelf, &course))).await?,
        Store::Redis => Box::pin(halt.unless(keys::store(errand, shelf, &course))).await?,
        Store::S3 => Box::pin(objects::store(job, errand, shelf, gently, halt, say)).await?,
    };
    Ok(Piece { begun: whole_seconds(begun), ended: whole_seconds(Timestamp::now()), ..piece })
}

/// Reads what a backup has of a service, proves that it is what was stored, and hands it to the server beside; then the
/// copy may begin.
pub async fn bring(job: &Path, halt: &Halt, say: &Say) -> Result<Piece> {
    let errand = errand::read(&job.with_file_name(ERRAND))?;
    let shelf = Box::pin(Shelf::reach(Side::Source, &errand.bucket, &errand.said.folder)).await?;
    Box::pin(halt.unless(fetch::ready(&errand, &shelf, say))).await
}

/// What stands on the target has to be what was stored. A Redis loses keys whose end has come, and masks may leave out
/// keys and objects.
pub fn verify(piece: &Piece, rows: u64) -> Result<()> {
    let (lacks, more) = (rows < piece.rows, rows > piece.rows);
    if more || lacks && piece.store == Store::MariaDb {
        return Err(Error::Refused {
            message: format!(
                "{rows} rows stand on the target, and the backup has {} of {}",
                piece.rows, piece.service
            ),
            fix: "see whether somebody writes to the target; restore again".to_owned(),
        });
    }
    Ok(())
}

/// How fast it goes, and who hears of it.
struct Course {
    bytes: Arc<Throttle>,
    steer: Steer<Option<u64>>,
    say: Say,
}

impl Course {
    async fn pass(&self, bytes: usize) {
        if let Some(limit) = (self.steer)() {
            self.bytes.limit(limit);
        }
        self.bytes.pass(bytes).await;
    }

    fn tell(&self, rows: u64, bytes: u64, per_second: u64) {
        (self.say)(Event::Progress(Progress {
            rows,
            bytes,
            standing: rows,
            bytes_per_second: per_second,
            ..Progress::default()
        }));
    }
}

fn whole_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn seconds(begun: &str, ended: &str) -> f64 {
    let read = |text: &str| text.parse::<Timestamp>().ok();
    let both = read(begun).zip(read(ended));
    both.map_or(0.0, |(begun, ended)| ended.duration_since(begun).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_has_to_be_there_to_the_row_and_a_redis_may_have_lost_what_ended() {
        let piece = |store| Piece {
            service: "db".into(),
            store,
            database: None,
            path: String::new(),
            bytes: 0,
            sha256: None,
            rows: 10,
            tables: std::collections::BTreeMap::new(),
            notes: vec![],
            begun: String::new(),
            ended: String::new(),
        };
        assert!(verify(&piece(Store::MariaDb), 10).is_ok() && verify(&piece(Store::MariaDb), 9).is_err());
        assert!(verify(&piece(Store::Redis), 9).is_ok() && verify(&piece(Store::Redis), 11).is_err());
    }
}
