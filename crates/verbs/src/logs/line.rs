//! One line of a log, and taking it apart as the kubelet sends it.

use jiff::Timestamp;
use serde::Serialize;

/// One line of one container.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub time: Timestamp,
    pub environment: String,
    pub component: String,
    pub pod: String,
    pub container: String,
    pub line: String,
}

/// Splits `2026-11-23T10:00:00.123456789Z text`.
pub fn split(raw: &[u8]) -> Option<(Timestamp, String)> {
    let text = String::from_utf8_lossy(raw);
    let text = text.trim_end_matches(['\n', '\r']);
    let (time, line) = text.split_once(' ').unwrap_or((text, ""));
    Some((time.parse().ok()?, line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_own_spaces_and_may_be_empty_or_no_unicode() {
        let (time, line) = split(b"2026-11-23T10:00:00.000000001Z   indented \r\n").unwrap();
        assert_eq!((time.subsec_nanosecond(), line.as_str()), (1, "  indented "));
        assert_eq!(split(b"2026-11-23T10:00:00Z \n").unwrap().1, "");
        assert_eq!(split(b"2026-11-23T10:00:00Z \xff\n").unwrap().1, "\u{fffd}");
        assert!(split(b"no time\n").is_none());
    }
}
