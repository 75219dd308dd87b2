//! How a plan, or the difference of two environments, is shown to a person.

use std::collections::BTreeMap;

use api::plan::{Action, Exceeds, ObjectChange, QuotaEffect};
use verbs::environment::{Changed, Comparison, Found, Planned, Schema, SchemaState};
use words::plan::{demand, short, summary};

use super::colour::Paint;

/// Everything, field by field.
pub fn whole(planned: &Planned, paint: Paint) -> String {
    let status = &planned.status;
    let mut text = format!("{} {}\n", paint.strong(&planned.environment), planned.action);
    text.push_str(&changes(&status.changes, paint));
    for note in &status.notes {
        text.push_str(&format!("  {} {note}\n", paint.wait("note:")));
    }
    let (from, to) = (status.demand.from, status.demand.to);
    if status.verdict.is_none() && from != to {
        text.push_str(&format!("  {} {}\n", paint.aside("asks for"), demand(from, to)));
    }
    for effect in &status.quotas {
        text.push_str(&format!("  {} {}\n", paint.aside("quota"), quota(effect, paint)));
    }
    for waits in &status.waits {
        text.push_str(&format!("  {} {waits}\n", paint.aside("waits")));
    }
    text.push_str(&format!("{}\n", summary(planned)));
    text
}

/// One limit, with a warning where it will be in the way.
fn quota(effect: &QuotaEffect, paint: Paint) -> String {
    let QuotaEffect { quota, resource, hard, used, adds, meanwhile, exceeds } = effect;
    let sign = if adds.starts_with('-') { "" } else { "+" };
    let line = format!("{quota}: {resource} {used} of {hard} used, {sign}{adds}");
    let line = if meanwhile == "0" { line } else { format!("{line}, +{meanwhile} while it is made") };
    match exceeds {
        Exceeds::Never => line,
        Exceeds::Meanwhile => format!(
            "{line}\n    {} that is more than the quota allows while it is made: it goes on as pods end, or waits",
            paint.wait("warning:")
        ),
        Exceeds::Afterwards => format!(
            "{line}\n    {} that is more than the quota allows: some of it will never start",
            paint.bad("warning:")
        ),
    }
}

/// In what two environments differ.
pub fn comparison(found: &Comparison, paint: Paint) -> String {
    let (left, right) = (&found.left, &found.right);
    let mut text = String::new();
    let mut line = |what: &str, a: &str, b: &str| {
        let value = if a == b { a.to_owned() } else { format!("{} → {}", paint.bad(a), paint.good(b)) };
        text.push_str(&format!("  {} {value}\n", paint.aside(format!("{what:<16}"))));
    };
    line(
        "environment",
        &format!("{} r{}", left.environment, left.revision),
        &format!("{} r{}", right.environment, right.revision),
    );
    line("class", &left.class, &right.class);
    line("project revision", &left.project_revision, &right.project_revision);
    let bytes = if found.same_digests { "the same in both" } else { "differ" };
    line("image digests", bytes, bytes);
    if !left.differs_by_hand.is_empty() || !right.differs_by_hand.is_empty() {
        let said = |side: &BTreeMap<String, String>| {
            let settings: Vec<String> =
                side.iter().map(|(setting, value)| format!("{setting}={value}")).collect();
            if settings.is_empty() { "nothing".to_owned() } else { settings.join(" ") }
        };
        line("differs by hand", &said(&left.differs_by_hand), &said(&right.differs_by_hand));
    }
    for schema in found.schemas.iter().flatten() {
        let (what, said) = (format!("schema of {}", schema.service), said(schema));
        line(&what, &said, &said);
    }
    text.push_str(&changes(&found.changes, paint));
    if found.changes.is_empty() {
        text.push_str("no other difference\n");
    }
    text
}

/// In what a revision differs from another.
pub fn changed(found: &Changed, paint: Paint) -> String {
    let revision = paint.strong(format!("r{}", found.revision));
    let mut text = match found.against {
        Some(against) => format!("{} {revision} against r{against}\n", found.environment),
        None => format!("{} {revision}, the first that is kept: all of it is new\n", found.environment),
    };
    text.push_str(&changes(&found.changes, paint));
    if found.changes.is_empty() {
        text.push_str("no difference\n");
    }
    text
}

/// What became of comparing two schemas.
fn said(schema: &Schema) -> String {
    match schema.state {
        SchemaState::Equal => {
            let hash: String = schema.left.iter().flat_map(|hash| hash.chars().take(12)).collect();
            format!("the same in both ({hash})")
        }
        SchemaState::NotCompared => format!("not compared: {}", schema.why.join("; ")),
        SchemaState::Differ => {
            let tables = schema.tables.iter().map(|table| match table.found {
                Found::InBoth => table.table.clone(),
                Found::OnlyLeft => format!("{} only in the first", table.table),
                Found::OnlyRight => format!("{} only in the second", table.table),
            });
            format!("differs: {}", tables.collect::<Vec<_>>().join(", "))
        }
    }
}

fn changes(changes: &[ObjectChange], paint: Paint) -> String {
    let mut text = String::new();
    for change in changes {
        let sign = match change.action {
            Action::Create => paint.good("+"),
            Action::Change => paint.wait("~"),
            Action::Delete => paint.bad("-"),
        };
        let effect = match change.effect.as_str() {
            "" => String::new(),
            effect => format!("  {}", paint.aside(format!("({effect})"))),
        };
        text.push_str(&format!("{sign} {}{effect}\n", change.object));
        for field in &change.fields {
            let (from, to) = (field.from.as_deref().map(short), field.to.as_deref().map(short));
            let value = match (&from, &to) {
                (Some(from), Some(to)) => format!("{} → {}", paint.bad(from), paint.good(to)),
                (Some(from), None) => format!("{} → gone", paint.bad(from)),
                (None, Some(to)) => paint.good(to),
                (None, None) => String::new(),
            };
            text.push_str(&format!("    {}: {value}\n", field.path));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_will_be_exceeded_comes_with_a_warning_and_what_is_given_back_with_a_minus() {
        let effect = |adds: &str, meanwhile: &str, exceeds| QuotaEffect {
            quota: "team".into(),
            resource: "pods".into(),
            hard: "4".into(),
            used: "3".into(),
            adds: adds.into(),
            meanwhile: meanwhile.into(),
            exceeds,
        };
        let shown = |effect| quota(&effect, Paint::new(false));
        assert_eq!(shown(effect("-1", "0", Exceeds::Never)), "team: pods 3 of 4 used, -1");
        assert!(
            shown(effect("0", "2", Exceeds::Meanwhile))
                .starts_with("team: pods 3 of 4 used, +0, +2 while it is made\n")
        );
        assert!(
            shown(effect("4", "0", Exceeds::Afterwards))
                .contains("warning: that is more than the quota allows")
        );
    }
}
