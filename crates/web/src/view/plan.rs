//! What a change would do, object by object.

use api::plan::{Exceeds, ObjectChange, QuotaEffect};
use askama::Template;
use verbs::environment::Planned;
use words::plan::{demand, short, summary};

use super::detail::Judged;
use super::tone::{Chip, of_action};

#[derive(Template)]
#[template(path = "_plan.html")]
pub struct Shown {
    pub summary: String,
    /// Nothing would change.
    pub idle: bool,
    pub changes: Vec<Changed>,
    pub notes: Vec<String>,
    pub demand: Option<String>,
    pub quotas: Vec<Limit>,
    pub waits: Vec<String>,
    pub verdict: Option<Judged>,
}

pub struct Changed {
    pub chip: Chip,
    pub object: String,
    pub effect: String,
    pub fields: Vec<Field>,
}

pub struct Field {
    pub path: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

pub struct Limit {
    pub line: String,
    pub tone: &'static str,
    pub warning: &'static str,
}

impl Shown {
    pub fn of(planned: &Planned) -> Self {
        let status = &planned.status;
        let (from, to) = (status.demand.from, status.demand.to);
        Self {
            summary: summary(planned),
            idle: planned.is_idle(),
            changes: status.changes.iter().map(changed).collect(),
            notes: status.notes.clone(),
            demand: (status.verdict.is_none() && from != to).then(|| demand(from, to)),
            quotas: status.quotas.iter().map(limit).collect(),
            waits: status.waits.clone(),
            verdict: status.verdict.as_ref().map(Judged::of),
        }
    }
}

/// One object, with the fields of it that differ.
pub fn changed(change: &ObjectChange) -> Changed {
    Changed {
        chip: of_action(change.action),
        object: change.object.clone(),
        effect: change.effect.clone(),
        fields: change
            .fields
            .iter()
            .map(|field| Field {
                path: field.path.clone(),
                from: field.from.as_deref().map(short),
                to: field.to.as_deref().map(short),
            })
            .collect(),
    }
}

fn limit(effect: &QuotaEffect) -> Limit {
    let QuotaEffect { quota, resource, hard, used, adds, meanwhile, exceeds } = effect;
    let sign = if adds.starts_with('-') { "" } else { "+" };
    let line = format!("{quota}: {resource} {used} of {hard} used, {sign}{adds}");
    let line = if meanwhile == "0" { line } else { format!("{line}, +{meanwhile} while it is made") };
    let (tone, warning) = match exceeds {
        Exceeds::Never => ("quiet", ""),
        Exceeds::Meanwhile => {
            ("wait", "More than the quota allows while it is made: it goes on as pods end, or waits.")
        }
        Exceeds::Afterwards => ("bad", "More than the quota allows: some of it will never start."),
    };
    Limit { line, tone, warning }
}
