//! How many lines there were, by time and by how grave they are, as bars.

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use verbs::logs::{Histogram, Level};

/// Of the picture, in its own units.
pub const HEIGHT: u64 = 48;
pub const STEP: usize = 10;

#[derive(Template)]
#[template(path = "_histogram.html")]
pub struct Bars {
    pub bars: Vec<Bar>,
    pub width: usize,
    /// The same in words.
    pub said: String,
    pub since: String,
    pub until: String,
    /// What does not count, and why, where nothing beside them says so.
    pub note: Option<String>,
}

/// One step of time: parts of a bar from its foot up, each with its place and height.
pub struct Bar {
    pub x: usize,
    pub parts: Vec<(&'static str, u64, u64)>,
    /// Where the lines of this step are.
    pub to: String,
    pub said: String,
}

impl Bars {
    /// `to`: where the lines between two moments are.
    pub fn of(histogram: &Histogram, to: impl Fn(Timestamp, Timestamp) -> String) -> Self {
        let most = histogram.steps.iter().map(|step| step.lines).max().unwrap_or(0).max(1);
        let mut total = (0, 0, 0);
        let last = histogram.step() - SignedDuration::from_nanos(1);
        let days = histogram.until.duration_since(histogram.since) >= SignedDuration::from_hours(24);
        let clock = |time: Timestamp| {
            let text = time.to_string();
            // Of several days, the day too.
            text.get(if days { 5..16 } else { 11..16 }).unwrap_or_default().replace('T', " ")
        };
        let bars = histogram.steps.iter().enumerate().map(|(index, step)| {
            let of = |level: Level| step.levels.get(&level).copied().unwrap_or(0);
            let (bad, warn) = (of(Level::Error) + of(Level::Fatal), of(Level::Warn));
            total = (total.0 + step.lines, total.1 + bad, total.2 + warn);
            let mut foot = HEIGHT;
            let mut parts = vec![];
            for (tone, count) in
                [("bad", bad), ("wait", warn), ("quiet", step.lines.saturating_sub(bad + warn))]
            {
                // What is there is seen, however little it is.
                let height = if count == 0 { 0 } else { (count * HEIGHT / most).max(1) };
                foot = foot.saturating_sub(height);
                if height > 0 {
                    parts.push((tone, foot, height));
                }
            }
            let end = step.start.checked_add(last).unwrap_or(histogram.until);
            let to = to(step.start.max(histogram.since), end.min(histogram.until));
            let said = format!("{}: {}", clock(step.start), in_words(step.lines, bad, warn));
            Bar { x: index * STEP, parts, to, said }
        });
        let bars: Vec<Bar> = bars.collect();
        let (lines, bad, warn) = total;
        Self {
            width: bars.len() * STEP,
            bars,
            said: in_words(lines, bad, warn),
            since: clock(histogram.since),
            until: clock(histogram.until),
            note: None,
        }
    }
}

fn in_words(lines: u64, bad: u64, warn: u64) -> String {
    let count = |number, what| words::size::count(number, what);
    format!("{}, {}, {}", count(lines, "line"), count(bad, "error"), count(warn, "warning"))
}

#[cfg(test)]
mod tests {
    use verbs::logs::{Line, Origin};

    use super::*;

    #[test]
    fn bars_stand_on_the_ground_and_what_is_grave_lies_at_their_foot() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut histogram = Histogram::new(at(0), at(60), 6);
        for (second, text) in
            [(1, "level=error boom"), (1, "level=info a"), (2, "level=info b"), (31, "level=warn c")]
        {
            histogram.add(&Line {
                time: at(second),
                project: "shop".into(),
                environment: "qa".into(),
                component: "web".into(),
                pod: "web-1".into(),
                container: "web".into(),
                file: None,
                text: text.into(),
                origin: Origin::Live,
            });
        }
        let bars = Bars::of(&histogram, |from, to| format!("?from={from}&to={to}"));
        assert_eq!(bars.said, "4 lines, 1 error, 1 warning");
        assert_eq!(bars.bars[0].to, "?from=1970-01-01T00:00:00Z&to=1970-01-01T00:00:09.999999999Z");
        assert_eq!(bars.bars[0].said, "00:00: 3 lines, 1 error, 0 warnings");
        let html = bars.render().unwrap();
        assert_eq!(html.matches("<a ").count(), 2, "what is empty leads nowhere: {html}");
        assert_eq!(bars.bars[0].parts, [("bad", 32, 16), ("quiet", 0, 32)]);
        assert!(bars.bars[1].parts.is_empty());
    }

    #[test]
    fn what_does_not_count_is_said_beside_the_bars() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let bars = Bars::of(&Histogram::new(at(0), at(60), 6), |_, _| String::new());
        assert!(!bars.render().unwrap().contains("notice"));
        let late = words::found::unread(&verbs::logs::served::Unread::Late { seconds: 20 });
        let html = Bars { note: Some(late), ..bars }.render().unwrap();
        assert!(html.contains("notice") && html.contains("not read to its end within 20 s"), "{html}");
    }
}
