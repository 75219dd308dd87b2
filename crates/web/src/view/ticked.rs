//! What words set between backticks, as code. Pure.

use std::fmt::{self, Display};

use askama::filters::{Html, escape};

/// A sentence for people, as markup: whatever else is in it is text.
pub struct Ticked<'a> {
    text: &'a str,
    /// It begins a line.
    begins: bool,
}

/// For templates.
pub fn ticked(text: &str) -> Ticked<'_> {
    Ticked { text, begins: false }
}

/// The same where it begins a line: with a capital, since `words` and verdicts are written to follow something.
pub fn sentence(text: &str) -> Ticked<'_> {
    Ticked { text, begins: true }
}

/// Programs, which are typed as they are.
const PROGRAMS: [&str; 2] = ["outboard", "kubectl"];
/// Before these a word that stands alone is a name, …
const VERBS: [&str; 10] = ["is", "was", "has", "had", "got", "gets", "stays", "runs", "waits", "cannot"];
/// … unless it is one of these.
const STANDS: [&str; 18] = [
    "it", "this", "that", "there", "what", "whatever", "who", "whoever", "which", "nothing", "nobody",
    "none", "somebody", "one", "each", "all", "another", "data",
];

/// Its first letter as a capital, if it begins with a word: what has digits, dots or hyphens in it is a name, and so is what does
/// something without an article.
fn capital(text: &str) -> Option<char> {
    let mut words = text.split(' ');
    let word = words.next()?.trim_end_matches([',', ':', '.', ';']);
    let acts = words.next().is_some_and(|next| VERBS.contains(&next)) && !STANDS.contains(&word);
    let is_word = !acts
        && !PROGRAMS.contains(&word)
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'\'');
    word.chars().next().filter(|_| is_word).map(|letter| letter.to_ascii_uppercase())
}

impl Display for Ticked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        if let Some(letter) = capital(rest).filter(|_| self.begins) {
            write!(f, "{letter}")?;
            // It takes the place of one that is as long.
            rest = rest.get(1..).unwrap_or_default();
        }
        while let Some((before, after)) = rest.split_once('`') {
            // One that is never closed is a backtick.
            let Some((code, after)) = after.split_once('`') else { break };
            write!(f, "{}<code>{}</code>", text(before)?, text(code)?)?;
            rest = after;
        }
        write!(f, "{}", text(rest)?)
    }
}

pub(super) fn text(text: &str) -> Result<impl Display + '_, fmt::Error> {
    escape(text, Html).map_err(|_| fmt::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code_and_all_of_it_text() {
        let marked = |text| ticked(text).to_string();
        assert_eq!(
            marked("run `outboard env list`, then go on"),
            "run <code>outboard env list</code>, then go on"
        );
        assert_eq!(marked("a ` alone"), "a ` alone");
        let evil = marked("<b>`<i>`</b>");
        assert!(!evil.contains("<b>") && !evil.contains("<i>") && evil.contains("<code>"), "{evil}");
    }
    #[test]
    fn a_line_begins_with_a_capital_and_a_name_stays_as_it_is() {
        let begun = |text| sentence(text).to_string();
        assert_eq!(begun("plan: 1 to create"), "Plan: 1 to create");
        assert_eq!(begun("it's away, run `x`"), "It&#39;s away, run <code>x</code>");
        assert_eq!(begun("nothing is left of it"), "Nothing is left of it");
        for name in [
            "qa-42 is as it is",
            "qa stays as it is: its name was not typed",
            "outboard data scan qa proposes them",
            "web.example.com has none",
            "`web` waits",
            "ERROR 1114",
            "2 objects",
            "",
        ] {
            assert_eq!(begun(name), ticked(name).to_string());
        }
    }
}
