//! A database: its server's own `mariadb-dump`, which runs beside and reads it as of one moment, writes SQL into a pipe; here
//! it is counted and stored.

use std::time::{Duration, Instant};

use super::errand::Errand;
use super::exchange;
use super::shelf::Shelf;
use super::upload::Upload;
use super::{Course, Piece};
use crate::error::{Error, Result, Side};
use crate::job::Store;
use crate::plan::backup::rows::Rows;

const OFTEN: Duration = Duration::from_secs(1);
/// Columns that are named.
const FEW: usize = 10;
/// After its last byte.
const ENDS: Duration = Duration::from_secs(60);
/// Numbers of what passes by itself: a server that went away or is not there yet, and a table whose definition changed.
const PASSES: [&str; 8] = ["2002", "2003", "2006", "2013", "1053", "1205", "1213", "1412"];

pub async fn store(errand: &Errand, shelf: &Shelf, course: &Course) -> Result<Piece> {
    let path = format!("{}.sql.gz", errand.said.service);
    let pipe = exchange::pipe(&errand.said.exchange)?;
    let mut chunks = exchange::reader(pipe);
    exchange::comes(&mut chunks, &errand.said.exchange, "mariadb-dump").await?;
    let mut upload = Upload::begin(shelf, &path).await?;
    let mut rows = Rows::default();
    let read = async {
        let (begun, mut told, mut bytes) = (Instant::now(), Instant::now(), 0u64);
        while let Some(chunk) = chunks.recv().await {
            let chunk = chunk.map_err(|error| Error::Internal(error.to_string()))?;
            course.pass(chunk.len()).await;
            rows.read(&chunk);
            bytes += chunk.len() as u64;
            upload.write(&chunk).await?;
            if told.elapsed() >= OFTEN {
                told = Instant::now();
                course.tell(rows.count(), bytes, per_second(bytes, begun));
            }
        }
        course.tell(rows.count(), bytes, per_second(bytes, begun));
        match exchange::ended(&errand.said.exchange, ENDS).await? {
            Err(words) => Err(failed(&words)),
            Ok(()) if !rows.whole => Err(Error::Refused {
                message: "the dump does not end as one that is whole".to_owned(),
                fix: "see whether the service's image has a mariadb-dump that says `Dump completed`"
                    .to_owned(),
            }),
            Ok(()) => Ok(()),
        }
    };
    if let Err(error) = read.await {
        upload.abandon().await;
        return Err(error);
    }
    let packed = upload.end().await?;
    Ok(Piece {
        service: errand.said.service.clone(),
        store: Store::MariaDb,
        database: errand.said.database.clone(),
        path,
        bytes: packed.bytes,
        sha256: Some(packed.sha256),
        rows: rows.count(),
        notes: notes(&rows.floats),
        tables: rows.tables,
        begun: String::new(),
        ended: String::new(),
    })
}

fn notes(floats: &[String]) -> Vec<String> {
    if floats.is_empty() {
        return vec![];
    }
    let named = floats.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    let more = floats.len().saturating_sub(FEW);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    vec![format!(
        "of columns of type FLOAT a dump keeps six digits: {named}{more}; DOUBLE and DECIMAL keep all"
    )]
}

fn per_second(bytes: u64, begun: Instant) -> u64 {
    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1000) / millis
}

fn failed(words: &str) -> Error {
    let number =
        |number: &&str| words.contains(&format!("{number}:")) || words.contains(&format!("({number})"));
    if exchange::was_killed(words) || PASSES.iter().any(number) {
        return Error::Unreachable {
            side: Side::Source,
            address: "its server".to_owned(),
            reason: words.to_owned(),
        };
    }
    Error::Refused {
        message: format!("mariadb-dump failed: {words}"),
        fix: "see to what it says; then make another backup".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_went_away_is_waited_for_and_a_view_that_is_broken_is_told() {
        assert!(failed("mariadb-dump: Error 2013: Lost connection to server during query").passes());
        assert!(failed("mariadb-dump: Got error: 2002: \"Can't connect to server on …").passes());
        assert!(failed("it was killed (137)").passes());
        let broken = failed("mariadb-dump: Couldn't execute …: View '…' references invalid table(s) (1356)");
        assert!(!broken.passes() && broken.to_string().contains("1356"));
    }
}
