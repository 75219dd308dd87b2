//! A schedule as `cron` writes it, and when it is due: five fields, in UTC. Reads no clock.

use croner::parser::{CronParser, Seconds, Year};
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Timestamp, civil};

/// Of a leap year, so that the 29th of February counts.
const LENGTHS: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What a field is of, the names that it takes, and the number of the first.
type Field = (&'static str, &'static [&'static str], usize);

const FIELDS: [Field; 5] = [
    ("minute", &[], 0),
    ("hour", &[], 0),
    ("day of the month", &[], 0),
    ("month", &MONTHS, 1),
    ("day of the week", &DAYS, 0),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron(croner::Cron);

impl Cron {
    /// Or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@midnight" => "@daily",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        // With both kinds of days said either will do; as in cron, `*/2` says none.
        let open = |at: usize| fields.get(at).is_some_and(|field| field.starts_with('*'));
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .dom_and_dow(open(2) || open(4))
            // `5/15` goes on to the end.
            .sloppy_ranges(true)
            .build();
        let line = if text.starts_with('@') { text.to_owned() } else { numbers(text, &fields)? };
        let cron = parser.parse(&line).map_err(|error| {
            format!(
                "`{text}` is no schedule: minute, hour, day, month and day of the week are five fields ({error})"
            )
        })?;
        if fires(&cron) {
            Ok(Self(cron))
        } else {
            Err(format!("`{text}` never fires: there is no such day or time"))
        }
    }

    /// The last moment, `now` included, at which it was due.
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.find_previous_occurrence(&here(now), true).ok().and_then(moment)
    }

    /// The first moment after this one at which it is due.
    pub fn after(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.find_next_occurrence(&here(now), false).ok().and_then(moment)
    }
}

/// The line without names: croner takes them in any field, and more than cron has, such as `L`, `?` and `/10`.
fn numbers(text: &str, fields: &[&str]) -> Result<String, String> {
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "`{text}` is no schedule: minute, hour, day, month and day of the week are five fields"
        ));
    }
    let plain: Result<Vec<String>, String> = fields
        .iter()
        .zip(FIELDS)
        .map(|(field, (what, names, first))| {
            let parts: Option<Vec<String>> =
                field.split(',').map(|part| number(part, names, first)).collect();
            parts.map(|parts| parts.join(",")).ok_or_else(|| {
                let names = names.first().map(|name| format!("names such as {name}, ")).unwrap_or_default();
                format!(
                    "`{text}` is no schedule: `{field}` is no {what}; write numbers, {names}ranges such as 1-5, `*`, \
                     and steps such as */10, with commas between several"
                )
            })
        })
        .collect();
    Ok(plain?.join(" "))
}

/// One part of a field: `*`, `5`, `1-5`, `*/15`, `1-5/2`.
fn number(part: &str, names: &[&str], first: usize) -> Option<String> {
    let digits = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let value = |word: &str| match names.iter().position(|name| word.eq_ignore_ascii_case(name)) {
        Some(at) => Some((at + first).to_string()),
        None => digits(word).then(|| word.to_owned()),
    };
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, digits(step).then(|| format!("/{step}"))?),
        None => (part, String::new()),
    };
    let range = match range.split_once('-') {
        _ if range == "*" => range.to_owned(),
        Some((from, to)) => format!("{}-{}", value(from)?, value(to)?),
        None => value(range)?,
    };
    Some(range + &step)
}

fn here(moment: Timestamp) -> civil::DateTime {
    moment.to_zoned(TimeZone::UTC).datetime()
}

fn moment(here: civil::DateTime) -> Option<Timestamp> {
    here.to_zoned(TimeZone::UTC).ok().map(|found| found.timestamp())
}

/// Told before anybody looks for the next time, day by day up to the year 5000.
fn fires(cron: &croner::Cron) -> bool {
    let pattern = &cron.pattern;
    let [minutes, hours, days, months, weekdays] =
        [&pattern.minutes, &pattern.hours, &pattern.days, &pattern.months, &pattern.days_of_week]
            .map(croner::CronComponent::values);
    if [&minutes, &hours, &days, &months, &weekdays].iter().any(|values| values.is_empty()) {
        return false;
    }
    let either = !pattern.matches_dom_and_dow();
    let least = days.first().copied().unwrap_or(1);
    either || (1..).zip(LENGTHS).any(|(month, length)| months.contains(&month) && least <= length)
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
    fn a_schedule_is_due_next_after_a_moment_that_it_names_and_not_at_it() {
        let after = |schedule: &str, now: &str| {
            Cron::parse(schedule).unwrap().after(now.parse().unwrap()).unwrap().to_string()
        };
        assert_eq!(after("0 3 * * *", "2026-11-26T03:00:00Z"), "2026-11-27T03:00:00Z");
        assert_eq!(after("0 3 * * *", "2026-11-26T02:59:59.5Z"), "2026-11-26T03:00:00Z");
        assert_eq!(after("0 0 29 2 *", "2026-11-26T00:00:00Z"), "2028-02-29T00:00:00Z");
    }

    #[test]
    fn steps_of_any_day_narrow_a_day_of_the_week_and_a_step_from_a_value_goes_on_to_the_end() {
        // The 13th was a Friday, the 14th is none.
        assert_eq!(due("0 0 */2 * fri", "2026-11-14T00:00:00Z"), "2026-11-13T00:00:00Z");
        assert_eq!(due("0 0 */2 * sat", "2026-11-14T00:00:00Z"), "2026-11-07T00:00:00Z");
        assert_eq!(due("5/20 0 * * *", "2026-11-14T00:50:00Z"), "2026-11-14T00:45:00Z");
        assert_eq!(due("@midnight", "2026-11-14T00:50:00Z"), "2026-11-14T00:00:00Z");
    }

    #[test]
    fn names_are_of_their_own_field_alone() {
        assert_eq!(due("0 3 1 mar *", "2026-11-26T00:00:00Z"), "2026-03-01T03:00:00Z");
        assert_eq!(due("0 3 * JAN-Mar/2 wed", "2026-11-26T00:00:00Z"), "2026-03-25T03:00:00Z");
        for (wrong, told) in [
            ("0 3 * mon *", "`mon` is no month; write numbers, names such as jan"),
            ("0 3 * * mar", "`mar` is no day of the week; write numbers, names such as sun"),
            ("0 mon * * *", "`mon` is no hour; write numbers, ranges"),
            ("0 3 tue * *", "`tue` is no day of the month"),
            ("0 3 * marx *", "`marx` is no month"),
            ("0 3 * * monday", "`monday` is no day of the week"),
        ] {
            let said = Cron::parse(wrong).unwrap_err();
            assert!(said.contains(told), "{said}");
        }
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
            "0 0 L * *",
            "0 0 1W * *",
            "0 0 * * 5#2",
            "0 0 ? * *",
            "0 0 1 * +fri",
            "/10 * * * *",
            "1,,2 * * * *",
            "1, * * * *",
            "*/ * * * *",
            "0 0 @daily * *",
            // Ranges go forward.
            "0 0 * * sat-sun",
            "0 0 * dec-jan *",
        ] {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Cron::parse("0 0 31 2 mon").is_ok(), "Mondays of February");
    }
}
