//! Which lines a page is to show, as its address says it. What makes no sense is told at its field, and nothing stands in for it.

use api::names::{PartName, ProjectName};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use verbs::logs::{Filter, Moment, Query, Words};

use crate::app::Result;
use crate::failure::Failure;
use crate::pages::Place;
use crate::view::query::encoded;

/// How far back, in the words of the command line. Any other length may stand in the address.
const SINCE: [(&str, &str); 7] = [
    ("5m", "5 minutes"),
    ("15m", "15 minutes"),
    ("1h", "hour"),
    ("6h", "6 hours"),
    ("24h", "day"),
    ("7d", "7 days"),
    ("30d", "30 days"),
];
const USUAL: &str = "15m";

/// What is asked for, as it stands in the address.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub part: String,
    pub q: String,
    pub since: String,
    /// Moments, in UTC unless they say their zone; they go before `since`.
    pub from: String,
    pub to: String,
    pub follow: String,
    /// Lines up to this one are known already.
    pub after: String,
    /// Only what is older than a page that ended so.
    pub cursor: String,
    /// Whose environment it was, should it be gone.
    pub project: String,
    /// Also how many lines there are, by time.
    pub histogram: String,
}

/// A field that makes no sense, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrong {
    pub field: &'static str,
    pub sentence: String,
}

/// The time that is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    pub since: Moment,
    pub until: Option<Moment>,
}

/// One choice of how far back.
#[derive(Debug, Eq, PartialEq)]
pub struct Choice {
    pub word: String,
    pub said: String,
    pub chosen: bool,
}

impl Asked {
    pub fn follows(&self) -> bool {
        !self.follow.is_empty()
    }

    pub fn counts(&self) -> bool {
        !self.histogram.is_empty()
    }

    /// Moments are said, not how long ago.
    pub fn is_between(&self) -> bool {
        !self.from.is_empty() || !self.to.is_empty()
    }

    pub fn since(&self) -> &str {
        if self.since.is_empty() { USUAL } else { &self.since }
    }

    pub fn choices(&self) -> Vec<Choice> {
        let (since, between) = (self.since(), self.is_between());
        let known = SINCE.map(|(word, said)| Choice {
            word: word.to_owned(),
            said: format!("Last {said}"),
            chosen: word == since && !between,
        });
        let mut choices = Vec::from(known);
        if between {
            choices.insert(0, Choice { word: String::new(), said: "Between".to_owned(), chosen: true });
        } else if !choices.iter().any(|choice| choice.chosen) {
            choices.push(Choice { word: since.to_owned(), said: format!("Last {since}"), chosen: true });
        }
        choices
    }

    pub fn span(&self) -> Result<Span, Wrong> {
        let (from, to) = (moment("from", &self.from)?, moment("to", &self.to)?);
        if to.is_some() && self.follows() {
            let sentence = "What is followed has no end: leave this empty, or do not follow.".to_owned();
            return Err(Wrong { field: "to", sentence });
        }
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            let sentence = "This is before the time in “From”: nothing lies between.".to_owned();
            return Err(Wrong { field: "to", sentence });
        }
        let Some(ago) = words::time::moment(self.since()) else {
            let sentence =
                format!("“{}” is no length of time: write 90s, 15m, 2h or 7d.", self.since.escape_debug());
            return Err(Wrong { field: "since", sentence });
        };
        let since = match (from, to, ago) {
            (Some(from), ..) => Moment::At(from),
            // So long before that.
            (None, Some(to), Moment::Ago(ago)) => {
                let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
                Moment::At(to.checked_sub(ago).unwrap_or(Timestamp::MIN))
            }
            (None, _, since) => since,
        };
        Ok(Span { since, until: to.map(Moment::At) })
    }

    pub fn parts(&self) -> Result<Vec<String>> {
        if self.part.is_empty() {
            return Ok(vec![]);
        }
        Ok(vec![PartName::parse(&self.part).map_err(verbs::Error::from)?.to_string()])
    }

    pub fn project(&self) -> Result<Option<String>> {
        if self.project.is_empty() {
            return Ok(None);
        }
        Ok(Some(ProjectName::parse(&self.project).map_err(verbs::Error::from)?.to_string()))
    }

    /// What is wrong with a query is said with the place.
    pub fn query(&self, place: &Place, span: Option<Span>) -> Result<Query> {
        let words = Words::parse(&self.q).map_err(|error| {
            let sentence = format!("{} (at character {})", error.message, error.position + 1);
            Failure::said(
                sentence,
                error.hint.unwrap_or_else(|| "write it as `level:>=warn checkout`".to_owned()),
            )
        })?;
        Ok(Query {
            environment: place.name.clone(),
            parts: self.parts()?,
            since: span.map(|span| span.since),
            until: span.and_then(|span| span.until),
            filter: Filter { query: words, ..Filter::default() },
            ..Query::default()
        })
    }

    /// The same again, as far as it has to do with which lines.
    pub fn address(&self) -> String {
        self.with(&[
            ("since", if self.is_between() { "" } else { self.since() }),
            ("from", &self.from),
            ("to", &self.to),
        ])
    }

    /// The same lines, whenever it is opened.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> String {
        self.with(&[("from", &from.to_string()), ("to", &to.to_string())])
    }

    /// The same without moments.
    pub fn until_now(&self) -> String {
        self.with(&[("since", self.since())])
    }

    fn with(&self, time: &[(&str, &str)]) -> String {
        let others = [("part", self.part.as_str()), ("q", &self.q), ("project", &self.project)];
        let said = others.iter().chain(time).filter(|(_, value)| !value.is_empty());
        let said: Vec<String> = said.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("?{}", said.join("&"))
    }

    /// As a field for a date and a time takes it.
    pub fn first_field(&self) -> String {
        field(&self.from, SignedDuration::ZERO)
    }

    /// Up to the millisecond that it is in, that one too.
    pub fn last_field(&self) -> String {
        field(&self.to, SignedDuration::from_nanos(999_999))
    }
}

