//! What has happened to an environment, as it is listed: the newest first.

use askama::Template;
use jiff::Timestamp;
use verbs::environment::{Happening, Source, Timeline, Tone, Unread};
use words::harmless;
use words::time::age_at;

#[derive(Template)]
#[template(path = "_timeline.html")]
pub struct Told {
    pub rows: Vec<Row>,
    pub unread: Vec<Unread>,
    /// Older ones are left out.
    pub cut: bool,
    /// Not all of it was read.
    pub partial: bool,
}

pub struct Row {
    pub happening: Happening,
    pub tone: &'static str,
    pub icon_name: &'static str,
    /// Where it is known from, in a word.
    pub source: &'static str,
    pub age: String,
    pub message: String,
    /// Where there is more of it.
    pub link: Option<String>,
}

impl Told {
    pub fn of(timeline: Timeline, namespace: &str, now: Timestamp) -> Self {
        let base = format!("/environments/{namespace}/{}", timeline.environment);
        let link = |one: &Happening| match (one.source, one.revision, &one.copy) {
            (Source::Revision, Some(number), _) => Some(format!("{base}/revisions/{number}")),
            (Source::Copy, _, Some(copy)) => Some(format!("/copies/{namespace}/{copy}")),
            _ => None,
        };
        Self {
            rows: timeline.entries.into_iter().map(|one| row(link(&one), one, now)).collect(),
            unread: timeline.unread,
            cut: timeline.cut,
            partial: timeline.partial,
        }
    }
}

fn row(link: Option<String>, happening: Happening, now: Timestamp) -> Row {
    let tone = match happening.tone {
        Tone::Plain => "quiet",
        Tone::Good => "good",
        Tone::Warning => "wait",
        Tone::Bad => "bad",
    };
    let (icon_name, source) = match happening.source {
        Source::Event if happening.tone == Tone::Warning => ("triangle-alert", "Kubernetes"),
        Source::Event => ("info", "Kubernetes"),
        Source::Restart => ("rotate-ccw", "Restart"),
        Source::Verdict if happening.tone == Tone::Good => ("circle-check", "Verdict"),
        Source::Verdict => ("triangle-alert", "Verdict"),
        Source::Revision => ("history", "Revision"),
        Source::Copy => ("database", "Data"),
        Source::Password => ("refresh-cw", "Password"),
    };
    let age = age_at(Some(&happening.at), now);
    let message = harmless(&happening.message);
    Row { tone, icon_name, source, age, message, link, happening }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, timeline};

    #[test]
    fn what_happened_is_told_in_words_and_counted_where_it_was_repeated() {
        insta::assert_snapshot!(Told::of(timeline(), "shop", *NOW).render().unwrap());
    }

    #[test]
    fn where_not_all_of_it_was_read_that_is_said_first() {
        let told = Told::of(Timeline { partial: true, ..timeline() }, "shop", *NOW).render().unwrap();
        assert!(
            told.starts_with("<p class=\"notice wait\">") && told.contains("Newer things may be missing")
        );
    }

    #[test]
    fn an_environment_to_which_nothing_has_happened_says_what_will_be_here() {
        let entries = vec![];
        let nothing = Timeline { entries, cut: false, unread: vec![], ..timeline() };
        insta::assert_snapshot!(Told::of(nothing, "shop", *NOW).render().unwrap());
    }
}
