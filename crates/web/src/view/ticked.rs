//! What words set between backticks, as code. Pure.

use std::fmt::{self, Display};

use askama::filters::{Html, escape};

/// A sentence for people, as markup: whatever else is in it is text.
pub struct Ticked<'a>(&'a str);

/// For templates.
pub fn ticked(text: &str) -> Ticked<'_> {
    Ticked(text)
}

impl Display for Ticked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, after)) = rest.split_once('`') {
            // One that is never closed is a backtick.
            let Some((code, after)) = after.split_once('`') else { break };
            write!(f, "{}<code>{}</code>", text(before)?, text(code)?)?;
            rest = after;
        }
        write!(f, "{}", text(rest)?)
    }
}

fn text(text: &str) -> Result<impl Display + '_, fmt::Error> {
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
}
