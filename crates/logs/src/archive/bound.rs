//! How new the lines of an object can be, told by its key and by when it was written.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// No line of the object is newer than this, if clocks agree.
///
/// Firehose names an object after the moment at which its oldest line arrived, and delivers it when the buffer's time
/// is up. A copy is written later than the object it was made of, so the earliest of what is known counts.
pub fn newest(key: &str, base: &str, modified: Option<Timestamp>, buffer: Duration) -> Timestamp {
    let buffer = SignedDuration::try_from(buffer).unwrap_or(SignedDuration::ZERO);
    let key = key.strip_prefix(base).unwrap_or(key);
    let named = begun(key).and_then(|begun| begun.checked_add(buffer).ok());
    let hour = hour(key).and_then(|hour| hour.checked_add(buffer + SignedDuration::from_hours(1)).ok());
    // Listings tell whole seconds.
    let modified = modified.and_then(|time| time.checked_add(SignedDuration::from_secs(1)).ok());
    [named, hour, modified].into_iter().flatten().min().unwrap_or(Timestamp::MAX)
}

/// `2026/11/25/10/…`.
fn hour(key: &str) -> Option<Timestamp> {
    let hour = key.get(..13)?;
    let time = DateTime::strptime("%Y/%m/%d/%H:%M", format!("{hour}:00")).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// `…/shop-logs-1-2026-11-25-10-31-07-0a1b2c…`.
fn begun(key: &str) -> Option<Timestamp> {
    const SHAPE: &[u8] = b"0000-00-00-00-00-00";
    let name = key.rsplit('/').next()?;
    let is_one = |text: &[u8]| {
        text.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
    };
    let at = name.as_bytes().windows(SHAPE.len()).rposition(is_one)?;
    let time = DateTime::strptime("%Y-%m-%d-%H-%M-%S", name.get(at..at + SHAPE.len())?).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, modified: Option<&str>) -> String {
        let modified = modified.map(|time| time.parse().unwrap());
        newest(key, "fals/", modified, Duration::from_secs(900)).to_string()
    }

    #[test]
    fn the_name_that_firehose_gives_bounds_the_lines_inside() {
        let key = "fals/2026/11/25/10/shop-1-2026-11-25-10-31-07-0a1b-2c3d.gz";
        assert_eq!(of(key, None), "2026-11-25T10:46:07Z");
        assert_eq!(of(key, Some("2026-11-25T10:33:00Z")), "2026-11-25T10:33:01Z");
        assert_eq!(of(key, Some("2026-12-01T00:00:00Z")), "2026-11-25T10:46:07Z");
    }

    #[test]
    fn else_the_hour_does_and_else_when_it_was_written() {
        assert_eq!(of("fals/2026/11/25/10/part-1", None), "2026-11-25T11:15:00Z");
        assert_eq!(of("other", Some("2026-11-25T10:33:00Z")), "2026-11-25T10:33:01Z");
        assert_eq!(of("fals/2026/13/45/99/x-2026-99-99-99-99-99", None), Timestamp::MAX.to_string());
        assert_eq!(of("é", None), Timestamp::MAX.to_string());
    }
}
