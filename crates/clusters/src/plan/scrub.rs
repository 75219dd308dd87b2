//! Texts of other programs without what may be secret in them.

/// What is put in its place.
const HIDDEN: &str = "(hidden)";
/// Longer words without a space are no words that people read.
const LONGEST_WORD: usize = 512;

/// Keys of AWS, values that are known to be secret, and blocks of PEM are hidden; everything else stays.
pub fn scrub(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
        text = text.replace(secret.as_str(), HIDDEN);
    }
    while let Some(begin) = text.find("-----BEGIN ") {
        let end = text[begin..].find("-----END ").map_or(text.len(), |end| begin + end);
        let end = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
        text.replace_range(begin..end, HIDDEN);
    }
    let words = text.split_inclusive(|c: char| c.is_whitespace() || "\"'=,;()".contains(c)).map(|word| {
        let core = word.trim_end_matches(|c: char| c.is_whitespace() || "\"'=,;()".contains(c));
        let hide = is_access_key(core) || core.len() > LONGEST_WORD;
        if hide { format!("{HIDDEN}{}", &word[core.len()..]) } else { word.to_owned() }
    });
    words.collect()
}

/// `AKIA…` or `ASIA…` and sixteen more.
fn is_access_key(word: &str) -> bool {
    word.len() == 20
        && (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_certificates_and_known_secrets_are_hidden() {
        let text = "key=AKIAIOSFODNN7EXAMPLE pw \"hunter22\"\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nend";
        assert_eq!(scrub(text, &["hunter22".to_owned()]), "key=(hidden) pw \"(hidden)\"\n(hidden)\nend");
        let unended = scrub("-----BEGIN KEY-----\nabc", &[]);
        assert_eq!(unended, "(hidden)");
    }

    proptest! {
        #[test]
        fn a_known_secret_never_survives(before in ".*", secret in "[a-z0-9]{8,30}", after in ".*") {
            let scrubbed = scrub(&format!("{before}{secret}{after}"), std::slice::from_ref(&secret));
            prop_assert!(!scrubbed.contains(&secret));
        }

        #[test]
        fn sentences_without_secrets_stay(text in "[a-z ,.:/]{0,200}") {
            prop_assert_eq!(scrub(&text, &[]), text);
        }
    }
}
