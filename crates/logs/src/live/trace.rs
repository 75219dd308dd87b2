//! Which lines belong to the one before: the rest of a stack trace, as languages write it.

/// What a line begins with that goes on with what the one before began.
const BEGINNINGS: [&[u8]; 6] = [
    b"at ",
    b"Caused by: ",
    b"Caused by:",
    b"Suppressed: ",
    b"... ",
    b"During handling of the above exception",
];

/// No trace is longer; what goes on is told as an entry of its own.
pub const LONGEST: usize = 2_000;

/// Whether this line goes on with the one before it.
pub fn goes_on(text: &[u8]) -> bool {
    match text {
        // JSON that is spread over lines is closed where it began.
        [b' ' | b'\t', ..] | [b'}' | b']' | b')'] => !text.trim_ascii().is_empty(),
        [b'a' | b'C' | b'S' | b'.' | b'D', ..] => {
            BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) && !is_prose(text)
        }
        _ => false,
    }
}

/// `at the end of the day` is no frame: a frame names a place, which has a bracket, a dot or a colon.
fn is_prose(text: &[u8]) -> bool {
    text.starts_with(b"at ") && !text.iter().any(|byte| matches!(byte, b'(' | b'.' | b':' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_trace_goes_on_and_the_next_message_does_not() {
        for line in [
            "\tat com.example.Main.run(Main.java:12)",
            "    at Object.<anonymous> (/app/index.js:3:9)",
            "at com.example.Main.run(Main.java:12)",
            "Caused by: java.io.IOException: closed",
            "\t... 12 more",
            "... 12 more",
            "  File \"app.py\", line 3, in <module>",
            "    raise ValueError(x)",
            "\tmain.go:12 +0x1d",
            "}",
        ] {
            assert!(goes_on(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            " ",
            "ERROR closed",
            "at the end of the day",
            "attached to it",
            "{\"a\":1}",
            "Configured",
            "Traceback (most recent call last):",
        ] {
            assert!(!goes_on(line.as_bytes()), "{line}");
        }
    }
}
