//! What a plan says: in one line, and what it asks for.

use api::plan::{Action, Demand};
use verbs::environment::Planned;

/// One line: how many objects, and what that does to what runs.
pub fn summary(planned: &Planned) -> String {
    let changes = &planned.status.changes;
    if planned.is_idle() {
        return format!("{} is as it is asked for", planned.environment);
    }
    if let Some(verdict) = &planned.status.verdict {
        return verdict.message.clone();
    }
    let mut counts: Vec<String> = Vec::new();
    for (action, word) in [(Action::Create, "create"), (Action::Change, "change"), (Action::Delete, "delete")]
    {
        match changes.iter().filter(|change| change.action == action).count() {
            0 => {}
            count => counts.push(format!("{count} to {word}")),
        }
    }
    let counts = if counts.is_empty() { "no object changes".to_owned() } else { counts.join(", ") };
    format!("plan: {counts}")
}

/// The text with digests cut to what tells them apart.
pub fn short(text: &str) -> String {
    const START: &str = "sha256:";
    let Some(at) = text.find(START) else { return text.to_owned() };
    let (before, rest) = text.split_at(at + START.len());
    let hex = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    if hex < 64 { text.to_owned() } else { format!("{before}{}…{}", &rest[..12], &rest[hex..]) }
}

/// What pods and volumes ask for, before and after.
pub fn demand(from: Demand, to: Demand) -> String {
    const MEBI: i64 = 1024 * 1024;
    let line = |name: &str, from: String, to: String| {
        if from == to { format!("{name} {to}") } else { format!("{name} {from} → {to}") }
    };
    [
        line("pods", from.pods.to_string(), to.pods.to_string()),
        line("CPU", format!("{}m", from.cpu_millis), format!("{}m", to.cpu_millis)),
        line("memory", format!("{}Mi", from.memory_bytes / MEBI), format!("{}Mi", to.memory_bytes / MEBI)),
        line("storage", format!("{}Mi", from.storage_bytes / MEBI), format!("{}Mi", to.storage_bytes / MEBI)),
    ]
    .join(", ")
}
