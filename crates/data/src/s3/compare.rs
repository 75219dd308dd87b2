//! An object that is on both sides, and of which the ledger says nothing: are they equal, with all that belongs to them?

use super::answer::Answer;
use super::plan::rows::{Mark, Row, mark, other_content, same_content};
use super::shared::Shared;
use super::transfer::{self, Fault, Names};
use crate::error::{Result, Side};

/// What can be said from two listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The content is the same, and the copy wrote it, with all that belongs to it.
    Equal,
    Differs,
    /// Both stores have to be asked.
    Unknown,
}

pub fn seen(source: &Row, target: &Row, since: Option<i64>) -> Seen {
    if source.size != target.size || other_content(&source.etag, &target.etag) {
        Seen::Differs
    } else if same_content(&source.etag, &target.etag) && since.is_some_and(|since| target.modified > since) {
        Seen::Equal
    } else {
        Seen::Unknown
    }
}

/// Its mark, whether it had to be copied or not.
pub async fn compare(shared: &Shared, names: &Names, source: &Row, target: &Row) -> Result<Option<Mark>> {
    let (here, there) = match transfer::both(shared, names).await {
        Ok(both) => both,
        // Whoever copies it finds out what there is.
        Err(Fault { answer: Answer::Missing, .. }) => return transfer::copy(shared, names, source).await,
        Err(Fault { side, answer }) => match answer.of_one() {
            Some(_) if side == Side::Source => return transfer::copy(shared, names, source).await,
            Some(why) => {
                shared.tally.not_copied(names.from.as_bytes(), &format!("{side}: {why}"));
                return Ok(None);
            }
            None => return Err(transfer::failed(shared, side, answer, "comparing")),
        },
    };
    let content = match here.sums.agree(&there.sums) {
        None => same_content(&here.etag, &there.etag),
        Some(agree) => agree,
    };
    let mut equal =
        content && here.size == there.size && here.about == there.about && here.tags == there.tags;
    if equal && here.tags > 0 {
        let tags =
            Box::pin(futures::future::join(shared.source.tags(&names.from), shared.target.tags(&names.to)));
        equal = matches!(tags.await, (Ok(here), Ok(there)) if same_tags(here.as_deref(), there.as_deref()));
    }
    if !equal {
        return transfer::copy(shared, names, source).await;
    }
    shared.tally.count(|counts| {
        counts.equal += 1;
        counts.proved += 1;
    });
    let of = (here.etag.as_str(), here.size, here.modified);
    Ok(Some(mark(names.from.as_bytes(), of, (&target.etag, target.size))))
}

/// In whatever order.
fn same_tags(one: Option<&str>, other: Option<&str>) -> bool {
    let sorted = |text: Option<&str>| {
        let mut tags: Vec<String> = text.unwrap_or_default().split('&').map(str::to_owned).collect();
        tags.sort();
        tags
    };
    sorted(one) == sorted(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(etag: &str, modified: i64) -> Row {
        Row { key: b"a".to_vec(), size: 1, etag: etag.into(), modified, frozen: false }
    }

    #[test]
    fn listings_prove_that_it_is_equal_only_of_what_the_copy_wrote_itself() {
        let (one, other) = ("0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f");
        assert_eq!(seen(&row(one, 1), &row(one, 9), Some(5)), Seen::Equal);
        assert_eq!(seen(&row(one, 1), &row(one, 4), Some(5)), Seen::Unknown);
        assert_eq!(seen(&row(one, 1), &row(one, 9), None), Seen::Unknown);
        assert_eq!(seen(&row(one, 1), &row(other, 9), Some(5)), Seen::Differs);
        assert_eq!(seen(&row(one, 1), &row("opaque-1", 9), Some(5)), Seen::Unknown);
    }

    #[test]
    fn tags_have_no_order() {
        assert!(same_tags(Some("a=1&b=2"), Some("b=2&a=1")) && !same_tags(Some("a=1"), None));
    }
}
