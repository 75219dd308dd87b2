//! Hosts, as they are listed: names of their own, and those that environments have by their names.

use askama::Template;
use verbs::hostname::Summary;

use super::tone::Chip;

#[derive(Template)]
#[template(path = "_hosts.html")]
pub struct Hosts {
    pub rows: Vec<Row>,
    /// Whether they are of several namespaces.
    pub namespaces: bool,
    /// How many there are at all.
    pub all: usize,
}

pub struct Row {
    pub summary: Summary,
    pub chip: Chip,
    /// What is said of it: the verdict, else what is waited for.
    pub why: Option<String>,
}

impl Row {
    pub fn of(summary: Summary) -> Self {
        let terminal = summary.verdict.as_ref().is_some_and(|verdict| verdict.terminal);
        let chip = match summary.dns_ready {
            Some(true) if summary.certificate_ready == Some(false) => {
                Chip::new("wait", "triangle-alert", "No certificate")
            }
            Some(true) => Chip::new("good", "circle-check", "Answered"),
            Some(false) if terminal => Chip::new("bad", "circle-x", "Not answered"),
            Some(false) => Chip::new("wait", "loader-circle", "Not yet"),
            // Whether it is found is the business of whoever keeps its records.
            None => Chip::new("quiet", "minus", "Not managed"),
        };
        let why = match (&summary.verdict, summary.dns_ready, summary.certificate_ready) {
            (Some(verdict), ..) => Some(words::finding(verdict)),
            (None, Some(false), _) => summary.message.clone(),
            (None, _, Some(false)) => summary.certificate.clone(),
            (None, ..) => None,
        };
        Self { summary, chip, why }
    }

    fn has(&self, text: &str) -> bool {
        let Summary { host, namespace, environment, route, .. } = &self.summary;
        let words = [host, namespace, environment, route].into_iter().chain(&self.why);
        words.into_iter().any(|word| word.to_lowercase().contains(text))
    }
}

impl Hosts {
    /// Every word of the search has to be found somewhere.
    pub fn of(hosts: Vec<Summary>, search: &str) -> Self {
        let all = hosts.len();
        let namespaces = hosts.windows(2).any(|two| two[0].namespace != two[1].namespace);
        let search = search.to_lowercase();
        let rows = hosts.into_iter().map(Row::of);
        let rows = rows.filter(|row| search.split_whitespace().all(|word| row.has(word))).collect();
        Self { rows, namespaces, all }
    }

    /// Of some nothing is known here, which wants a word.
    fn has_unmanaged(&self) -> bool {
        self.rows.iter().any(|row| row.summary.dns_ready.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::hosts;

    #[test]
    fn a_host_says_whether_it_is_answered_and_why_not() {
        insta::assert_snapshot!(Hosts::of(hosts(), "").render().unwrap());
    }

    #[test]
    fn every_word_of_a_search_has_to_be_found() {
        let found = |search: &str| -> Vec<String> {
            Hosts::of(hosts(), search).rows.into_iter().map(|row| row.summary.host).collect()
        };
        assert_eq!(found("PRODUCTION shop.example"), ["shop.example.com"]);
        assert_eq!(found("nobody"), Vec::<String>::new());
    }

    #[test]
    fn no_hosts_teach_where_they_come_from() {
        insta::assert_snapshot!(Hosts::of(vec![], "").render().unwrap());
    }
}
