//! Containers that cannot be started, and containers that end.

use api::{Cause, Verdict};

use super::case::Case;
use super::facts::Facts;
use super::symptom::Crash;
use super::{health, image, job_failed, names};

/// The last words of a program for another machine.
const EXEC_FORMAT: &str = "exec format error";
/// In what a node says that passes by itself.
const PASSING: [&str; 6] = [
    "failed to sync secret cache",
    "failed to sync configmap cache",
    "services have not yet been read",
    "not registered",
    "context deadline exceeded",
    "failed to reserve container name",
];

/// The verdict on a container that a node cannot make; none: that passes by itself.
pub fn setup(case: &Case<'_>, container: &str, message: &str) -> Option<Verdict> {
    if PASSING.iter().any(|passing| message.contains(passing)) {
        return None;
    }
    Some(missing(case, message).unwrap_or_else(|| cannot_start(case, container, message)))
}

/// The verdict on what a container's settings or volumes take from a Secret or ConfigMap that does not have it.
pub fn missing(case: &Case<'_>, message: &str) -> Option<Verdict> {
    let name = &case.part.name;
    let kinds = [("secret", "Secret", Cause::SecretMissing), ("configmap", "ConfigMap", Cause::ConfigError)];
    kinds.into_iter().find_map(|(word, kind, cause)| {
        let what = match between(message, &format!("{word} \""), "\" not found") {
            Some(object) => format!("{kind} {object}, which {name} is started with, does not exist"),
            None => {
                let (key, object) = key_of(message, kind)?;
                format!("{kind} {object}, which {name} is started with, has no key {key}")
            }
        };
        Some(Verdict {
            holds: true,
            ..case.verdict(
                cause,
                what,
                vec![message.to_owned()],
                format!(
                    "name one that is there in {name} of outboard.yaml, or put it into the environment's namespace: it goes on by itself then"
                ),
            )
        })
    })
}

/// `couldn't find key K in Secret NAMESPACE/NAME`, and of a volume: `references non-existent secret key: K`.
fn key_of<'a>(message: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = message.split_once(&format!(" in {kind} "))?;
    let key = before.rsplit_once("couldn't find key ")?.1;
    let place = after.split_whitespace().next()?;
    Some((key, place.rsplit_once('/').map_or(place, |(_, name)| name)))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let (found, _) = rest.split_once(after)?;
    (!found.contains(char::is_whitespace)).then_some(found)
}

/// The verdict on a container that the runtime refuses or cannot start.
fn cannot_start(case: &Case<'_>, container: &str, message: &str) -> Verdict {
    let (name, environment, who) = (&case.part.name, case.environment, case.container(container));
    let evidence = vec![message.to_owned()];
    if message.contains(EXEC_FORMAT) {
        return image::other_architecture(case, case.part.image(container), evidence);
    }
    let exec = between(message, "exec: \"", "\":");
    let absent =
        ["executable file not found", "no such file or directory"].iter().any(|word| message.contains(word));
    if let Some(command) = exec.filter(|_| absent || message.contains("permission denied")) {
        let what =
            if absent { "is not in its image" } else { "in its image is not a program that may be run" };
        return case.verdict(
            Cause::CommandNotFound,
            format!("the command of {who}, {command}, {what}"),
            evidence,
            format!(
                "correct {name}.command in outboard.yaml, or choose a version that has it: outboard env set {environment} --set {name}=VERSION"
            ),
        );
    }
    let fix = if message.contains("runAsNonRoot") {
        format!("give {name}.user a number in outboard.yaml, or take an image that does not run as root")
    } else {
        format!(
            "correct what it names in {name} of outboard.yaml, apply it, then outboard env update {environment}"
        )
    };
    let said = message.split_once(" (pod:").map_or(message, |(said, _)| said);
    case.verdict(
        Cause::ConfigError,
        format!("{who} cannot be started as it is set up: {said}"),
        evidence,
        fix,
    )
}

/// The verdict on a container that ended, by what it ended of.
pub fn crash(case: &Case<'_>, crash: &Crash, facts: &Facts) -> Verdict {
    let part = case.part;
    let (name, environment, who) = (&part.name, case.environment, case.container(&crash.container));
    let Crash { exit_code, reason, restarts, settled, .. } = crash;
    let lines = facts.lines.clone();
    // A job that has ended is not started again.
    let terminal = *settled || part.role.completes();
    if crash.never_began() {
        return cannot_start(case, &crash.container, &crash.message);
    }
    if reason == "OOMKilled" {
        let limit = part.memory_limit(&crash.container);
        let limit =
            limit.map_or_else(|| "the memory its node has".to_owned(), |limit| format!("its {limit}"));
        let verdict = case.verdict(
            Cause::OutOfMemory,
            format!("{who} needs more memory than {limit} and is killed for it"),
            lines,
            format!(
                "give it more: {name}.resources.memory in outboard.yaml; or see what takes so much: outboard logs {environment} {name}"
            ),
        );
        return Verdict { terminal, ..verdict };
    }
    if lines.len() <= 3 && lines.iter().any(|line| line.contains(EXEC_FORMAT)) {
        return image::other_architecture(case, part.image(&crash.container), lines);
    }
    if let Some(verdict) = health::killed(case, &crash.container, facts) {
        return Verdict { terminal, ..verdict };
    }
    if crash.init {
        let verdict = case.verdict(
            Cause::InitFailed,
            format!(
                "init {who} fails with exit code {exit_code}: what comes after it is not started"
            ),
            lines,
            format!("read the last lines above, correct it in {name}.pod of outboard.yaml, then outboard env update {environment}"),
        );
        return Verdict { terminal, ..verdict };
    }
    if let Some(verdict) = names::verdict(case, &lines) {
        return Verdict { terminal, ..verdict };
    }
    if part.role.completes() {
        return job_failed(part, Some(*exit_code), &lines, environment);
    }
    let why = if reason.is_empty() || reason == "Error" { String::new() } else { format!(" ({reason})") };
    let verdict = case.verdict(
        Cause::CrashLoop,
        format!("{who} keeps crashing with exit code {exit_code}{why}, {restarts} restarts so far"),
        lines,
        format!(
            "read the last lines above (outboard logs {environment} {name}), then set a version or settings that start"
        ),
    );
    Verdict { terminal, ..verdict }
}
