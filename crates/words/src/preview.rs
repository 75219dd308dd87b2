//! What a pull request is told of its preview: the body of one comment, in Markdown.

use std::collections::BTreeMap;

use api::{Role, Verdict};
use verbs::environment::{Detail, State};

use crate::{finding, harmless};

/// By which the comment is found again, to be written anew. The name of a branch must not end it.
fn mark(subject: &str) -> String {
    format!("<!-- outboard preview {} -->", subject.replace('>', "&gt;"))
}

/// `detail`: none, if it was never made. `verdict`: why it is not as it was asked for.
pub fn comment(subject: &str, name: &str, detail: Option<&Detail>, verdict: Option<&Verdict>) -> String {
    let mut text = format!("{}\n", mark(subject));
    let urls: BTreeMap<&String, &String> = detail.iter().flat_map(|detail| &detail.summary.urls).collect();
    let state = match (detail.map(|detail| detail.summary.state), verdict) {
        (_, Some(_)) => "is not ready",
        (Some(State::Ready), None) => "is ready",
        (Some(State::Destroying), None) => "is being destroyed",
        (Some(_), None) => "is on its way",
        (None, None) => "was not made",
    };
    text.push_str(&format!("**Preview `{name}` {state}.**\n"));
    if verdict.is_none() {
        for url in urls.values() {
            text.push_str(&format!("\n{url}\n"));
        }
    }
    if let Some(verdict) = verdict {
        text.push_str(&format!("\n{}\n", finding(verdict)));
        if !verdict.evidence.is_empty() {
            text.push_str(&fenced(&harmless(&verdict.evidence.join("\n"))));
        }
        text.push_str(&format!("\nWhat to do: {}\n", verdict.fix));
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
        insta::assert_snapshot!(comment("acme/shop#42", "pr-42", None, Some(&verdict())));
    }

    #[test]
    fn a_branch_cannot_end_the_hidden_line() {
        let text = comment("acme/shop@a-->b", "a-b", None, None);
        assert_eq!(text.lines().next(), Some("<!-- outboard preview acme/shop@a--&gt;b -->"));
    }

    #[test]
    fn a_fence_is_longer_than_any_within() {
        assert_eq!(fenced("a ```` b"), "`````\na ```` b\n`````\n");
        assert_eq!(fenced(""), "");
    }
}
