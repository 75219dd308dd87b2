//! What a backup has of a service, on its way to a server that is there for it alone: proved by its digest before
//! anything of the target is touched. Objects are copied from where they lie.

use std::io::Write;
use std::time::Duration;

use flate2::write::GzDecoder;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::errand::Errand;
use super::shelf::Shelf;
use super::{exchange, objects};
use crate::Say;
use crate::error::{Error, Result, Side};
use crate::job::Store;
use crate::plan::backup::SCRATCH_PORT;
use crate::plan::backup::manifest::Piece;
use crate::progress::Event;
use crate::s3::Answer;

const CHUNK: u64 = 16 << 20;
/// A server may take so long for what it was given, once it has all of it.
const LOADS: Duration = Duration::from_secs(6 * 3600);
/// A Redis listens before it has read what it had.
const LISTENS: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(200);

pub async fn ready(errand: &Errand, shelf: &Shelf, say: &Say) -> Result<Piece> {
    let manifest = shelf.manifest().await?;
    let (service, store) = (&errand.said.service, errand.said.store);
    let Some(piece) = manifest.services.iter().find(|piece| piece.service == *service) else {
        let has: Vec<&str> = manifest.services.iter().map(|piece| piece.service.as_str()).collect();
        return Err(refused(
            format!("the backup {} has no {service}: it has {}", manifest.about.backup, has.join(", ")),
            "name the services to restore",
        ));
    };
    if piece.store != store {
        return Err(refused(
            format!(
                "{service} was another kind of service when the backup {} was made",
                manifest.about.backup
            ),
            "restore it into an environment whose revision has it as it was",
        ));
    }
    if store == Store::MariaDb && piece.database != errand.said.database {
        let name = |database: &Option<String>| database.clone().unwrap_or_default();
        return Err(refused(
            format!(
                "the backup is of database {}, and {service} has {}",
                name(&piece.database),
                name(&errand.said.database)
            ),
            "load the file by hand: docs/guide/backups.md says how",
        ));
    }
    if store == Store::S3 {
        // What the folder lost would be taken for what is not to be there, and removed from the target.
        let (count, bytes) = objects::there(shelf, &piece.path).await?;
        if (count, bytes) != (piece.rows, piece.bytes) {
            let what =
                format!("has {count} objects of {bytes} bytes, and had {} of {}", piece.rows, piece.bytes);
            return Err(broken(piece, &what));
        }
        return Ok(piece.clone());
    }
    pour(errand, shelf, piece, say).await?;
    if store == Store::Redis {
        listens().await?;
    }
    Ok(piece.clone())
}

/// Into the pipe, unpacked, while its digest is taken.
async fn pour(errand: &Errand, shelf: &Shelf, piece: &Piece, say: &Say) -> Result<()> {
    let pipe = exchange::pipe(&errand.said.exchange)?;
    let key = shelf.key(&piece.path);
    let failed = |answer| match answer {
        Answer::Missing => broken(piece, "is not there any more"),
        Answer::Changed => broken(piece, "was changed while it was read"),
        answer => shelf.error(answer, &format!("reading {}", piece.path)),
    };
    let facts = shelf.end.head(&key, None).await.map_err(failed)?;
    if facts.size != piece.bytes {
        return Err(broken(
            piece,
            &format!("has {} bytes, and had {} when it was stored", facts.size, piece.bytes),
        ));
    }
    let (sender, mut ended) = exchange::writer(pipe);
    exchange::comes(&mut ended, &errand.said.exchange, "the server beside").await?;
    let (mut sum, mut unpacked, mut at) = (Sha256::new(), GzDecoder::new(vec![]), 0);
    while at < piece.bytes {
        let range = (at, (at + CHUNK).min(piece.bytes) - 1);
        let (_, content) = shelf.end.get(&key, Some(range), Some(&facts.etag)).await.map_err(failed)?;
        sum.update(&content);
        // Small bites: what they unpack to may be many times as much.
        for bite in content.chunks(64 << 10) {
            unpacked.write_all(bite).map_err(|_| broken(piece, "cannot be unpacked"))?;
            let bytes = std::mem::take(unpacked.get_mut());
            if !bytes.is_empty() && sender.send(bytes).await.is_err() {
                return Err(loaded(errand, piece)
                    .await
                    .err()
                    .unwrap_or_else(|| broken(piece, "was not read to its end")));
            }
        }
        at = range.1 + 1;
        (say)(Event::Note {
            message: format!("reading the backup: {} of {} MB", at >> 20, piece.bytes >> 20),
        });
    }
    let digest: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if Some(&digest) != piece.sha256.as_ref() {
        return Err(broken(piece, "is not what was stored: its SHA-256 is another"));
    }
    let rest = unpacked.finish().map_err(|_| broken(piece, "cannot be unpacked to its end"))?;
    let _ = sender.send(rest).await;
    drop(sender);
    (say)(Event::Note { message: "the backup is what was stored; a server beside reads it".to_owned() });
    loaded(errand, piece).await
}

async fn loaded(errand: &Errand, piece: &Piece) -> Result<()> {
    match exchange::ended(&errand.said.exchange, LOADS).await? {
        Ok(()) => Ok(()),
        Err(words) if exchange::was_killed(&words) => Err(Error::Unreachable {
            side: Side::Source,
            address: "the server beside".to_owned(),
            reason: words,
        }),
        Err(words) => Err(refused(
            format!("{} could not be loaded: {words}", piece.path),
            "see whether the service is of an older version than the one that the backup was made of",
        )),
    }
}

/// It listens before it has read what it had, and says so.
async fn answers() -> bool {
    let asked = async {
        let mut wire = TcpStream::connect(("127.0.0.1", SCRATCH_PORT)).await?;
        wire.write_all(b"PING\r\n").await?;
        let mut answer = [0; 5];
        wire.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer == *b"+PONG")
    };
    asked.await.unwrap_or(false)
}

async fn listens() -> Result<()> {
    let comes = async {
        while !answers().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(LISTENS, comes).await.map_err(|_| Error::Unreachable {
        side: Side::Source,
        address: format!("127.0.0.1:{SCRATCH_PORT}"),
        reason: "the server that was given the backup does not come up: is it of an older version than the backup?".to_owned(),
    })
}

fn refused(message: String, fix: &str) -> Error {
    Error::Refused { message, fix: fix.to_owned() }
}

fn broken(piece: &Piece, what: &str) -> Error {
    refused(format!("{} of the backup {what}; nothing was restored", piece.path), "restore another backup")
}
