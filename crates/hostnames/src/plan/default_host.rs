//! The hostname that a route has when nobody gave it one: one part below the cluster's domain, so that its wildcard
//! answers for it and one certificate holds for all.

use sha2::{Digest, Sha256};

use super::name::{BadName, LONGEST_LABEL, Name};

/// Digits of a hash: with 32 bits, ten thousand long names meet with a chance of one in a hundred, and then the claim
/// on the host tells them apart.
const DIGITS: usize = 8;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DefaultHost {
    pub name: Name,
    /// It was too long, and ends with a hash instead.
    pub shortened: bool,
}

/// `<route>-<environment>-<project>.<cluster domain>`.
pub fn default_host(
    route: &str,
    environment: &str,
    project: &str,
    domain: &Name,
) -> Result<DefaultHost, BadName> {
    let whole = format!("{route}-{environment}-{project}");
    let label = shortened(&whole, &[route, environment, project], LONGEST_LABEL);
    let name = Name::host(&format!("{label}.{domain}"))?;
    Ok(DefaultHost { shortened: label != whole, name })
}

/// `whole` if it is no longer than `most`, else its beginning and a hash of `parts`: those of different things differ
/// where the text alone would not (`a-b` of `c`, `a` of `b-c`).
pub fn shortened(whole: &str, parts: &[&str], most: usize) -> String {
    if whole.len() <= most {
        return whole.to_owned();
    }
    let hash = Sha256::digest(parts.join("/"));
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let room = most.saturating_sub(DIGITS + 1);
    let begin = whole.char_indices().map(|(at, _)| at).take_while(|at| *at <= room).last().unwrap_or(0);
    let begin = whole[..begin].trim_end_matches(['-', '.', '/']);
    format!("{begin}-{}", &hash[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(route: &str, environment: &str, project: &str) -> DefaultHost {
        default_host(route, environment, project, &Name::host("apps.example.com").unwrap()).unwrap()
    }

    #[test]
    fn a_default_host_lies_one_part_below_the_cluster_domain() {
        let host = of("web", "qa-42", "shop");
        assert_eq!(host.name.as_str(), "web-qa-42-shop.apps.example.com");
        assert!(!host.shortened);
        assert!(host.name.is_one_below(&Name::host("apps.example.com").unwrap()));
    }

    #[test]
    fn a_host_that_is_too_long_ends_with_a_hash_of_what_it_is_made_of() {
        let long = "x".repeat(50);
        let one = of(&format!("{long}-a"), "b", "shop-of-somebody");
        let other = of(&long, "a-b", "shop-of-somebody");
        for host in [&one, &other] {
            assert!(host.shortened);
            assert_eq!(host.name.split().0.len(), LONGEST_LABEL);
        }
        assert_ne!(one, other);
        assert_eq!(one, of(&format!("{long}-a"), "b", "shop-of-somebody"));
    }

    #[test]
    fn a_host_of_exactly_the_longest_part_stays_as_it_is() {
        let host = of(&"x".repeat(55), "qa", "shop");
        assert_eq!((host.name.split().0.len(), host.shortened), (63, false));
    }

    #[test]
    fn a_domain_without_room_for_hosts_is_refused() {
        let domain = Name::host(&"abcdefghi.".repeat(25)).unwrap();
        assert!(matches!(default_host("web", "qa", "shop", &domain), Err(BadName::TooLong { .. })));
    }
}
