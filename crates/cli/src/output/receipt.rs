//! How one environment, and what became of it, is shown to a person.

use api::{ConditionStatus, KeptVolume, PartState, Verdict};
use verbs::environment::{
    Destroyed, Detail, Earlier, Explained, Remaining, Remains, Retained, State, Summary, Unseen,
};
use words::finding;
use words::time::age;

use super::colour::Paint;
use super::table::{or_dash, table};

/// An environment's state, coloured.
pub fn state(state: State, paint: Paint) -> String {
    match state {
        State::Ready => paint.good(state.as_str()),
        State::Failed => paint.bad(state.as_str()),
        State::Unseen | State::Progressing | State::Held | State::Destroying => paint.wait(state.as_str()),
    }
}

/// `URL` lines of an environment that is ready.
pub fn urls(summary: &Summary, paint: Paint) -> String {
    let width = summary.urls.keys().map(String::len).max().unwrap_or_default();
    let lines = summary.urls.iter().map(|(host, url)| format!("  {host:<width$}  {}\n", paint.strong(url)));
    lines.collect()
}

/// Everything about one environment.
pub fn detail(detail: &Detail, paint: Paint) -> String {
    let summary = &detail.summary;
    let mut text = format!("{}  {}\n", paint.strong(&summary.name), state(summary.state, paint));
    let newer = detail.newer_project_revision.as_ref().map(|newest| format!(", the project is at {newest}"));
    let mut fact = |name: &str, value: String| {
        text.push_str(&format!("  {} {value}\n", paint.aside(format!("{name:<10}"))));
    };
    fact(
        "project",
        format!("{} ({}{})", summary.project, summary.project_revision, newer.unwrap_or_default()),
    );
    fact("class", summary.class.clone());
    fact("owner", or_dash(summary.owner.as_deref()));
    fact("age", age(summary.created.as_deref()));
    fact("revision", summary.revision.map_or_else(|| "-".to_owned(), |revision| revision.to_string()));
    fact("runs in", or_dash(detail.runs_in.as_deref()));
    if !detail.chosen_versions.is_empty() {
        let chosen: Vec<String> =
            detail.chosen_versions.iter().map(|(name, version)| format!("{name}={version}")).collect();
        fact("chosen", chosen.join(" "));
    }
    for (index, (setting, value)) in summary.differs_by_hand.iter().enumerate() {
        let name = if index == 0 { "differs by hand" } else { "" };
        text.push_str(&format!("  {} {setting}={value}\n", paint.wait(format!("{name:<15}"))));
    }
    for overlay in &detail.overlays {
        let why = overlay.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let held = format!("{} until {}{why}", overlay.by, overlay.until.0);
        text.push_str(&format!("  {} {held}\n", paint.wait(format!("{:<10}", "held by"))));
    }
    if !summary.urls.is_empty() {
        text.push_str(&format!("\n{}", urls(summary, paint)));
    }
    if !detail.parts.is_empty() {
        text.push_str(&format!("\n{}\n", parts(detail, paint)));
    }
    if !detail.conditions.is_empty() {
        text.push_str(&format!("\n{}\n", conditions(detail, paint)));
    }
    if let Some(step) = &detail.teardown {
        text.push_str(&format!("\n{} {}\n", paint.wait("destroying:"), step.step));
    }
    if let Some(found) = &detail.verdict {
        text.push_str(&format!("\n{}", verdict(found, paint)));
    }
    text
}

/// Cause, evidence and fix.
fn verdict(verdict: &Verdict, paint: Paint) -> String {
    let evidence = evidence(verdict, paint);
    let (word, fix) = (paint.bad("verdict"), paint.strong("fix"));
    format!("{word}: {}\n{evidence}{fix}: {}\n", finding(verdict), verdict.fix)
}

