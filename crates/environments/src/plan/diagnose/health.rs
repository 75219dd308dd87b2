//! Containers that run and do not answer: not ready, or killed because they do not say that they live.

use api::revision::Part;
use api::{Cause, Verdict};

use super::case::Case;
use super::facts::Facts;
use super::names;

/// How many lines of a container that runs are worth reading.
const LINES: usize = 5;

fn allowed(part: &Part) -> u32 {
    part.start_seconds.unwrap_or(60)
}

/// Whether the time that a start may take has passed.
pub fn is_over(part: &Part, seconds: i64) -> bool {
    seconds >= i64::from(allowed(part))
}

/// The verdict on a container that Kubernetes killed because it did not say that it lives.
pub fn killed(case: &Case<'_>, container: &str, facts: &Facts) -> Option<Verdict> {
    let said = [("liveness", "Liveness probe"), ("startup", "Startup probe")];
    let (word, probe) = said.into_iter().find(|(word, _)| {
        let said = format!("Container {container} failed {word} probe");
        facts.events.iter().any(|told| told.reason == "Killing" && told.message.contains(&said))
    })?;
    let (name, environment, who) = (&case.part.name, case.environment, case.container(container));
    let asked =
        facts.events.iter().rev().find(|told| told.reason == "Unhealthy" && told.message.starts_with(probe));
    let asked = asked.map(|told| told.message.trim().to_owned());
    let message = match word {
        "liveness" => format!("{who} is killed again and again: it does not answer its liveness check"),
        _ => format!(
            "{who} is killed again and again: it does not answer within {} s of its start",
            allowed(case.part)
        ),
    };
    Some(case.verdict(
        Cause::LivenessFailing,
        message,
        asked.into_iter().chain(last(&facts.lines)).collect(),
        format!(
            "see why it hangs (outboard logs {environment} {name}); a check that asks others, or too soon, is worse than none: {name}.health in outboard.yaml"
        ),
    ))
}

/// The verdict on a container that runs and is not ready.
pub fn verdict(case: &Case<'_>, container: &str, init: bool, seconds: i64, facts: &Facts) -> Verdict {
    let (name, environment, who) = (&case.part.name, case.environment, case.container(container));
    let (allowed, terminal) = (allowed(case.part), is_over(case.part, seconds));
    if let Some(verdict) = killed(case, container, facts) {
        return Verdict { terminal, ..verdict };
    }
    if let Some(verdict) = names::verdict(case, &facts.lines) {
        return Verdict { terminal, ..verdict };
    }
    // Without a running number: a message that changes every second would be a write every second.
    let so_far = if terminal { format!("after {allowed} s") } else { "yet".to_owned() };
    if init {
        let verdict = case.verdict(
            Cause::InitFailed,
            format!("init {who} has not ended {so_far}: what comes after it is not started"),
            last(&facts.lines),
            format!("see what it waits for: outboard logs {environment} {name}; a slow one needs a longer health.start (now {allowed}s)"),
        );
        return Verdict { terminal, ..verdict };
    }
    let asked = facts.newest(&["Unhealthy"]).map(|told| told.message.trim().to_owned());
    let asked = asked.unwrap_or_else(|| "it has not answered its readiness check".to_owned());
    let verdict = case.verdict(
        Cause::ReadinessFailing,
        format!("{who} runs but is not ready {so_far}"),
        std::iter::once(asked).chain(last(&facts.lines)).collect(),
        format!(
            "see why its health check fails: outboard logs {environment} {name}; a slow start needs a longer health.start (now {allowed}s)"
        ),
    );
    Verdict { terminal, ..verdict }
}

fn last(lines: &[String]) -> Vec<String> {
    lines[lines.len().saturating_sub(LINES)..].to_vec()
}
