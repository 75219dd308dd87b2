//! Names that outboard takes, as near as possible to those that were read.

/// For a component or service.
pub fn part(wanted: &str) -> String {
    let name = label(wanted, api::names::PartName::MAX, "app");
    if matches!(name.as_str(), "url" | "vary" | "secret") { format!("{name}-app") } else { name }
}

/// For a project.
pub fn project(wanted: &str) -> String {
    label(wanted, api::names::ProjectName::MAX, "app")
}

/// For the host of a route.
pub fn route(wanted: &str) -> String {
    label(wanted, api::names::RouteName::MAX, "web")
}

/// For a port.
pub fn port(wanted: &str) -> String {
    label(wanted, api::names::PortName::MAX, "tcp")
}

fn label(wanted: &str, max: usize, otherwise: &str) -> String {
    let mut name = String::new();
    for c in wanted.chars().flat_map(char::to_lowercase) {
        let c = if c.is_ascii_alphanumeric() { c } else { '-' };
        if !(c == '-' && (name.is_empty() || name.ends_with('-'))) {
            name.push(c);
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, &format!("{}-", &otherwise[..1]));
    }
    name.truncate(max);
    let name = name.trim_end_matches('-');
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

/// For a file.
pub fn file(wanted: &str) -> String {
    let letters =
        wanted.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' });
    let name: String = letters.collect();
    if name.trim_matches('.').is_empty() { "file".to_owned() } else { name }
}

/// `name`, or with a number that makes it unlike what is taken.
pub fn free(name: &str, max: usize, taken: impl Fn(&str) -> bool) -> String {
    let mut free = name.to_owned();
    let mut number = 2;
    while taken(&free) {
        let end = format!("-{number}");
        let stem = &name[..name.len().min(max - end.len())];
        free = format!("{}{end}", stem.trim_end_matches('-'));
        number += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_that_outboard_takes() {
        assert_eq!(part("My_Web.App"), "my-web-app");
        assert_eq!(part("2fa"), "a-2fa");
        assert_eq!(part("__"), "app");
        assert_eq!(part("url"), "url-app");
        assert_eq!(project(&"long-".repeat(9)), "long-long-long-long-long");
        assert_eq!(port("very-long-port-name"), "very-long-port");
    }

    #[test]
    fn a_taken_name_gets_a_number_and_stays_short_enough() {
        assert_eq!(free("web", 40, |name| name == "web"), "web-2");
        assert_eq!(free("abcdef", 6, |name| name == "abcdef"), "abcd-2");
    }

    proptest::proptest! {
        #[test]
        fn every_text_becomes_a_name(text in "\\PC{0,80}") {
            proptest::prop_assert!(api::names::PartName::parse(&part(&text)).is_ok());
            proptest::prop_assert!(api::names::ProjectName::parse(&project(&text)).is_ok());
            proptest::prop_assert!(api::names::PortName::parse(&port(&text)).is_ok());
            proptest::prop_assert!(api::names::RouteName::parse(&route(&text)).is_ok());
        }
    }
}
