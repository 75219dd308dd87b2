//! Pods that no node takes.

use api::{Cause, Verdict};

use super::case::Case;
use super::facts::{Facts, Told};
use super::volume;

/// How long a pod may be unschedulable before that counts: volumes are bound a moment later.
const UNSCHEDULABLE_SECONDS: i64 = 3;
/// … when it is not room that is lacking, but nodes that take pods: one that starts or was away comes back.
const UNTOLERATED_SECONDS: i64 = 60;
/// … and when a node is being added for it.
const SCALE_UP_SECONDS: i64 = 900;

/// What autoscalers say of a pod for which they add a node …
const ADDING: [&str; 2] = ["TriggeredScaleUp", "Nominated"];
/// … and of one for which they will not.
const NOT_ADDING: [&str; 2] = ["NotTriggerScaleUp", "FailedScaleUp"];

/// Whether volumes keep a pod from its node.
pub fn is_about_volumes(message: &str) -> bool {
    let message = message.to_lowercase();
    ["persistentvolume", "volume node affinity", "storageclass", "pvc("]
        .iter()
        .any(|word| message.contains(word))
}

pub fn verdict(case: &Case<'_>, message: &str, seconds: i64, facts: &Facts) -> Verdict {
    let name = &case.part.name;
    if let Some(verdict) = volume::of_unscheduled(case, message, &facts.claims) {
        return Verdict { terminal: seconds >= UNSCHEDULABLE_SECONDS, ..verdict };
    }
    let said = facts.events.iter().rev().find(|told| says(told, &ADDING) || says(told, &NOT_ADDING));
    let adding = said.is_some_and(|told| says(told, &ADDING)) && seconds < SCALE_UP_SECONDS;
    let evidence = std::iter::once(message.to_owned()).chain(said.map(|told| told.message.clone())).collect();
    let shortage = shortage(message);
    if adding {
        let verdict = case.verdict(
            Cause::Unschedulable,
            format!("no node has room for {name} yet: {shortage}; a node is being added"),
            evidence,
            "it goes on by itself once that node is ready",
        );
        return Verdict { terminal: false, ..verdict };
    }
    let verdict = case.verdict(
        Cause::Unschedulable,
        format!("no node has room for {name}: {shortage}"),
        evidence,
        format!("ask for less ({name}.resources in outboard.yaml), destroy an environment, or add a node"),
    );
    Verdict { terminal: seconds >= patience(message), ..verdict }
}

fn says(told: &Told, reasons: &[&str]) -> bool {
    reasons.contains(&told.reason.as_str())
}

fn patience(unschedulable: &str) -> i64 {
    let lasts =
        ["Insufficient", "didn't match", "didn't satisfy"].iter().any(|word| unschedulable.contains(word));
    let passes = ["untolerated taint", "were unschedulable"].iter().any(|word| unschedulable.contains(word));
    if passes && !lasts { UNTOLERATED_SECONDS } else { UNSCHEDULABLE_SECONDS }
}

/// The resources a scheduler message names: `Insufficient memory`.
fn shortage(message: &str) -> String {
    let mut found: Vec<&str> = Vec::new();
    for piece in message.split(['.', ',', ':']) {
        let piece = piece.trim().trim_start_matches(|c: char| c.is_ascii_digit()).trim();
        if let Some(resource) = piece.strip_prefix("Insufficient ")
            && !found.contains(&resource)
        {
            found.push(resource);
        }
    }
    if found.is_empty() { message.to_owned() } else { format!("not enough {}", found.join(" and ")) }
}
