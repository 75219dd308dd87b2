//! Lists part by part: how many entries, after which, and where the rest is.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, tagged};
use crate::app::Result;
use crate::failure::Failure;

/// So many a page of environments and lines has, unless it is said.
pub const PAGE: usize = 100;
const LONGEST: usize = 500;

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// None: all that there are.
    pub limit: Option<usize>,
    /// What the last entry of the page before is called.
    pub after: Option<String>,
}

/// How many of a list are sent at once; none: nobody said.
pub fn limit(said: Option<usize>) -> Result<Option<usize>> {
    match said {
        Some(limit) if !(1..=LONGEST).contains(&limit) => {
            let sentence = format!("`limit` is from 1 to {LONGEST}, not {limit}");
            Err(Failure::said(sentence, "leave it out, or ask page by page"))
        }
        limit => Ok(limit),
    }
}

/// A part of a list, and what to go on after if there is more.
pub fn cut<T>(all: Vec<T>, page: &Page, key: impl Fn(&T) -> String) -> Result<(Vec<T>, Option<String>)> {
    let limit = limit(page.limit)?.unwrap_or(usize::MAX);
    let begins = match &page.after {
        None => 0,
        Some(after) => match all.iter().position(|one| key(one) == *after) {
            Some(at) => at + 1,
            None => return Err(lost()),
        },
    };
    let mut rest = all.into_iter().skip(begins);
    let part: Vec<T> = rest.by_ref().take(limit).collect();
    let next = part.last().map(&key).filter(|_| rest.next().is_some());
    Ok((part, next))
}

/// What a page ended with is not in the list any more.
fn lost() -> Failure {
    Failure::said(
        "what the page before ended with is not there any more",
        "begin at the first page, without `after`",
    )
    .with(StatusCode::GONE)
}

/// An answer with the address of the next page, if there is one.
pub fn linked(headers: &HeaderMap, uri: &Uri, value: &impl Serialize, next: Option<&str>) -> Answer {
    let mut answer = tagged(headers, value)?;
    if let Some(next) = next {
        answer.headers_mut().insert(header::LINK, link(uri, next)?);
    }
    Ok(answer)
}

fn link(uri: &Uri, next: &str) -> Result<HeaderValue> {
    let said = uri.query().unwrap_or_default().split('&');
    let said = said.filter(|pair| !pair.is_empty() && !pair.starts_with("after="));
    let next = serde_urlencoded::to_string([("after", next)]).map_err(|error| Failure::ours(&error))?;
    let query: Vec<&str> = said.chain([next.as_str()]).collect();
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"));
    HeaderValue::from_str(&link).map_err(|error| Failure::ours(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: usize, after: Option<&str>) -> Page {
        Page { limit: Some(limit), after: after.map(str::to_owned) }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition_and_the_last_has_no_next() {
        let all = ["a", "b", "c", "d", "e"];
        let (mut seen, mut after) = (vec![], None);
        loop {
            let (part, next) = cut(all.to_vec(), &page(2, after.as_deref()), ToString::to_string).unwrap();
            seen.extend(part);
            let Some(next) = next else { break };
            after = Some(next);
        }
        assert_eq!(seen, all);
        assert_eq!(cut(all.to_vec(), &Page::default(), ToString::to_string).unwrap(), (all.to_vec(), None));
        assert_eq!(cut(vec!["a"; 2], &page(2, None), ToString::to_string).unwrap().1, None);
    }

    #[test]
    fn what_is_no_page_is_refused_and_one_whose_place_is_lost_begins_anew() {
        for limit in [0, 501] {
            let refused = cut(vec!["a"], &page(limit, None), ToString::to_string).unwrap_err();
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let lost = cut(vec!["a"], &page(1, Some("b")), ToString::to_string).unwrap_err();
        assert_eq!(lost.status, StatusCode::GONE);
    }

    #[test]
    fn the_next_page_is_asked_for_as_this_one_was() {
        let uri: Uri = "/api/v1/backups?namespace=shop&after=x&limit=2".parse().unwrap();
        assert_eq!(
            link(&uri, "shop/qa 1").unwrap(),
            "</api/v1/backups?namespace=shop&limit=2&after=shop%2Fqa+1>; rel=\"next\""
        );
    }
}
