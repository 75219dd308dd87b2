//! What somebody pastes into a ticket: versions, verdict, an excerpt of the logs, addresses and commands. Markdown.

use jiff::{SignedDuration, Timestamp};
use verbs::environment::Detail;
use words::preview::fenced;
use words::{finding, harmless};

use super::log::Shown;
use super::query::encoded;
use crate::command;

/// Lines worth telling, or why there are none.
pub enum Excerpt {
    /// With what was passed over or may be missing.
    Lines(Vec<Shown>, Vec<String>),
    Unread(String),
}

/// How far back the excerpt goes, and what for: as the command line is told.
const BACK: SignedDuration = SignedDuration::from_hours(1);
const QUERY: &str = "level:>=warn";

/// Where the report was asked for, and of which time its lines are: what a ticket says has to hold tomorrow.
pub struct Frame {
    /// `https://outboard.example.com`
    pub origin: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

impl Frame {
    pub fn of(origin: String, now: Timestamp) -> Self {
        Self { origin, since: now.checked_sub(BACK).unwrap_or(now), until: now }
    }
}

pub fn report(detail: &Detail, excerpt: &Excerpt, frame: &Frame) -> String {
    let summary = &detail.summary;
    let revision = summary.revision.map(|revision| format!(", r{revision}")).unwrap_or_default();
    let mut text = format!(
        "**{}** ({} {}{revision}, class {}) at {:.0}: {}\n",
        summary.name,
        summary.project,
        summary.project_revision,
        summary.class,
        frame.until,
        summary.state.as_str()
    );
    for part in detail.parts.iter().filter(|part| part.version.is_some()) {
        let version = part.version.as_deref().unwrap_or_default();
        let digest = part.digest.as_deref().map(|digest| format!(" `{digest}`")).unwrap_or_default();
        text.push_str(&format!("- {} {version}{digest}: {}\n", part.name, part.state.as_str()));
    }
    for (setting, value) in &summary.differs_by_hand {
        text.push_str(&format!("- differs by hand: `{setting}={value}`\n"));
    }
    if let Some(verdict) = &detail.verdict {
        text.push_str(&format!("\n{}\n", finding(verdict)));
        text.push_str(&fenced(&harmless(&verdict.evidence.join("\n"))));
    }
    match excerpt {
        Excerpt::Lines(lines, notes) => {
            if lines.is_empty() {
                text.push_str("\nNo warning or error was found within the hour before.\n");
            } else {
                text.push_str("\nThe newest warnings and errors of the hour before:\n");
                let lines: Vec<String> = lines.iter().map(line).collect();
                text.push_str(&fenced(&lines.join("\n")));
            }
            text.extend(notes.iter().map(|note| format!("- {note}\n")));
        }
        Excerpt::Unread(why) => text.push_str(&format!("\nIts logs could not be read: {why}\n")),
    }
    text.push('\n');
    for url in summary.urls.values() {
        text.push_str(&format!("- {url}\n"));
    }
    let (namespace, name) = (&summary.namespace, &summary.name);
    let page = format!("{}/environments/{namespace}/{name}", frame.origin);
    let (since, until) = (format!("{:.0}", frame.since), format!("{:.0}", frame.until));
    text.push_str(&format!("- {page}\n"));
    let (from, to, query) = (encoded(&since), encoded(&until), encoded(QUERY));
    text.push_str(&format!("- {page}/logs?from={from}&to={to}&q={query}\n"));
    text.push_str(&format!("- `{}`\n", command::show(namespace, name)));
    text.push_str(&format!("- `{}`\n", command::logs_between(namespace, name, &since, &until, QUERY)));
    text
}

fn line(line: &Shown) -> String {
    let level = line.level.map(|level| format!(" {level}")).unwrap_or_default();
    let rest: String = line.rest.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{} {}{level} {}{rest}", line.time, line.component, line.text)
}

#[cfg(test)]
mod tests {
    use verbs::logs::{Line, Origin};

    use super::*;
    use crate::view::sample::{NOW, detail, world};

    fn told(detail: &Detail, excerpt: &Excerpt) -> String {
        report(detail, excerpt, &Frame::of("https://outboard.example.com".to_owned(), *NOW))
    }

    #[test]
    fn a_report_has_versions_verdict_log_and_the_way_to_more() {
        let line = |text: &str| {
            Shown::of(&Line {
                time: "2026-11-26T11:59:00Z".parse().unwrap(),
                project: "shop".into(),
                environment: "qa-44".into(),
                component: "web".into(),
                pod: "web-1".into(),
                container: "web".into(),
                file: None,
                text: text.into(),
                origin: Origin::Live,
            })
        };
        let lines = vec![line(r#"{"level":"error","msg":"no ``` answer","host":"db"}"#), line("WARN slow")];
        insta::assert_snapshot!(told(&detail(&world()[3], None), &Excerpt::Lines(lines, vec![])));
    }

    #[test]
    fn logs_that_could_not_be_read_are_told_as_that() {
        let unread = told(&detail(&world()[1], None), &Excerpt::Unread("no answer".into()));
        assert!(unread.contains("Its logs could not be read: no answer"), "{unread}");
        let none = told(
            &detail(&world()[1], None),
            &Excerpt::Lines(vec![], vec!["1 object is neither plain nor gzip".to_owned()]),
        );
        assert!(none.contains("No warning or error") && none.contains("- 1 object is neither"), "{none}");
    }

    #[test]
    fn evidence_that_is_pasted_does_nothing_there() {
        let mut failed = detail(&world()[3], None);
        failed.verdict.as_mut().unwrap().evidence = vec!["\u{1b}[2J\u{202e}live".to_owned()];
        let text = told(&failed, &Excerpt::Lines(vec![], vec![]));
        assert!(text.contains("\n\u{fffd}live\n"), "{text}");
    }
}
