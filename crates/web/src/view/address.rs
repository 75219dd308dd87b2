//! Where an environment is reached: by its name and by names of its own, each with what name servers and browsers make of it.

use std::collections::BTreeMap;

use verbs::hostname::Summary;

use super::hosts::Row;
use super::tone::Chip;

pub struct Address {
    pub row: Row,
    /// None: its route has no address yet.
    pub url: Option<String>,
    /// None: TLS is not spoken, or nobody has looked.
    pub certificate: Option<Chip>,
}

impl Address {
    /// Those of one environment: names of its own first, since people are sent there.
    pub fn all(hosts: Vec<Summary>, urls: &BTreeMap<String, String>) -> Vec<Self> {
        let mut all: Vec<Self> = hosts.into_iter().map(|host| Self::of(host, urls)).collect();
        all.sort_by_key(|address| address.row.summary.weight.is_none());
        all
    }

    fn of(host: Summary, urls: &BTreeMap<String, String>) -> Self {
        let certificate = host.certificate_ready.map(|ready| {
            if ready {
                Chip::new("good", "circle-check", "Valid")
            } else {
                Chip::new("wait", "triangle-alert", "Not valid")
            }
        });
        let url = urls.get(&host.route).map(|url| match host.weight {
            None => url.clone(),
            Some(_) => at(url, &host.host),
        });
        Self { row: Row::of(host), url, certificate }
    }

    /// Whether somebody who opens it gets there, as far as is known.
    pub fn is_found(&self) -> bool {
        self.row.summary.dns_ready != Some(false) && self.row.summary.certificate_ready != Some(false)
    }
}

/// The same gateway by another name: its scheme and port stay.
fn at(url: &str, host: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return host.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let port = authority.rfind(':').and_then(|colon| authority.get(colon..)).unwrap_or_default();
    format!("{scheme}://{host}{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::hosts;

    #[test]
    fn a_name_of_its_own_is_behind_the_same_gateway() {
        assert_eq!(at("http://web-qa-shop.localhost:8080", "a.example.com"), "http://a.example.com:8080");
        assert_eq!(at("https://web.example.com/x", "a.example.com"), "https://a.example.com/x");
    }

    #[test]
    fn names_of_its_own_come_first_and_say_whether_they_are_found() {
        let urls = BTreeMap::from([("web".to_owned(), "http://web-qa-42-shop.localhost:8080".to_owned())]);
        let mut mine = hosts();
        mine.retain(|host| host.environment == "qa-42");
        mine.reverse();
        let all = Address::all(mine, &urls);
        let told: Vec<_> =
            all.iter().map(|one| (one.url.as_deref().unwrap_or_default(), one.is_found())).collect();
        assert_eq!(
            told,
            [
                ("http://beta.example.com:8080", false),
                ("http://new.example.com:8080", false),
                ("http://web-qa-42-shop.localhost:8080", true),
            ]
        );
    }
}
