//! A schedule as `cron` writes it, and when it is due: five fields, in UTC. Reads no clock.

use croner::parser::{CronParser, Seconds, Year};
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Timestamp, civil};

/// Of a leap year, so that the 29th of February counts.
const LENGTHS: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

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
        let cron = parser.parse(text).map_err(|error| {
            format!(
                "`{text}` is no schedule: minute, hour, day, month and day of the week are five fields ({error})"
            )
        })?;
        let pattern = &cron.pattern;
        // What no cron has: nobody would know what they mean here.
        if text.contains(['?', '+']) || pattern.days.has_modifiers() || pattern.days_of_week.has_modifiers() {
            return Err(format!("`{text}` is no schedule: `L`, `W`, `#`, `?` and `+` mean nothing here"));
        }
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
