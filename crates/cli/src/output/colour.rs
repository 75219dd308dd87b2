//! Colours, each with a meaning, and none when they are off.

use std::fmt::Display;

use anstyle::{AnsiColor, Color, Style};

/// Colours that are told apart on dark and on light ground; red is kept for what is wrong.
const COMPONENTS: [AnsiColor; 8] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::Yellow,
    AnsiColor::BrightCyan,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
];

#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    pub fn new(on: bool) -> Self {
        Self { on }
    }

    pub fn is_on(self) -> bool {
        self.on
    }

    pub fn good(self, text: impl Display) -> String {
        self.styled(AnsiColor::Green.on_default(), text)
    }

    pub fn bad(self, text: impl Display) -> String {
        self.styled(AnsiColor::Red.on_default().bold(), text)
    }

    pub fn wait(self, text: impl Display) -> String {
        self.styled(AnsiColor::Yellow.on_default(), text)
    }

    pub fn strong(self, text: impl Display) -> String {
        self.styled(Style::new().bold(), text)
    }

    pub fn aside(self, text: impl Display) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    /// The colour of a component: the same in every run.
    pub fn component(self, name: &str, text: impl Display) -> String {
        // FNV-1a: stable over releases of Rust, unlike the standard hasher.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let index = usize::try_from(hash % COMPONENTS.len() as u64).unwrap_or_default();
        self.styled(Style::new().fg_color(Some(Color::Ansi(COMPONENTS[index]))), text)
    }

    fn styled(self, style: Style, text: impl Display) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_no_escape_is_written() {
        assert_eq!(Paint::new(false).bad("x"), "x");
        assert!(Paint::new(true).bad("x").contains('\u{1b}'));
    }

    #[test]
    fn a_component_has_the_same_colour_every_time() {
        let paint = Paint::new(true);
        assert_eq!(paint.component("web", "x"), paint.component("web", "x"));
        assert_ne!(paint.component("web", "x"), paint.component("db", "x"));
    }
}
