//! What differs from what was applied, though nobody changed the file.

use serde::Serialize;

use super::spec::Ignored;
use super::summary::{Action, PlanSummary, ResourceChange};

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Difference {
    /// It is there and is different.
    Changed,
    /// It is gone.
    Deleted,
    /// It follows what has changed, or can only be put right by making it anew.
    Replaced,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    pub address: String,
    pub difference: Difference,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<super::summary::AttributeChange>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftReport {
    pub drifted: Vec<Drifted>,
    /// Addresses that differ and may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// Addresses of what the file asks for and nobody has applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
}

/// `unchanged`: the file is the one that was applied last, so whatever the plan would do is to undo drift.
pub fn report(summary: &PlanSummary, unchanged: bool, rules: &[Ignored]) -> DriftReport {
    let mut report = DriftReport::default();
    for change in &summary.changes {
        let behind_our_back = summary.drifted.contains(&change.address);
        // What is to be made and was made before is gone; what was never made is pending.
        if !unchanged && !behind_our_back {
            report.pending.push(change.address.clone());
            continue;
        }
        match left(change, rules) {
            None => report.ignored.push(change.address.clone()),
            Some(attributes) => report.drifted.push(Drifted {
                address: change.address.clone(),
                difference: difference(change.action),
                attributes,
            }),
        }
    }
    report
}

fn difference(action: Action) -> Difference {
    match action {
        Action::Create => Difference::Deleted,
        Action::Replace => Difference::Replaced,
        _ => Difference::Changed,
    }
}

/// The attributes that no rule lets differ; none if nothing is left.
fn left(change: &ResourceChange, rules: &[Ignored]) -> Option<Vec<super::summary::AttributeChange>> {
    let mine: Vec<&Ignored> = rules.iter().filter(|rule| fits(&rule.address, &change.address)).collect();
    if mine.iter().any(|rule| rule.attributes.is_empty()) {
        return None;
    }
    let may = |path: &str| {
        let names = mine.iter().flat_map(|rule| &rule.attributes);
        names
            .into_iter()
            .any(|name| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    let left: Vec<_> = change.attributes.iter().filter(|attribute| !may(&attribute.path)).cloned().collect();
    // Something that is gone has no attributes to be let off for.
    (!left.is_empty() || change.attributes.is_empty()).then_some(left)
}

/// Whether a pattern with `*` fits the whole of a text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::summary::{AttributeChange, Disruption};

    fn change(address: &str, action: Action, paths: &[&str]) -> ResourceChange {
        let attribute =
            |path: &&str| AttributeChange { path: (*path).into(), from: None, to: None, secret: false };
        ResourceChange {
            address: address.into(),
            kind: String::new(),
            action,
            reason: None,
            attributes: paths.iter().map(attribute).collect(),
            disruption: Disruption::None,
        }
    }

    fn summary(changes: Vec<ResourceChange>, drifted: &[&str]) -> PlanSummary {
        let drifted = drifted.iter().map(|address| (*address).to_owned()).collect();
        PlanSummary { changes, drifted, ..PlanSummary::default() }
    }

    #[test]
    fn what_would_be_put_right_under_the_same_file_is_drift() {
        let summary = summary(
            vec![change("a.x", Action::Update, &["tags.owner"]), change("b.y", Action::Create, &[])],
            &["a.x"],
        );
        let all = report(&summary, true, &[]);
        assert_eq!(all.drifted.len(), 2);
        assert_eq!(all.drifted[1].difference, Difference::Deleted);
        let changed = report(&summary, false, &[]);
        assert_eq!((changed.drifted.len(), changed.pending), (1, vec!["b.y".to_owned()]));
    }

    #[test]
    fn rules_let_attributes_and_whole_resources_off() {
        let rule = |address: &str, attributes: &[&str]| Ignored {
            address: address.into(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        };
        let summary = summary(
            vec![
                change("module.cluster.aws_vpc.this", Action::Update, &["tags.owner", "tags_all.owner"]),
                change("module.cluster.aws_eip.nat[\"a\"]", Action::Update, &["tags.owner", "domain"]),
                change("module.cluster.aws_lb.api", Action::Create, &[]),
            ],
            &[],
        );
        let all = report(&summary, true, &[rule("*", &["tags", "tags_all"])]);
        assert_eq!(all.ignored, ["module.cluster.aws_vpc.this"]);
        let left: Vec<&str> = all.drifted.iter().map(|drifted| drifted.address.as_str()).collect();
        assert_eq!(left, ["module.cluster.aws_eip.nat[\"a\"]", "module.cluster.aws_lb.api"]);
        assert_eq!(all.drifted[0].attributes.len(), 1);
        let none = report(&summary, true, &[rule("module.cluster.*", &[])]);
        assert_eq!((none.drifted.len(), none.ignored.len()), (0, 3));
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(fits("*", "a.b") && fits("a.*", "a.b") && fits("*.b", "a.b") && fits("a*c*e", "abcde"));
        assert!(!fits("a", "a.b") && !fits("a.*.c", "a.b") && !fits("b*", "a.b") && fits("a.b", "a.b"));
    }
}
