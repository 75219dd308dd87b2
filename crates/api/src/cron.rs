//! A schedule as `cron` writes it, and when it was due last: five fields, in UTC.

use std::collections::BTreeSet;

use k8s_openapi::jiff::civil::{Date, DateTime, Time};
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Timestamp, ToSpan};

/// What fires at all fires in so many days: a 29th of February that has to be a Monday, too.
const LONGEST: i32 = 366 * 29;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: BTreeSet<u8>,
    hours: BTreeSet<u8>,
    days: BTreeSet<u8>,
    months: BTreeSet<u8>,
    /// From Sunday, 0, on.
    weekdays: BTreeSet<u8>,
    /// Both kinds of days are said: then either will do.
    either: bool,
}

impl Cron {
    /// Or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!(
                "`{text}` is no schedule: minute, hour, day, month and day of the week are five fields"
            ));
        };
        let mut of_week = field(weekdays, (0, 7), &DAYS, 0)?;
        if of_week.remove(&7) {
            of_week.insert(0);
        }
        let cron = Self {
            minutes: field(minutes, (0, 59), &[], 0)?,
            hours: field(hours, (0, 23), &[], 0)?,
            days: field(days, (1, 31), &[], 1)?,
            months: field(months, (1, 12), &MONTHS, 1)?,
            weekdays: of_week,
            either: !days.starts_with('*') && !weekdays.starts_with('*'),
        };
        if cron.fires() {
            Ok(cron)
        } else {
            Err(format!("`{text}` never fires: no month of it has such a day"))
        }
    }

    fn fires(&self) -> bool {
        // Of a leap year, so that the 29th of February counts.
        let lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let least = self.days.first().copied().unwrap_or(1);
        self.either && !self.weekdays.is_empty()
            || (1u8..).zip(lengths).any(|(month, length)| self.months.contains(&month) && least <= length)
    }

    /// The last moment, `now` included, at which it was due.
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let here = now.to_zoned(TimeZone::UTC);
        let mut day = here.date();
        for _ in 0..LONGEST {
            if self.is_day(day) {
                let times = self
                    .hours
                    .iter()
                    .rev()
                    .flat_map(|hour| self.minutes.iter().rev().map(move |minute| (*hour, *minute)));
                for (hour, minute) in times {
                    let time = Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()?;
                    let moment = DateTime::from_parts(day, time).to_zoned(TimeZone::UTC).ok()?.timestamp();
                    if moment <= now {
                        return Some(moment);
                    }
                }
            }
            day = day.checked_sub(1.day()).ok()?;
        }
        None
    }

    fn is_day(&self, day: Date) -> bool {
        let has = |set: &BTreeSet<u8>, value: i8| u8::try_from(value).is_ok_and(|value| set.contains(&value));
        let (of_month, of_week) =
            (has(&self.days, day.day()), has(&self.weekdays, day.weekday().to_sunday_zero_offset()));
        has(&self.months, day.month()) && if self.either { of_month || of_week } else { of_month && of_week }
    }
}

/// Values of one field: `*`, `5`, `1-5`, `*/15`, `mon,thu`.
fn field(text: &str, (least, most): (u8, u8), names: &[&str], first: u8) -> Result<BTreeSet<u8>, String> {
    let wrong = || format!("`{text}` is no field of a schedule: values here are from {least} to {most}");
    let value = |word: &str| -> Result<u8, String> {
        let named = names.iter().position(|name| word.eq_ignore_ascii_case(name));
        let number = match named {
            Some(at) => u8::try_from(at).ok().map(|at| at + first),
            None => word.parse().ok(),
        };
        number.filter(|number| (least..=most).contains(number)).ok_or_else(wrong)
    };
    let mut values = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => {
                (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0).ok_or_else(wrong)?))
            }
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (value(from)?, value(to)?),
            // With a step it goes on to the end.
            None if step.is_some() => (value(range)?, most),
            None => (value(range)?, value(range)?),
        };
        if from > to {
            return Err(wrong());
        }
        values.extend((from..=to).step_by(step.unwrap_or(1)));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(schedule: &str, now: &str) -> String {
        let found = Cron::parse(schedule).unwrap().due(now.parse().unwrap());
        found.unwrap().to_string()
    }

    #[test]
    fn a_schedule_was_due_last_at_the_latest_moment_that_it_names() {
        assert_eq!(due("0 3 * * *", "2026-11-26T03:00:00Z"), "2026-11-26T03:00:00Z");
        assert_eq!(due("0 3 * * *", "2026-11-26T02:59:59Z"), "2026-11-25T03:00:00Z");
        assert_eq!(due("*/15 8-17 * * mon-fri", "2026-11-29T12:00:00Z"), "2026-11-27T17:45:00Z");
        assert_eq!(due("30 4 1,15 * *", "2026-11-14T00:00:00Z"), "2026-11-01T04:30:00Z");
        assert_eq!(due("0 0 29 2 *", "2026-11-26T00:00:00Z"), "2024-02-29T00:00:00Z");
        assert_eq!(due("@weekly", "2026-11-26T00:00:00Z"), "2026-11-22T00:00:00Z");
        assert_eq!(due("0 0 * * 7", "2026-11-26T00:00:00Z"), "2026-11-22T00:00:00Z");
        // Either kind of day will do.
        assert_eq!(due("0 0 13 * fri", "2026-11-14T00:00:00Z"), "2026-11-13T00:00:00Z");
        assert_eq!(due("0 0 13 * fri", "2026-11-12T00:00:00Z"), "2026-11-06T00:00:00Z");
    }

    #[test]
    fn what_never_fires_or_is_no_schedule_is_told() {
        for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            assert!(Cron::parse(never).unwrap_err().contains("never fires"), "{never}");
        }
        for wrong in [
            "",
            "* * * *",
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 * 13 *",
            "0 0 * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "@never",
            "0 0 * * * *",
        ] {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Cron::parse("0 0 31 2 mon").is_ok(), "Mondays of February");
    }
}
