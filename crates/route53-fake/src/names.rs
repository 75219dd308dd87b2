//! Names as the fake of Route 53 keeps them: labels of bytes, ordered as the documentation of ListResourceRecordSets says.

use std::cmp::Ordering;

/// From first to last, in lower case.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Labels(pub Vec<Vec<u8>>);

impl Labels {
    pub fn of(text: &str) -> Self {
        let (mut labels, mut label) = (vec![], vec![]);
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let digits = bytes.get(at + 1..at + 4);
            let escape = digits
                .filter(|_| bytes[at] == b'\\')
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 8).ok());
            match (escape, bytes[at]) {
                (Some(byte), _) => {
                    label.push(byte.to_ascii_lowercase());
                    at += 3;
                }
                (None, b'.') => labels.push(std::mem::take(&mut label)),
                (None, byte) => label.push(byte.to_ascii_lowercase()),
            }
            at += 1;
        }
        if !label.is_empty() {
            labels.push(label);
        }
        Self(labels)
    }

    /// As it is answered: with escapes and a last dot.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for label in &self.0 {
            for byte in label {
                match byte {
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(*byte)),
                    other => text.push_str(&format!("\\{other:03o}")),
                }
            }
            text.push('.');
        }
        text
    }

    pub fn is_within(&self, domain: &Self) -> bool {
        self.0.ends_with(&domain.0)
    }

    fn sorted_by(&self) -> Vec<u8> {
        let mut whole = vec![];
        for label in self.0.iter().rev() {
            whole.extend(label);
            whole.push(b'.');
        }
        whole
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sorted_by().cmp(&other.sorted_by())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
