//! Patterns of names, as Redis itself understands them: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before what is meant
//! literally. On bytes: a key need not be text.

/// Whether the whole name is what the pattern describes.
pub fn matches(mut pattern: &[u8], mut name: &[u8]) -> bool {
    // Where the last `*` stood, and what of the name it has not taken yet.
    let mut back: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match pattern.split_first() {
            Some((b'*', rest)) => {
                back = Some((rest, name));
                pattern = rest;
                continue;
            }
            Some(_) => one(pattern, name),
            None if name.is_empty() => return true,
            None => None,
        };
        match (step, back) {
            (Some(rest), _) => (pattern, name) = (rest, name.get(1..).unwrap_or_default()),
            // The star takes one more byte.
            (None, Some((after, taken))) if !taken.is_empty() => {
                let less = taken.get(1..).unwrap_or_default();
                (pattern, name, back) = (after, less, Some((after, less)));
            }
            _ => return false,
        }
    }
}

/// What is left of the pattern once it has described the first byte; none: it does not.
fn one<'a>(pattern: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (&byte, (&sign, rest)) = (name.first()?, pattern.split_first()?);
    match sign {
        b'?' => Some(rest),
        b'[' => class(rest, byte),
        b'\\' => match rest.split_first() {
            Some((&literal, rest)) => (literal == byte).then_some(rest),
            None => (byte == b'\\').then_some(rest),
        },
        literal => (literal == byte).then_some(rest),
    }
}

fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (wanted, mut rest) = match pattern.strip_prefix(b"^") {
        Some(rest) => (false, rest),
        None => (true, pattern),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [] => return None,
            [b']', rest @ ..] => return (found == wanted).then_some(rest),
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [from, b'-', to, rest @ ..] if *to != b']' => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(pattern: &str, name: &str) -> bool {
        matches(pattern.as_bytes(), name.as_bytes())
    }

    #[test]
    fn patterns_describe_whole_names() {
        assert!(
            is("*", "")
                && is("*", "anything")
                && is("user:*", "user:7")
                && is("user:*:mail", "user:7:a:mail")
        );
        assert!(
            is("h?llo", "hello")
                && is("h[ae]llo", "hallo")
                && is("h[^e]llo", "hallo")
                && is("h[a-c]llo", "hbllo")
        );
        assert!(is(r"a\*b", "a*b") && is("a**b", "ab") && is("*b*b", "abcbb"));
        assert!(
            !is("user:*", "users:7") && !is("h[^e]llo", "hello") && !is(r"a\*b", "axb") && !is("a", "ab")
        );
        assert!(!is("h[", "h[") && !is("?", "") && !is("*b*b", "abc"));
    }

    #[test]
    fn many_stars_take_no_time() {
        let name = "a".repeat(5_000);
        assert!(!matches("*a".repeat(40).as_bytes(), format!("{name}b").as_bytes()));
    }
}
