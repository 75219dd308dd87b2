//! Asks a store for a boundary that has keys on both sides of it.

use super::answer::Answer;
use super::end::End;
use super::plan::search::{Search, Step};
use super::read::From;

/// In what comes after `seen`, among the keys that begin with `prefix`; none: it cannot be split.
pub async fn boundary(
    end: &End,
    prefix: &str,
    seen: &str,
    upto: Option<&str>,
) -> Result<Option<String>, Answer> {
    let mut search = Search::new(seen, upto);
    loop {
        match search.step() {
            Step::Ask(at) => {
                let page = end.list(prefix, From::After(&at), 1).await?;
                search.told(&at, page.rows.first().map(|row| row.key.as_slice()));
            }
            Step::Split(at) => return Ok(Some(at)),
            Step::Whole => return Ok(None),
        }
    }
}
