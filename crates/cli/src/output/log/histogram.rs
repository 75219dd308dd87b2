//! A histogram as bars of text.

use std::fmt::Write as _;

use verbs::logs::{Histogram, Level};

use crate::output::colour::Paint;

const WIDTH: u64 = 50;

/// One line a step: when, how many, a bar, and how many of them are warnings or graver.
pub fn text(histogram: &Histogram, paint: Paint) -> String {
    let most = histogram.steps.iter().map(|step| step.lines).max().unwrap_or_default().max(1);
    let digits = most.to_string().len();
    let mut text = String::new();
    for step in &histogram.steps {
        let length = (step.lines * WIDTH).div_ceil(most);
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        let bar = format!("{bar:<width$}", width = WIDTH as usize);
        let grave: Vec<String> = [Level::Fatal, Level::Error, Level::Warn]
            .into_iter()
            .filter_map(|level| step.levels.get(&level).map(|lines| format!("{lines} {level}")))
            .collect();
        let bad = step.levels.keys().any(|level| *level >= Level::Error);
        let grave = grave.join(", ");
        let grave = if bad { paint.bad(grave) } else { paint.aside(grave) };
        let line = format!("{:.0}  {:>digits$}  {bar}  {grave}", step.start, step.lines);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "{} lines", histogram.lines());
    if histogram.rough {
        let _ = writeln!(text, "among so many, lines that were shipped twice may count twice");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_long_as_it_has_lines() {
        let (since, until) =
            ("2026-11-25T10:00:00Z".parse().unwrap(), "2026-11-25T10:03:00Z".parse().unwrap());
        let mut histogram = Histogram::new(since, until, 3);
        histogram.steps[0].lines = 50;
        histogram.steps[1].lines = 1;
        histogram.steps[1].levels = [(Level::Info, 1), (Level::Warn, 2), (Level::Error, 3)].into();
        insta::assert_snapshot!(text(&histogram, Paint::new(false)));
    }
}
