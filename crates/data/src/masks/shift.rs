//! Dates a few days earlier or later. The time of day stays as it is written, and so does what is no date.

use jiff::ToSpan;
use jiff::civil::Date;

use super::Keyed;

pub fn date(keyed: &Keyed, value: &[u8], days: u32, column: &str, out: &mut Vec<u8>) {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let (day, time) = text.split_at_checked(10).unwrap_or((text, ""));
    // `0000-00-00` and `2024-02-31`, which a server may hold.
    let Ok(date) = day.parse::<Date>() else {
        out.extend_from_slice(value);
        return;
    };
    let width = u128::from(days) * 2 + 1;
    let shift = (keyed.draw("date", day.as_bytes()) % width) as i64 - i64::from(days);
    let (least, most) = match column {
        // The days that are wholly within what the type holds.
        "timestamp" => (Date::constant(1970, 1, 2), Date::constant(2038, 1, 18)),
        _ => (Date::constant(1000, 1, 1), Date::constant(9999, 12, 31)),
    };
    let moved = date.checked_add(shift.days()).unwrap_or(date).clamp(least, most);
    out.extend_from_slice(moved.to_string().as_bytes());
    out.extend_from_slice(time.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shifted(value: &str, column: &str) -> String {
        let mut out = vec![];
        date(&Keyed::new(b"k"), value.as_bytes(), 30, column, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_date_moves_by_at_most_so_many_days_and_keeps_its_time() {
        let moved = shifted("2024-02-28 12:34:56.789", "datetime");
        assert!(moved.ends_with(" 12:34:56.789"));
        let before: Date = "2024-02-28".parse().unwrap();
        let after: Date = moved[..10].parse().unwrap();
        let days = (after - before).get_days();
        assert!(days != 0 && days.abs() <= 30, "{moved}");
    }

    #[test]
    fn what_is_no_date_stays() {
        assert_eq!(shifted("0000-00-00", "date"), "0000-00-00");
        assert_eq!(shifted("2023-02-31", "date"), "2023-02-31");
    }

    #[test]
    fn a_type_is_not_left() {
        assert!(shifted("2038-01-19 03:14:07", "timestamp").as_str() <= "2038-01-19");
        assert!(shifted("1000-01-01", "date").as_str() >= "1000-01-01");
    }
}
