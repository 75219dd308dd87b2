//! What is told about drift: what stands so now, what was put back last, and whether anything may be healed at all.

use api::marks;
use api::{Drift, Environment};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

/// So many reverted changes are remembered in the status.
const REMEMBERED: usize = 10;

/// Until when nothing may be touched; none: nothing is frozen.
pub fn frozen_until(environment: &Environment, now: Timestamp) -> Option<Timestamp> {
    let by_spec = environment.spec.freeze.as_ref().map(|freeze| freeze.until.0);
    let by_hand = environment.annotations().get(marks::FREEZE_UNTIL).and_then(|text| text.parse().ok());
    by_spec.into_iter().chain(by_hand).filter(|until| *until > now).max()
}

/// The record after a look that found `found`: what stands so replaces what stood so, what was put back is added.
pub fn record(before: &[Drift], found: Vec<Drift>) -> Vec<Drift> {
    let (reverted, standing): (Vec<Drift>, Vec<Drift>) = found.into_iter().partition(|drift| drift.reverted);
    let standing = standing.into_iter().map(|drift| {
        // Seen before: then that is when it was seen.
        let same = |old: &&Drift| {
            !old.reverted
                && (&old.object, old.deleted, &old.by, &old.fields)
                    == (&drift.object, drift.deleted, &drift.by, &drift.fields)
        };
        match before.iter().find(same) {
            Some(old) => Drift { at: old.at.clone(), ..drift },
            None => drift,
        }
    });
    let old = before.iter().filter(|drift| drift.reverted).cloned();
    standing.chain(reverted.into_iter().chain(old).take(REMEMBERED)).collect()
}

/// That a change puts back what others have changed and what still stands so.
pub fn put_back(environment: &str, drift: &[Drift]) -> Option<String> {
    let standing: Vec<&str> =
        drift.iter().filter(|drift| !drift.reverted).map(|drift| drift.object.as_str()).collect();
    (!standing.is_empty()).then(|| {
        format!(
            "what others changed is put back: {}; see it with env drift {environment}, keep it with env keep {environment} first",
            standing.join(", ")
        )
    })
}

/// What others did, in one sentence.
pub fn sentence(drift: &Drift) -> String {
    let by = match drift.by.as_slice() {
        [] => String::new(),
        managers => format!(" by {}", managers.join(", ")),
    };
    let later =
        drift.heals_at.as_ref().map(|time| format!("; again and again, so it is put back at {}", time.0));
    let later = later.unwrap_or_default();
    if drift.deleted {
        return format!("{} was deleted{later}", drift.object);
    }
    let fields: Vec<String> = drift
        .fields
        .iter()
        .take(3)
        .map(|field| match (&field.from, &field.to) {
            (Some(from), Some(to)) => format!("{} from {from} to {to}", field.path),
            (None, Some(to)) => format!("{} added: {to}", field.path),
            (Some(_), None) => format!("{} removed", field.path),
            (None, None) => field.path.clone(),
        })
        .collect();
    let more = match drift.fields.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} was changed{by}: {}{more}{later}", drift.object, fields.join("; "))
}

#[cfg(test)]
mod tests {
    use api::EnvironmentSpec;
    use api::plan::FieldChange;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn drift(object: &str, reverted: bool, second: i64) -> Drift {
        Drift {
            object: object.to_owned(),
            deleted: false,
            by: vec!["kubectl-edit".to_owned()],
            fields: vec![FieldChange { path: "spec.a".into(), from: Some("1".into()), to: Some("2".into()) }],
            reverted,
            heals_at: None,
            at: Time(Timestamp::from_second(second).unwrap()),
        }
    }

    #[test]
    fn what_stands_keeps_the_time_at_which_it_was_first_seen_and_goes_when_it_is_mended() {
        let before = vec![drift("Deployment web", false, 1), drift("Service web", true, 1)];
        let now = record(&before, vec![drift("Deployment web", false, 9)]);
        assert_eq!(now, before);
        assert_eq!(record(&before, vec![]), [drift("Service web", true, 1)]);
    }

    #[test]
    fn a_freeze_by_plain_annotation_counts_and_ends_by_itself() {
        let mut environment = Environment::new("qa", EnvironmentSpec::default());
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(frozen_until(&environment, at(0)), None);
        environment.annotations_mut().insert(marks::FREEZE_UNTIL.to_owned(), at(100).to_string());
        assert_eq!(frozen_until(&environment, at(99)), Some(at(100)));
        assert_eq!(frozen_until(&environment, at(100)), None);
    }

    #[test]
    fn only_what_still_stands_is_put_back() {
        let both = [drift("Deployment web", false, 1), drift("Service web", true, 1)];
        let note = put_back("qa", &both).unwrap();
        assert!(note.contains("Deployment web") && !note.contains("Service web"), "{note}");
        assert_eq!(put_back("qa", &both[1..]), None);
    }

    #[test]
    fn the_sentence_names_who_and_what() {
        assert_eq!(
            sentence(&drift("Deployment web", true, 1)),
            "Deployment web was changed by kubectl-edit: spec.a from 1 to 2"
        );
    }
}
