//! The button beside a value that people paste elsewhere. It is hidden until the script of the page is there: without, it does
//! nothing. Pure.

use std::fmt::{self, Display};

use super::ticked::text;
use crate::icon::icon;

/// What it copies, and how that is called by screen readers.
#[derive(Clone, Copy, Debug)]
pub struct CopyButton<'a> {
    value: &'a str,
    what: &'a str,
    of: &'a str,
}

/// For templates: "Copy the namespace".
pub fn copy<'a>(value: &'a str, what: &'a str) -> CopyButton<'a> {
    CopyButton { value, what, of: "" }
}

/// The same where several stand on a page: "Copy the version of web".
pub fn copy_of<'a>(value: &'a str, what: &'a str, of: &'a str) -> CopyButton<'a> {
    CopyButton { value, what, of }
}

impl Display for CopyButton<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, what, icon) = (text(self.value)?, text(self.what)?, icon("copy"));
        write!(
            f,
            r#"<button type="button" class="plain" data-copy="{value}" hidden>{icon}<span class="hidden">Copy {what}"#
        )?;
        if !self.of.is_empty() {
            write!(f, " of {}", text(self.of)?)?;
        }
        write!(f, "</span></button>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_copied_is_text_of_an_attribute() {
        let html = copy_of(r#"a"><script>"#, "the version", "web<").to_string();
        assert!(html.contains("data-copy=\"a&#34;&#62;&#60;script&#62;\""), "{html}");
        assert!(html.contains("Copy the version of web&#60;<") && !html.contains("<script"), "{html}");
        assert!(copy("x", "the name").to_string().contains("Copy the name</span>"));
    }
}
