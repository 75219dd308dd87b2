//! What others wrote, shown without doing anything: in a page, a ticket, a comment.

/// Control characters as pictures of themselves, without colours of terminals, and nothing that turns text around.
pub fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.peek() == Some(&'[') => {
                // A colour or a movement: up to its final letter.
                rest.next();
                while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
                rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
            }
            '\n' | '\t' => harmless.push(c),
            '\u{0}'..='\u{1f}' => harmless.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => harmless.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}' => {
                harmless.push('\u{fffd}');
            }
            c => harmless.push(c),
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_colour_swallows_no_more_than_itself() {
        assert_eq!(harmless("a\u{1b}["), "a");
        assert_eq!(harmless("a\u{1b}[1;2"), "a");
        assert_eq!(harmless("a\u{1b}b"), "a␛b");
        assert_eq!(harmless("a\u{1b}[\nb"), "a\nb");
        assert_eq!(harmless("a\u{1b}[1 оплата 17 — err"), "aоплата 17 — err");
    }
}
