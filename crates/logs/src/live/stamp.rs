//! Reads the time that the kubelet writes before every line. A general parser would cost more than all else that is
//! done with a line, so the minute is remembered and only seconds are read.

use jiff::Timestamp;

/// `2026-11-23T10:00:`, up to which two lines of one minute are equal.
const MINUTE: usize = 17;
/// `2026-11-23T10:00:00.123456789Z`: what a kubelet in UTC writes, always as long.
const STAMP: usize = 30;

/// Knows the minute of the line before.
#[derive(Clone, Debug, Default)]
pub struct Stamps {
    minute: [u8; MINUTE],
    begins: i64,
}

impl Stamps {
    /// Splits `2026-11-23T10:00:00.123456789Z text`. `None`: no time stands there.
    pub fn split<'a>(&mut self, line: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        self.quick(line).or_else(|| slow(line))
    }

    fn quick<'a>(&mut self, line: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let (stamp, rest) = line.split_at_checked(STAMP)?;
        if stamp[19] != b'.' || stamp[29] != b'Z' {
            return None;
        }
        let text = match rest {
            [] => rest,
            [b' ', text @ ..] => text,
            _ => return None,
        };
        if stamp[..MINUTE] != self.minute {
            self.begins = minute(&stamp[..MINUTE])?;
            self.minute.copy_from_slice(&stamp[..MINUTE]);
        }
        let second = number(&stamp[17..19])?;
        let nanosecond = number(&stamp[20..29])?;
        // A leap second, or no time at all: the general parser knows.
        if second > 59 {
            return None;
        }
        let nanosecond = i32::try_from(nanosecond).ok()?;
        Some((Timestamp::new(self.begins + second, nanosecond).ok()?, text))
    }
}

fn minute(digits: &[u8]) -> Option<i64> {
    let text = format!("{}00Z", std::str::from_utf8(digits).ok()?);
    Some(text.parse::<Timestamp>().ok()?.as_second())
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Other zones, and fractions of another length.
fn slow(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    let end = memchr::memchr(b' ', line).unwrap_or(line.len());
    let time = std::str::from_utf8(&line[..end]).ok()?.parse().ok()?;
    Some((time, line.get(end + 1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_keeps_its_own_spaces_and_may_be_empty_or_no_unicode() {
        let mut stamps = Stamps::default();
        let (time, text) = stamps.split(b"2026-11-23T10:00:00.000000001Z   indented ").unwrap();
        assert_eq!((time.subsec_nanosecond(), text), (1, b"  indented ".as_slice()));
        assert_eq!(stamps.split(b"2026-11-23T10:00:00Z ").unwrap().1, b"");
        assert_eq!(stamps.split(b"2026-11-23T10:00:00.000000001Z").unwrap().1, b"");
        assert_eq!(stamps.split(b"2026-11-23T10:00:00.000000001Z \xff").unwrap().1, b"\xff");
    }

    #[test]
    fn what_is_no_time_is_none() {
        let mut stamps = Stamps::default();
        for line in ["no time", "", "2026-13-23T10:00:00.000000001Z x", "2026-11-23T10:00:99.000000001Z x"] {
            assert!(stamps.split(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn a_node_in_another_zone_is_understood() {
        let (time, text) = Stamps::default().split(b"2026-11-23T12:00:00.5+02:00 x").unwrap();
        assert_eq!((time.to_string().as_str(), text), ("2026-11-23T10:00:00.5Z", b"x".as_slice()));
    }

    proptest! {
        #[test]
        fn the_quick_way_reads_what_the_general_one_reads(
            times in prop::collection::vec((-2_000_000_000_i64..4_000_000_000, 0..1_000_000_000), 1..20)
        ) {
            let mut stamps = Stamps::default();
            for (second, nanosecond) in times {
                let time = Timestamp::new(second, nanosecond).unwrap();
                let line = format!("{time:.9} x");
                prop_assert_eq!(stamps.split(line.as_bytes()), Some((time, b"x".as_slice())));
                prop_assert!(stamps.quick(line.as_bytes()).is_some());
            }
        }
    }
}
