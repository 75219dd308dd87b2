//! What a pull request is told of its preview: the body of one comment, in Markdown.

use api::{Role, Verdict};
use verbs::environment::{Detail, State};

use crate::{Words, finding, harmless};

/// By which the comment is found again, to be written anew. The name of a branch must not end it.
fn mark(subject: &str) -> String {
    format!("<!-- outboard preview {} -->", subject.replace('>', "&gt;"))
}

/// What became of what was asked for.
pub enum Told<'a> {
    Well,
    /// It was made or changed, and is not well.
    Wrong(&'a Verdict),
    /// It was not made or changed.
    Refused(&'a Verdict),
    /// Nor here, or nobody knows.
    Failed(&'a Words),
}

/// `detail`: none, if it is not there. `evidence`: with what the verdict was read from, log lines among it.
pub fn comment(
    subject: &str,
    name: &str,
    detail: Option<&Detail>,
    told: &Told<'_>,
    evidence: bool,
) -> String {
    let mut text = format!("{}\n", mark(subject));
    // A change that waits for its image, say: what was there before serves on.
    let before = detail.is_some_and(|detail| detail.summary.revision.is_some());
    let serves_on = matches!(told, Told::Wrong(verdict) if verdict.holds && before);
    let state = match (detail.map(|detail| detail.summary.state), told) {
        _ if serves_on => "was not changed yet, and goes on with what it had",
        (_, Told::Wrong(_)) => "is not ready",
        (None, _) => "was not made",
        (Some(_), Told::Refused(_)) => "was not changed, and goes on with what it had",
        (Some(_), Told::Failed(_)) => "could not be brought to what was asked for",
        (Some(State::Ready), Told::Well) => "is ready",
        (Some(State::Destroying), Told::Well) => "is being destroyed",
        (Some(_), Told::Well) => "is on its way",
    };
    text.push_str(&format!("**Preview `{name}` {state}.**\n"));
    if serves_on || !matches!(told, Told::Wrong(_)) {
        let urls = detail.iter().flat_map(|detail| detail.summary.urls.values());
        text.extend(urls.map(|url| format!("\n{url}\n")));
    }
    match told {
        Told::Well => {}
        Told::Failed(words) => {
            text.push_str(&format!("\n{}\n", plain(&words.sentence)));
            text.extend(words.hint.as_ref().map(|hint| format!("\nWhat to do: {}\n", plain(hint))));
        }
        Told::Wrong(verdict) | Told::Refused(verdict) => {
            text.push_str(&format!("\n{}\n", plain(&finding(verdict))));
            if evidence {
                text.push_str(&fenced(&harmless(&verdict.evidence.join("\n"))));
            }
            text.push_str(&format!("\nWhat to do: {}\n", plain(&verdict.fix)));
            if !evidence && detail.is_some() {
                text.push_str(&format!("\nMore of it: `outboard env explain {name}`\n"));
            }
        }
    }
    let parts = detail.iter().flat_map(|detail| &detail.parts);
    let versions: Vec<_> = parts
        .filter(|part| !matches!(part.role, Role::Route | Role::Manifest))
        .filter_map(|part| Some((&part.name, part.version.as_deref()?, part.state)))
        .collect();
    if !versions.is_empty() {
        text.push_str("\n| part | version | state |\n|---|---|---|\n");
        for (name, version, state) in versions {
            text.push_str(&format!("| {name} | `{version}` | {} |\n", state.as_str()));
        }
    }
    text
}

/// On one line, without markup and without calling anybody: what a container or a registry says is in it.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in harmless(text).chars() {
        match c {
            '\n' => plain.push(' '),
            '<' | '>' | '&' | '@' | '#' | '`' | '*' | '[' | '|' => {
                plain.push_str(&format!("&#{};", u32::from(c)));
            }
            c => plain.push(c),
        }
    }
    plain
}

/// Between fences that nothing within it ends.
pub fn fenced(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use api::Cause;

    use super::*;

    fn verdict() -> Verdict {
        Verdict {
            cause: Cause::ImageNotFound,
            about: "component web".into(),
            message: "registry.example.org/web:9 is not there".into(),
            evidence: vec!["manifest ``` unknown\u{1b}[2J".into()],
            fix: "push it, or choose another version".into(),
            terminal: true,
            holds: true,
        }
    }

    #[test]
    fn a_preview_that_is_not_ready_says_why_and_what_to_do() {
        let verdict = verdict();
        insta::assert_snapshot!(comment("acme/shop#42", "pr-42", None, &Told::Refused(&verdict), true));
    }

    #[test]
    fn log_lines_are_told_only_if_asked_for_and_nothing_calls_anybody() {
        let mut verdict = verdict();
        verdict.message = "@team <img src=x> said `no`\n# big".into();
        let text = comment("acme/shop#42", "pr-42", None, &Told::Wrong(&verdict), false);
        assert!(!text.contains("manifest"), "{text}");
        assert!(!text.contains("@team") && !text.contains("<img") && !text.contains("\n# big"), "{text}");
    }

    #[test]
    fn a_branch_cannot_end_the_hidden_line() {
        let text = comment("acme/shop@a-->b", "a-b", None, &Told::Well, false);
        assert_eq!(text.lines().next(), Some("<!-- outboard preview acme/shop@a--&gt;b -->"));
    }

    #[test]
    fn a_fence_is_longer_than_any_within() {
        assert_eq!(fenced("a ```` b"), "`````\na ```` b\n`````\n");
        assert_eq!(fenced(""), "");
    }
}