/// Why an environment is as it is, and was before.
pub fn explained(explained: &Explained, paint: Paint) -> String {
    let name = paint.strong(&explained.environment);
    let mut text = match (explained.state, &explained.kept_until) {
        (Some(found), _) => format!("{name}  {}\n", state(found, paint)),
        (None, Some(until)) => format!("{name} was destroyed; what is known of it is kept until {until}\n"),
        (None, None) => format!("{name} was destroyed\n"),
    };
    if let Some(found) = &explained.verdict {
        text.push_str(&format!("\n{}", verdict(found, paint)));
        if let Some(exit) = explained.exit {
            text.push_str(&paint.aside(format!("{:?}, exit code {exit}\n", found.cause)));
        }
    }
    for line in &explained.pending {
        text.push_str(&format!("  {} {line}\n", paint.wait("waits")));
    }
    for Earlier { revision, given } in &explained.earlier {
        let until = given.until.as_ref().map_or_else(String::new, |until| format!(" until {}", until.0));
        let when = paint.aside(format!("revision {revision}, {}{until}", given.at.0));
        text.push_str(&format!("\n{when}\n{}", verdict(&given.verdict, paint)));
    }
    if explained.verdict.is_none() && explained.pending.is_empty() && explained.earlier.is_empty() {
        text.push_str("no verdict was ever given on what is known of it\n");
    }
    text
}

/// What was seen, line by line.
pub fn evidence(verdict: &Verdict, paint: Paint) -> String {
    let lines = verdict.evidence.iter().flat_map(|text| text.lines());
    lines.map(|line| format!("  {} {line}\n", paint.aside("|"))).collect()
}

fn parts(detail: &Detail, paint: Paint) -> String {
    let state = |state: PartState| match state {
        PartState::Ready => paint.good(state.as_str()),
        PartState::Failed => paint.bad(state.as_str()),
        PartState::Waiting | PartState::Progressing => paint.wait(state.as_str()),
    };
    let rows = detail.parts.iter().map(|part| {
        [
            part.name.clone(),
            part.role.as_str().to_owned(),
            or_dash(part.version.as_deref()),
            or_dash(part.replicas.as_deref()),
            state(part.state),
            part.message.clone(),
        ]
    });
    table(["PART", "ROLE", "VERSION", "REPLICAS", "STATE", "MESSAGE"], rows)
}

