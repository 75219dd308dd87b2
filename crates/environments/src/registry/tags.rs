//! The tags of a repository, page by page, as far as that goes.

use std::collections::BTreeSet;

use api::names::Version;
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;

use super::Failure;
use super::repository::Repository;

/// So many tags are looked at.
pub const MOST: usize = 10_000;
/// Some registries give no more than a hundred at once, whatever they are asked for.
const PAGES: usize = 100;
/// Two thousand tags at a usual length are a tenth of it.
const PAGE: usize = 1024 * 1024;
/// All names of one listing, those too that can be no version.
const NAMES: usize = 2 * 1024 * 1024;

/// Tags in the order in which the registry has them.
#[derive(Debug, Default, PartialEq)]
pub struct Tags {
    pub names: Vec<String>,
    /// There are more.
    pub cut: bool,
}

#[derive(Deserialize)]
struct Page {
    /// `null` where a repository has none.
    tags: Option<Vec<String>>,
}

pub async fn read(repository: &Repository<'_>) -> Result<Tags, Failure> {
    let mut tags = Tags::default();
    let mut query = "n=1000".to_owned();
    let mut asked = BTreeSet::new();
    let (mut seen, mut bytes) = (0, 0);
    loop {
        let answer = repository.get("tags/list", &query, "application/json", PAGE).await?;
        let page: Page = serde_json::from_slice(&answer.body).map_err(|error| no_list(&error))?;
        for name in page.tags.unwrap_or_default() {
            seen += 1;
            bytes += name.len();
            if seen > MOST || bytes > NAMES {
                tags.cut = true;
                return Ok(tags);
            }
            // What can be no version is offered to nobody, however long it is.
            if Version::parse(&name).is_ok() {
                tags.names.push(name);
            }
        }
        let next = next(&answer.headers);
        asked.insert(query);
        if next.is_some() && (seen == MOST || asked.len() == PAGES) {
            tags.cut = true;
            return Ok(tags);
        }
        match next {
            None => return Ok(tags),
            // It leads in a circle: who knows what is left out.
            Some(next) if asked.contains(&next) => {
                tags.cut = true;
                return Ok(tags);
            }
            Some(next) => query = next,
        }
    }
}

/// Where it is none: the words of the error itself quote what was read.
fn no_list(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure::Unreachable(format!("what it gives is no list of tags (line {line}, column {column})"))
}

/// What is to be asked for the next page. Of its address only that counts: behind a proxy registries call themselves by wrong
/// names, and the login goes nowhere else.
fn next(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().find_map(|link| of_link(link.to_str().ok()?))
}

fn of_link(link: &str) -> Option<String> {
    let mut rest = link;
    loop {
        let (target, behind) = rest.split_once('<')?.1.split_once('>')?;
        // Commas may stand in an address, but not between it and its next.
        let says = behind.split('<').next().unwrap_or_default();
        let is_next = says.split([';', ',']).any(|says| {
            let (key, value) = says.split_once('=').unwrap_or_default();
            key.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        });
        if is_next {
            let (_, query) = target.split('#').next()?.split_once('?')?;
            return (!query.is_empty()).then(|| query.to_owned());
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_link_to_the_next_page_only_the_question_counts() {
        let of = |link: &str| of_link(link);
        assert_eq!(
            of("</v2/shop/web/tags/list?last=1.4&n=100>; rel=\"next\"").as_deref(),
            Some("last=1.4&n=100")
        );
        assert_eq!(of("<https://evil.example/v2/x?n=1#a>;rel=next").as_deref(), Some("n=1"));
        assert_eq!(of("</a?x=1,2>; rel=\"prev\", </b?y=3,4>; REL=\"Next\"").as_deref(), Some("y=3,4"));
        for none in [
            "",
            "</a?x=1>",
            "</a?x=1>; rel=\"last\"",
            "</a>; rel=\"next\"",
            "</a?>; rel=next",
            "a?x; rel=next",
            "<",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
