//! Keys as they are ordered: by the bytes of UTF-8, which is by code points. Boundaries of ranges are made here; they
//! need not be keys of anything.

/// Longer ones are no keys.
const LONGEST: usize = 1024;

/// The last of what most keys are written with.
const USUAL: u32 = 0x7f;

/// One more than the last code point, without those that stand for no character.
const ALL: u32 = 0x11_0000 - 0x800;

fn number(character: char) -> u32 {
    let code = u32::from(character);
    if code >= 0xe000 { code - 0x800 } else { code }
}

fn character(number: u32) -> Option<char> {
    char::from_u32(if number >= 0xd800 { number + 0x800 } else { number })
}

/// A boundary that lies between both, about halfway if keys are written as most are; none: nothing lies there.
pub fn between(after: &str, upto: Option<&str>) -> Option<String> {
    let shared = upto.map_or(0, |upto| shared(after, upto));
    let (common, rest) = after.split_at(shared);
    let found = match upto.map(|upto| upto.split_at(shared).1) {
        None => beyond(rest),
        Some(upto) => below(rest, upto),
    };
    found.map(|found| format!("{common}{found}")).filter(|found| found.len() <= LONGEST)
}

/// How many bytes they begin with together, in whole characters.
pub fn shared(one: &str, other: &str) -> usize {
    let both = one.chars().zip(other.chars());
    both.take_while(|(one, other)| one == other).map(|(one, _)| one.len_utf8()).sum()
}

/// After `after`, with nothing to keep below.
fn beyond(after: &str) -> Option<String> {
    let mut kept = String::new();
    let mut rest = after.chars();
    loop {
        let low = match rest.next() {
            None => return middle(0, ALL).map(|found| format!("{kept}{found}")),
            Some(next) if number(next) + 1 < ALL => number(next) + 1,
            Some(last) => {
                kept.push(last);
                continue;
            }
        };
        return middle(low, ALL).map(|found| format!("{kept}{found}"));
    }
}

/// They begin with different characters, or `after` is at its end.
fn below(after: &str, upto: &str) -> Option<String> {
    let mut end = upto.chars();
    let top = end.next()?;
    let goes_on = end.next().is_some();
    let mut begin = after.chars();
    let first = begin.next();
    let low = first.map_or(0, |first| number(first) + 1);
    if low < number(top) {
        return middle(low, number(top)).map(String::from);
    }
    if goes_on {
        // Where its beginning stands alone.
        return Some(top.to_string());
    }
    let first = first?;
    beyond(begin.as_str()).map(|found| format!("{first}{found}"))
}

/// One of `low..high`.
fn middle(low: u32, high: u32) -> Option<char> {
    let high = if low < USUAL && high > USUAL + 1 { USUAL + 1 } else { high };
    (low < high).then(|| low + (high - low) / 2).and_then(character)
}

/// The first boundary that none of what begins with `prefix` reaches; none: there is no such boundary.
pub fn past(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = Some(number(last) + 1).filter(|next| *next < ALL).and_then(character) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_as_most_are_written_are_halved() {
        assert_eq!(between("", None).as_deref(), Some("@"));
        assert_eq!(between("a/b", Some("a/x")).as_deref(), Some("a/m"));
        assert_eq!(between("a", Some("b")).as_deref(), Some("a@"));
        assert_eq!(between("ax", Some("b/")).as_deref(), Some("b"));
        assert_eq!(between("a", Some("a\0")), None);
        assert_eq!(past("uploads/").as_deref(), Some("uploads0"));
        assert_eq!(past("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(past("\u{10ffff}"), None);
    }

    proptest! {
        #[test]
        fn what_lies_between_is_between_in_bytes(one in "\\PC{0,6}|[a-c\u{d7ff}\u{e000}\u{10ffff}]{0,4}", other in "\\PC{0,6}|[a-c\u{d7ff}\u{e000}\u{10ffff}]{0,4}", open: bool) {
            let (after, upto) = if one < other { (one, other) } else { (other, one) };
            let upto = Some(upto.as_str()).filter(|_| !open);
            match between(&after, upto) {
                Some(found) => {
                    prop_assert!(found.as_bytes() > after.as_bytes());
                    prop_assert!(upto.is_none_or(|upto| found.as_bytes() < upto.as_bytes()));
                }
                // Only if one follows the other at once.
                None => {
                    let next = format!("{after}\0");
                    prop_assert!(upto.is_some_and(|upto| upto <= next.as_str()));
                }
            }
        }

        #[test]
        fn nothing_that_begins_so_is_past_it(prefix in "\\PC{1,5}", more in "\\PC{0,5}") {
            if let Some(past) = past(&prefix) {
                let long = format!("{prefix}{more}");
                prop_assert!(long.as_bytes() < past.as_bytes());
                prop_assert!(prefix.as_bytes() < past.as_bytes());
            }
        }
    }
}