fn conditions(detail: &Detail, paint: Paint) -> String {
    let rows = detail.conditions.iter().map(|condition| {
        let status = match condition.status {
            ConditionStatus::True => paint.good("true"),
            ConditionStatus::False => paint.wait("false"),
            ConditionStatus::Unknown => paint.aside("unknown"),
        };
        let since = age(Some(&condition.last_transition_time.0.to_string()));
        [condition.r#type.clone(), status, since, condition.reason.clone(), condition.message.clone()]
    });
    table(["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"], rows)
}

/// What destroying came to, in one sentence.
pub fn destroyed(receipt: &Destroyed) -> String {
    match receipt {
        Destroyed::Missing { environment, namespace } => {
            format!("environment {environment} does not exist in namespace {namespace}: nothing to destroy")
        }
        Destroyed::Started { environment, .. } => format!("destroying {environment}"),
        Destroyed::Gone { environment, ran_in: None, remains, .. } => {
            let gone = format!("destroyed {environment}: it had not made anything yet");
            [vec![gone], left(remains)].concat().join("\n")
        }
        Destroyed::Gone {
            environment,
            ran_in: Some(ran_in),
            namespace_gone,
            volumes,
            kept_volumes,
            kept,
            remains,
            ..
        } => {
            let mut what = vec![format!("namespace {ran_in}")];
            what.extend(volumes.iter().map(|volume| format!("volume {volume}")));
            let (many, what) = (what.len() > 1, list(&what));
            let gone = match namespace_gone {
                Some(true) => {
                    format!("destroyed {environment}: {what} {} gone", if many { "are" } else { "is" })
                }
                Some(false) => format!(
                    "destroyed {environment}, but namespace {ran_in} still exists: it is not outboard's, or was made again"
                ),
                None => format!(
                    "destroyed {environment}: the operator removed {what} (you may not look at namespaces, so this is its word)"
                ),
            };
            let kept = kept.iter().map(|kept| retained(environment, kept));
            let kept = kept_volumes.iter().map(|kept| kept_volume(environment, kept)).chain(kept);
            let mut left = left(remains);
            if left.is_empty() {
                left.push("nothing else is left of it".to_owned());
            }
            let lines: Vec<String> = [gone].into_iter().chain(kept).chain(left).collect();
            lines.join("\n")
        }
    }
}

/// What else there is, and where nobody could look.
fn left(remains: &Remains) -> Vec<String> {
    let there = |one: &Remaining| format!("left: {} {}: {}", one.kind, one.name, one.why);
    let unseen = |one: &Unseen| format!("not looked for: {}s: {}", one.kind, one.why);
    remains.remaining.iter().map(there).chain(remains.unseen.iter().map(unseen)).collect()
}

/// A volume that can be had again, and for how long.
fn kept_volume(environment: &str, kept: &KeptVolume) -> String {
    let KeptVolume { claim, service, size, volume, until } = kept;
    format!(
        "kept: volume {claim} ({size}) of {service} until {} ({volume}; outboard env restore {environment})",
        until.0
    )
}

/// What is left to look at, and for how long.
fn retained(environment: &str, kept: &Retained) -> String {
    let what = match kept.revisions.as_slice() {
        [only] => format!("revision {only} is"),
        [first, .., last] => format!("revisions {first} to {last} are"),
        [] => return String::new(),
    };
    format!("kept: {what} there until {} (outboard env history {environment})", kept.until)
}

fn list(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_names_what_is_gone() {
        let mut receipt = Destroyed::Gone {
            environment: "qa-43".into(),
            namespace: "shop".into(),
            ran_in: Some("shop-qa-43".into()),
            namespace_gone: Some(true),
            volumes: vec!["data-db-0 (1Gi)".into()],
            kept_volumes: vec![],
            kept: None,
            remains: Remains::default(),
        };
        assert_eq!(
            destroyed(&receipt),
            "destroyed qa-43: namespace shop-qa-43 and volume data-db-0 (1Gi) are gone\nnothing else is left of it"
        );
        if let Destroyed::Gone { volumes, .. } = &mut receipt {
            volumes.clear();
        }
        let first = |receipt: &Destroyed| destroyed(receipt).lines().next().map(str::to_owned);
        assert_eq!(first(&receipt).as_deref(), Some("destroyed qa-43: namespace shop-qa-43 is gone"));
        if let Destroyed::Gone { kept, kept_volumes, remains, .. } = &mut receipt {
            kept_volumes.push(KeptVolume {
                claim: "data-db-0".into(),
                service: "db".into(),
                size: "1Gi".into(),
                volume: "pv-2".into(),
                until: serde_json::from_str("\"2026-11-29T12:00:00Z\"").unwrap(),
            });
            *kept = Some(Retained { revisions: vec![1, 2, 3], until: "2026-12-02T12:00:00Z".into() });
            let why =
                "storage class keep retains what data-db-0 had: it stays until somebody deletes it".into();
            remains.remaining.push(Remaining { kind: "volume", name: "pv-1".into(), why });
            remains.unseen.push(Unseen { kind: "host claim", why: "you may not list them".into() });
        }
        insta::assert_snapshot!(destroyed(&receipt), @r"
        destroyed qa-43: namespace shop-qa-43 is gone
        kept: volume data-db-0 (1Gi) of db until 2026-11-29T12:00:00Z (pv-2; outboard env restore qa-43)
        kept: revisions 1 to 3 are there until 2026-12-02T12:00:00Z (outboard env history qa-43)
        left: volume pv-1: storage class keep retains what data-db-0 had: it stays until somebody deletes it
        not looked for: host claims: you may not list them
        ");
    }
}
