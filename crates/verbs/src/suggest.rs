//! Did you mean …? The nearest of the known names.

/// The known name nearest to `wanted`, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= (name.len().max(wanted.len()) / 3).max(1))
        .min()
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("wbe", ["web", "worker"]).as_deref(), Some("web"));
        assert_eq!(nearest("billing", ["web", "worker"]), None);
    }
}