fn field(text: &str, more: SignedDuration) -> String {
    let Some(at) = read(text).and_then(|at| at.checked_add(more).ok()) else { return text.to_owned() };
    format!("{at:.3}").trim_end_matches('Z').to_owned()
}

fn moment(field: &'static str, text: &str) -> Result<Option<Timestamp>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Wrong {
        field,
        sentence: format!(
            "“{}” is no time: write 2026-11-25T10:00 (UTC), or with a zone 2026-11-25T10:00:00+01:00.",
            text.escape_debug()
        ),
    };
    read(text).map(Some).ok_or_else(wrong)
}

/// With a zone, or in UTC.
fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let local = || Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    text.parse().ok().or_else(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> Asked {
        serde_json::from_value(fields.iter().map(|(name, value)| (*name, *value)).collect()).unwrap()
    }

    fn at(text: &str) -> Moment {
        Moment::At(text.parse().unwrap())
    }

    #[test]
    fn any_length_of_time_may_be_said_and_moments_with_a_zone_or_in_utc() {
        let days = Moment::Ago(std::time::Duration::from_secs(10 * 86_400));
        assert_eq!(asked(&[("since", "10d")]).span(), Ok(Span { since: days, until: None }));
        let span =
            asked(&[("from", "2026-11-25T10:00"), ("to", "2026-11-25T12:00:00+01:00")]).span().unwrap();
        assert_eq!(span.since, at("2026-11-25T10:00:00Z"));
        assert_eq!(span.until, Some(at("2026-11-25T11:00:00Z")));
        let before = asked(&[("since", "1h"), ("to", "2026-11-25T12:00:00.5Z")]).span().unwrap();
        assert_eq!(before.since, at("2026-11-25T11:00:00.5Z"));
    }

    #[test]
    fn what_makes_no_sense_is_told_at_its_field() {
        for (fields, field) in [
            (vec![("since", "yesterday")], "since"),
            (vec![("from", "soon")], "from"),
            (vec![("to", "25.11.2026")], "to"),
            (vec![("from", "2026-11-25T10:00"), ("to", "2026-11-25T09:00")], "to"),
            (vec![("to", "2026-11-25T09:00"), ("follow", "1")], "to"),
        ] {
            assert_eq!(asked(&fields).span().map_err(|wrong| wrong.field), Err(field), "{fields:?}");
        }
    }

    #[test]
    fn a_link_to_lines_says_moments_and_nothing_that_follows_them() {
        let asked = asked(&[("q", "level:>=warn"), ("since", "1h"), ("follow", "1"), ("part", "web")]);
        let (from, to) = ("2026-11-25T10:00:00.000000001Z", "2026-11-25T11:00:00Z");
        assert_eq!(
            asked.between(from.parse().unwrap(), to.parse().unwrap()),
            "?part=web&q=level%3A%3E%3Dwarn&from=2026-11-25T10%3A00%3A00.000000001Z&to=2026-11-25T11%3A00%3A00Z"
        );
        assert_eq!(asked.address(), "?part=web&q=level%3A%3E%3Dwarn&since=1h");
    }

    #[test]
    fn a_length_that_nobody_offers_is_offered_while_it_is_chosen() {
        let chosen = |asked: Asked| {
            let choices = asked.choices().into_iter().filter(|choice| choice.chosen);
            choices.map(|choice| choice.said).collect::<Vec<_>>()
        };
        assert_eq!(chosen(asked(&[])), ["Last 15 minutes"]);
        assert_eq!(chosen(asked(&[("since", "3d")])), ["Last 3d"]);
        assert_eq!(chosen(asked(&[("from", "2026-11-25T10:00")])), ["Between"]);
        assert_eq!(asked(&[("to", "2026-11-25T10:00:00.0000001Z")]).last_field(), "2026-11-25T10:00:00.001");
        assert_eq!(asked(&[("from", "2026-11-25T10:00")]).first_field(), "2026-11-25T10:00:00.000");
    }
}
