//! The time of a record: RFC 3339, or a number since 1970 in the unit that its size tells.

use jiff::Timestamp;

/// Written as a text.
pub fn of_text(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| of_number(text.parse().ok()?))
}

/// Seconds until the year 5138 have at most eleven digits; what has more counts in smaller units. To the microsecond: that
/// is as exact as such a number is.
pub fn of_number(number: f64) -> Option<Timestamp> {
    let microseconds = match number.abs() {
        size if size < 1e11 => number * 1e6,
        size if size < 1e14 => number * 1e3,
        size if size < 1e17 => number,
        size if size.is_finite() => number / 1e3,
        _ => return None,
    };
    of_nanoseconds((microseconds.round() as i128).checked_mul(1000)?)
}

/// The same, where no digit is to be lost.
pub fn of_integer(number: i64) -> Option<Timestamp> {
    let wide = i128::from(number);
    of_nanoseconds(match number.unsigned_abs() {
        0..100_000_000_000 => wide * 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => wide * 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => wide * 1_000,
        _ => wide,
    })
}

fn of_nanoseconds(nanoseconds: i128) -> Option<Timestamp> {
    Timestamp::from_nanosecond(nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_unit_by_its_size() {
        let time: Timestamp = "2026-11-25T10:00:00.25Z".parse().unwrap();
        let (s, ms) = (time.as_second(), time.as_millisecond());
        assert_eq!(of_integer(s).map(Timestamp::as_second), Some(s));
        for exact in [of_integer(ms), of_integer(ms * 1_000), of_integer(ms * 1_000_000)] {
            assert_eq!(exact, Some(time));
        }
        assert_eq!(of_number(s as f64 + 0.25), Some(time));
        assert_eq!(of_text("2026-11-25T10:00:00.250Z"), Some(time));
        assert_eq!(of_text("1795600800.25").map(Timestamp::subsec_millisecond), Some(250));
        assert_eq!((of_text("soon"), of_text("NaN")), (None, None));
        assert!(of_number(1e300).is_none());
    }
}
