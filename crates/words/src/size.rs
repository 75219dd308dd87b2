//! How much something is: bytes, counts, what a search may cost.

use verbs::logs::Estimate;

/// What a search may cost: `7.2 GiB in 123 objects (123 GET and 12 LIST requests)`.
pub fn cost(estimate: &Estimate) -> String {
    format!(
        "{} in {} (that are {} GET and {} LIST requests)",
        bytes(estimate.bytes),
        count(estimate.objects, "object"),
        estimate.get_requests,
        estimate.list_requests,
    )
}

/// `7.2 GiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (number as f64, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// `1 object`, `3 objects`.
pub fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_said_in_what_is_paid_for() {
        let estimate = Estimate { objects: 1, bytes: 7 << 30, list_requests: 12, get_requests: 1, frozen: 0 };
        assert_eq!(cost(&estimate), "7.0 GiB in 1 object (that are 1 GET and 12 LIST requests)");
        assert_eq!((bytes(0), bytes(1536)), ("0 B".to_owned(), "1.5 KiB".to_owned()));
    }
}
