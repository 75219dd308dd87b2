//! Which hostnames a revision serves, and what is said when another environment has one of them.

use std::collections::BTreeSet;

use api::revision::{EnvironmentRevision, Part};
use api::{Cause, Role, Verdict};
use serde_json::Value;

/// Every hostname of a revision.
pub fn of(revision: &EnvironmentRevision) -> BTreeSet<&str> {
    revision.parts_of(Role::Route).flat_map(of_part).collect()
}

/// The hostnames of one route.
pub fn of_part(part: &Part) -> impl Iterator<Item = &str> {
    let named = part.objects.iter().filter_map(|object| object.pointer("/spec/hostnames")?.as_array());
    named.flatten().filter_map(Value::as_str)
}

/// The verdict on hosts that others have, each with its holder.
pub fn taken(hosts: &[(String, String)], environment: &str) -> Option<Verdict> {
    let (host, by) = hosts.first()?;
    let more = match hosts.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more {} taken", if more == 1 { "is" } else { "are" }),
    };
    Some(Verdict {
        cause: Cause::HostTaken,
        about: format!("environment {environment}"),
        message: format!("host {host} belongs to {by}{more}; it was left untouched"),
        evidence: hosts.iter().map(|(host, by)| format!("{host}: {by}")).collect(),
        fix: "choose another name for the environment, or another `host` in its routes; it goes on by itself once that \
              host is given back, as `outboard env destroy` does"
            .to_owned(),
        terminal: true,
        holds: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_that_is_taken_is_told_with_its_holder() {
        let hosts = [
            ("a-b-shop.example.com".to_owned(), "environment b of team".to_owned()),
            ("c-b-shop.example.com".to_owned(), "environment c-b of team".to_owned()),
        ];
        let verdict = taken(&hosts, "qa").unwrap();
        assert!(
            verdict
                .message
                .contains("a-b-shop.example.com belongs to environment b of team, and 1 more is taken")
        );
        assert_eq!(verdict.evidence.len(), 2);
        assert_eq!(taken(&[], "qa"), None);
    }
}
