//! Kubernetes quantities: read into thousandths, and written as people read them.

/// A quantity in thousandths.
pub fn thousandths(quantity: &str) -> Option<i64> {
    let end = quantity.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(end);
    let binary = |power: i32| 1024_f64.powi(power);
    let factor: f64 = match unit {
        "n" => 1e-6,
        "u" => 1e-3,
        "m" => 1.0,
        "" => 1e3,
        "k" => 1e6,
        "M" => 1e9,
        "G" => 1e12,
        "T" => 1e15,
        "P" => 1e18,
        "E" => 1e21,
        "Ki" => 1e3 * binary(1),
        "Mi" => 1e3 * binary(2),
        "Gi" => 1e3 * binary(3),
        "Ti" => 1e3 * binary(4),
        "Pi" => 1e3 * binary(5),
        "Ei" => 1e3 * binary(6),
        // As in `12e6`.
        _ => 1e3 * 10_f64.powi(unit.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    // Far from where a float or an i64 ends, or as good as without limit.
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and a conversion of floats saturates")]
    number.parse::<f64>().ok().map(|number| (number * factor).round() as i64)
}

/// Thousandths of what `resource` counts, in its usual unit.
pub fn written(resource: &str, thousandths: i64) -> String {
    const MEBI: i64 = 1024 * 1024;
    let whole = thousandths / 1000;
    if resource.ends_with("memory") || resource.ends_with("storage") {
        return if whole % MEBI == 0 && whole != 0 {
            format!("{}Mi", whole / MEBI)
        } else {
            whole.to_string()
        };
    }
    if thousandths % 1000 == 0 { whole.to_string() } else { format!("{thousandths}m") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_every_unit_that_a_file_may_use() {
        assert_eq!(thousandths("50m"), Some(50));
        assert_eq!(thousandths("1.5"), Some(1500));
        assert_eq!(thousandths("1Gi"), Some(1_073_741_824_000));
        assert_eq!(thousandths("2k"), Some(2_000_000));
        assert_eq!(thousandths("0.001E"), thousandths("1P"));
        assert_eq!(thousandths("0.5Ei"), Some(i64::MAX), "as good as without limit");
        assert_eq!((thousandths("12e6"), thousandths("5E-2")), (Some(12_000_000_000), Some(50)));
        assert_eq!(thousandths("many"), None);
    }

    #[test]
    fn each_resource_is_written_in_its_unit() {
        assert_eq!(written("requests.cpu", 1500), "1500m");
        assert_eq!(written("requests.cpu", 2000), "2");
        assert_eq!(written("limits.memory", -67_108_864_000), "-64Mi");
        assert_eq!(written("pods", 0), "0");
    }
}
