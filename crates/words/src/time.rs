//! How long ago something was, in the words of kubectl.

use std::time::Duration;

use jiff::Timestamp;
use verbs::logs::Moment;

/// `45s`, `12m`, `5h` or `3d` since a moment.
pub fn age(since: Option<&str>) -> String {
    age_at(since, Timestamp::now())
}

/// The same at another moment than now.
pub fn age_at(since: Option<&str>, now: Timestamp) -> String {
    let Some(since) = since.and_then(|text| text.parse::<Timestamp>().ok()) else { return "-".to_owned() };
    span(u64::try_from(now.as_second() - since.as_second()).unwrap_or_default())
}

/// So many seconds, in one unit.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `90s`, `15m`, `2h` or `7d`, as people write them.
pub fn duration(text: &str) -> Option<Duration> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()?.checked_mul(86_400));
    let seconds = days.or_else(|| api::project::seconds(text))?;
    Some(Duration::from_secs(seconds.into()))
}

/// So long ago, or a time with its zone.
pub fn moment(text: &str) -> Option<Moment> {
    duration(text).map(Moment::Ago).or_else(|| text.parse().ok().map(Moment::At))
}

/// A short time with tenths, for what somebody sat through.
pub fn elapsed(duration: Duration) -> String {
    if duration.as_secs() < 10 {
        format!("{:.1}s", duration.as_secs_f64())
    } else {
        let seconds = duration.as_secs();
        if seconds < 60 { format!("{seconds}s") } else { format!("{}m{:02}s", seconds / 60, seconds % 60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_grow_coarser() {
        assert_eq!(
            [span(0), span(119), span(120), span(7_200), span(200_000)],
            ["0s", "119s", "2m", "2h", "2d"]
        );
        assert_eq!(elapsed(Duration::from_millis(1_250)), "1.2s");
        assert_eq!(elapsed(Duration::from_secs(75)), "1m15s");
    }
}
