//! Which prefixes hold the hours of a span of time: whole months and days are listed at once.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Every hour from that of `since` to that of `until`, in UTC, newest first, under as few prefixes as may be.
pub fn prefixes(base: &str, since: Timestamp, until: Timestamp) -> Vec<String> {
    let utc = |time: Timestamp| time.to_zoned(TimeZone::UTC).datetime();
    let (begin, end) = (utc(since), utc(until));
    let mut found = vec![];
    let mut hour = whole_hour(begin);
    while hour <= end {
        let (prefix, next) = widest(hour, end);
        found.push(format!("{base}{prefix}/"));
        match next {
            Some(next) => hour = next,
            None => break,
        }
    }
    found.reverse();
    found
}

/// The largest unit that begins at this hour and has ended by `end`.
fn widest(hour: DateTime, end: DateTime) -> (String, Option<DateTime>) {
    let at_midnight = hour.hour() == 0;
    let month = hour.date().checked_add(1.month()).ok().map(midnight);
    if at_midnight && hour.day() == 1 && month.is_some_and(|next| next <= whole_hour(end)) {
        return (hour.strftime("%Y/%m").to_string(), month);
    }
    let day = hour.date().tomorrow().ok().map(midnight);
    if at_midnight && day.is_some_and(|next| next <= whole_hour(end)) {
        return (hour.strftime("%Y/%m/%d").to_string(), day);
    }
    (hour.strftime("%Y/%m/%d/%H").to_string(), hour.checked_add(1.hour()).ok())
}

fn midnight(date: Date) -> DateTime {
    date.at(0, 0, 0, 0)
}

fn whole_hour(time: DateTime) -> DateTime {
    time.date().at(time.hour(), 0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(since: &str, until: &str) -> Vec<String> {
        prefixes("fals/", since.parse().unwrap(), until.parse().unwrap())
    }

    #[test]
    fn a_short_time_is_listed_hour_by_hour() {
        assert_eq!(
            of("2026-12-31T22:59:59Z", "2027-01-01T00:00:00Z"),
            ["fals/2027/01/01/00/", "fals/2026/12/31/23/", "fals/2026/12/31/22/"]
        );
        assert_eq!(of("2026-11-25T10:59:00+05:30", "2026-11-25T05:30:00Z"), ["fals/2026/11/25/05/"]);
        assert!(of("2026-11-25T10:00:00Z", "2026-11-25T09:00:00Z").is_empty());
    }

    #[test]
    fn whole_days_and_months_are_listed_at_once() {
        assert_eq!(
            of("2026-01-30T23:00:00Z", "2026-03-02T01:10:00Z"),
            [
                "fals/2026/03/02/01/",
                "fals/2026/03/02/00/",
                "fals/2026/03/01/",
                "fals/2026/02/",
                "fals/2026/01/31/",
                "fals/2026/01/30/23/"
            ]
        );
    }
}
