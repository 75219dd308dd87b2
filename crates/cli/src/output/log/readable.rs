//! A line of JSON as people read it, coloured.

use verbs::logs::Level;
use words::log::{Readable, readable};

use crate::output::colour::Paint;

/// `None`: it is no JSON, or says nothing that could stand first.
pub fn line(text: &[u8], paint: Paint) -> Option<Vec<u8>> {
    if text.first() != Some(&b'{') {
        return None;
    }
    let Readable { level, message, rest } = readable(std::str::from_utf8(text).ok()?)?;
    let mut words: Vec<String> = level.map(|level| graded(level, paint)).into_iter().chain(message).collect();
    words.extend(rest.into_iter().map(|(name, value)| paint.aside(format!("{name}={value}"))));
    Some(words.join(" ").into_bytes())
}

fn graded(level: Level, paint: Paint) -> String {
    let word = format!("{:<5}", level.name().to_uppercase());
    match level {
        Level::Fatal | Level::Error => paint.bad(word),
        Level::Warn => paint.wait(word),
        Level::Info => paint.good(word),
        Level::Debug | Level::Trace => paint.aside(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Option<String> {
        line(text.as_bytes(), Paint::new(false)).map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn it_begins_with_how_grave_and_what_and_ends_with_the_rest() {
        let text =
            r#"{"ts":1,"level":"warn","msg":"slow answer","path":"/a b","status":200,"user":{"id":7}}"#;
        assert_eq!(plain(text).as_deref(), Some(r#"WARN  slow answer path="/a b" status=200 user={"id":7}"#));
    }

    #[test]
    fn what_says_neither_stays_as_it_was_written() {
        assert_eq!(plain(r#"{"a":1}"#), None);
        assert_eq!(plain("{ not json"), None);
        assert_eq!(plain("plain"), None);
    }
}
