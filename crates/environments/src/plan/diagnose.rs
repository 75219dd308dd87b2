//! Why a part is not ready: reads its pods and what was gathered about them, and gives a verdict.
//!
//! `worst` is what the pods say of themselves, `needs` what to fetch to explain it, `verdict` the cause in words, and
//! `chain` which of several is the first one.

use api::revision::Part;
use api::{Cause, Verdict};

mod case;
pub mod chain;
mod container;
mod facts;
mod health;
mod image;
mod names;
mod node;
pub mod refused;
mod scheduling;
pub mod stuck;
mod symptom;
mod unready;
mod volume;

pub use case::Case;
pub use facts::{ClaimSeen, Facts, LOG_LINES, Need, NodeSeen, Told};
pub use image::Pull;
pub use symptom::{Crash, Symptom, symptom, worst};
pub use unready::{Unready, unready};

/// What to fetch to explain a symptom.
pub fn needs(case: &Case<'_>, unready: &Unready, symptom: &Symptom) -> Vec<Need> {
    let pod = || unready.name();
    let events = || Need::Events { pod: unready.name() };
    match symptom {
        Symptom::Image { .. } | Symptom::Setup { .. } | Symptom::GivenUp { .. } => vec![],
        Symptom::Crash(crash) if crash.never_began() => vec![],
        Symptom::Crash(crash) => {
            let previous = unready.begun_again(&crash.container);
            vec![Need::Logs { pod: pod(), container: crash.container.clone(), previous }, events()]
        }
        Symptom::Unready { container, seconds, .. } => {
            // Lines that go on being written would be a write a second: they are read once, at the end.
            let logs = health::is_over(case.part, *seconds).then(|| Need::Logs {
                pod: pod(),
                container: container.clone(),
                previous: false,
            });
            std::iter::once(events()).chain(logs).collect()
        }
        Symptom::Unschedulable { message, .. } => {
            let claims = scheduling::is_about_volumes(message) && !unready.claims.is_empty();
            std::iter::once(events())
                .chain(claims.then(|| Need::Claims { names: unready.claims.clone() }))
                .collect()
        }
        Symptom::NotStarted { node, .. } => vec![events(), Need::Node { name: node.clone() }],
        Symptom::Silent { node, .. } => vec![Need::Node { name: node.clone() }],
    }
}

/// The verdict on a part, from the symptom of one of its pods and what was fetched for it; none: it is only slow.
pub fn verdict(case: &Case<'_>, symptom: &Symptom, facts: &Facts) -> Option<Verdict> {
    match symptom {
        Symptom::Image { image, message, pull } => Some(image::verdict(case, image, message, *pull)),
        Symptom::Setup { container, message } => container::setup(case, container, message),
        Symptom::Crash(crash) => Some(container::crash(case, crash, facts)),
        Symptom::Unready { container, init, seconds } => {
            Some(health::verdict(case, container, *init, *seconds, facts))
        }
        Symptom::Unschedulable { message, seconds } => {
            Some(scheduling::verdict(case, message, *seconds, facts))
        }
        Symptom::GivenUp { reason, message, times } => Some(node::given_up(case, reason, message, *times)),
        Symptom::NotStarted { node, seconds } => node::silent(case, node, *seconds, facts)
            .or_else(|| volume::not_mounted(case, *seconds, facts))
            .or_else(|| node::not_started(case, node, *seconds, facts)),
        Symptom::Silent { node, seconds } => node::silent(case, node, *seconds, facts),
    }
}

/// The verdict on a failed job.
pub fn job_failed(part: &Part, exit_code: Option<i32>, lines: &[String], environment: &str) -> Verdict {
    let case = Case::new(part, environment);
    let name = &part.name;
    let code = exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
    case.verdict(
        Cause::JobFailed,
        format!("{name} failed{code}; nothing that depends on it was changed"),
        lines.to_vec(),
        format!(
            "correct it and set the corrected version: outboard env set {environment} --set {name}=VERSION"
        ),
    )
}

#[cfg(test)]
mod tests;
