//! Sizes, shares of a CPU and durations, from the words of others into outboard's.

use serde_json::Value;

use crate::plan::quantity::thousandths;

/// Bytes as compose writes them (`512m`, `1.5gb`, 1048576) are powers of two.
pub fn compose_memory(value: &Value) -> Option<String> {
    let text = word(value)?.to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim() {
        "" | "b" => 1.0,
        "k" | "kb" => 1024.0,
        "m" | "mb" => 1024.0 * 1024.0,
        "g" | "gb" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    bytes(number.parse::<f64>().ok()? * factor)
}

/// Bytes as Kubernetes writes them, where outboard has no such unit.
pub fn kubernetes_memory(value: &Value) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "far from where it matters")]
    bytes(thousandths(&word(value)?)? as f64 / 1000.0)
}

fn bytes(bytes: f64) -> Option<String> {
    if !(1.0..1e18).contains(&bytes) {
        return None;
    }
    let mebi = bytes / (1024.0 * 1024.0);
    Some(if mebi >= 1024.0 && mebi % 1024.0 == 0.0 {
        format!("{}Gi", mebi / 1024.0)
    } else if mebi >= 1.0 {
        format!("{}Mi", mebi.ceil())
    } else {
        format!("{}Ki", (bytes / 1024.0).ceil())
    })
}

/// Cores (`0.5`, `500m`, 2).
pub fn cpu(value: &Value) -> Option<String> {
    let thousandths = thousandths(&word(value)?)?;
    match thousandths {
        ..1 => None,
        whole if whole % 1000 == 0 => Some((whole / 1000).to_string()),
        part => Some(format!("{part}m")),
    }
}

/// The size of a disk, in a unit that outboard takes.
pub fn storage(value: &Value) -> Option<String> {
    let size = kubernetes_memory(value)?;
    if size.ends_with("Ki") { Some("1Mi".to_owned()) } else { Some(size) }
}

/// Seconds of `1m30s`, `90s`, `1h`, `500ms` or a number.
pub fn seconds(value: &Value) -> Option<u32> {
    let text = word(value)?;
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(seconds);
    }
    let (mut total, mut number) = (0.0_f64, String::new());
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            rest = &rest[1..];
            continue;
        }
        let units = [
            ("ms", 0.001),
            ("us", 0.000_001),
            ("ns", 0.0),
            ("d", 86_400.0),
            ("h", 3600.0),
            ("m", 60.0),
            ("s", 1.0),
        ];
        let (unit, factor) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number.parse::<f64>().ok()? * factor;
        number.clear();
        rest = &rest[unit.len()..];
    }
    // A number without a unit at the end means nothing.
    if !number.is_empty() || !(0.0..1e8).contains(&total) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1e8")]
    Some(total.ceil() as u32)
}

/// A duration as outboard takes it.
pub fn duration(seconds: u32) -> String {
    match seconds {
        99_999.. => format!("{}h", seconds.div_ceil(3600).min(99_999)),
        seconds => format!("{seconds}s"),
    }
}

/// A scalar as text.
pub fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn memory_in_compose_is_counted_in_powers_of_two() {
        assert_eq!(compose_memory(&json!("512M")).as_deref(), Some("512Mi"));
        assert_eq!(compose_memory(&json!("1.5gb")).as_deref(), Some("1536Mi"));
        assert_eq!(compose_memory(&json!(1_048_576)).as_deref(), Some("1Mi"));
        assert_eq!(compose_memory(&json!("much")), None);
        assert_eq!(kubernetes_memory(&json!("1G")).as_deref(), Some("954Mi"));
    }

    #[test]
    fn durations_may_have_several_units() {
        assert_eq!(seconds(&json!("1m30s")), Some(90));
        assert_eq!(seconds(&json!("500ms")), Some(1));
        assert_eq!(seconds(&json!(10)), Some(10));
        assert_eq!(seconds(&json!("soon")), None);
        assert_eq!(duration(90), "90s");
    }

    #[test]
    fn shares_of_a_cpu_are_written_in_thousandths() {
        assert_eq!(cpu(&json!("0.50")).as_deref(), Some("500m"));
        assert_eq!(cpu(&json!(2)).as_deref(), Some("2"));
        assert_eq!(cpu(&json!("0")), None);
    }
}
