//! What others changed by hand, and who. Pure.

use api::DriftPolicy;
use askama::Template;
use jiff::Timestamp;
use verbs::environment::Report;
use words::time::age_at;

#[derive(Template)]
#[template(path = "_drift.html")]
pub struct Found {
    pub report: Report,
    /// Of each that was found.
    pub ages: Vec<String>,
}

impl Found {
    pub fn of(report: Report, now: Timestamp) -> Self {
        let ages = report.drift.iter().map(|drift| age_at(Some(&drift.at.0.to_string()), now)).collect();
        Self { report, ages }
    }

    /// Whether what is found next is put back: its class may leave it, and while it is frozen nothing is.
    fn is_put_back(&self) -> bool {
        self.report.frozen_until.is_none() && self.report.policy == Some(DriftPolicy::Heal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, drift};

    #[test]
    fn what_stands_and_what_was_put_back_are_told_apart() {
        let html = Found::of(drift(), *NOW).render().unwrap();
        for said in ["Put back", "Stands", "kubectl-edit", "<del>2</del>", "<ins>5</ins>", "Deployment mine"]
        {
            assert!(html.contains(said), "{said}: {html}");
        }
    }

    #[test]
    fn it_is_promised_that_drift_is_put_back_only_where_it_is() {
        let told = |policy, frozen_until: Option<&str>| {
            let frozen_until = frozen_until.map(str::to_owned);
            let report = Report { drift: vec![], policy, frozen_until, ..drift() };
            Found::of(report, *NOW).render().unwrap().contains("put back within seconds")
        };
        assert!(told(Some(DriftPolicy::Heal), None));
        assert!(!told(Some(DriftPolicy::Report), None) && !told(None, None));
        assert!(!told(Some(DriftPolicy::Heal), Some("2026-11-26T13:00:00Z")));
    }
}
