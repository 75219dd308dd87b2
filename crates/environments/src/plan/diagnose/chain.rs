//! Which of several parts that are not ready is the cause, and which only suffer from it.

use std::collections::BTreeSet;

use api::revision::Part;
use api::{Cause, PartState, Role, Verdict};

/// One part, how far it has come, and why it is not ready if that is known.
pub struct Finding<'a> {
    pub part: &'a Part,
    pub state: PartState,
    /// In one line.
    pub message: &'a str,
    pub verdict: Option<&'a Verdict>,
}

/// What a program says that cannot reach what it needs.
const UNREACHABLE: [&str; 8] = [
    "connection refused",
    "econnrefused",
    "etimedout",
    "no route to host",
    "i/o timeout",
    "connection timed out",
    "can't connect to",
    "could not connect to",
];

/// The verdict on the whole: of the parts that fail by themselves the first, terminal ones before others. Parts that
/// use one that is not ready suffer from it, and are its evidence.
pub fn first_cause(findings: &[Finding<'_>]) -> Option<Verdict> {
    let culprits: Vec<Option<&Finding<'_>>> =
        findings.iter().map(|finding| culprit(finding, findings)).collect();
    let own: Vec<&Finding<'_>> = findings
        .iter()
        .zip(&culprits)
        .filter(|(finding, culprit)| finding.verdict.is_some() && culprit.is_none())
        .map(|(finding, _)| finding)
        .collect();
    let terminal = |finding: &&&Finding<'_>| finding.verdict.is_some_and(|verdict| verdict.terminal);
    let first = own.iter().find(terminal).or(own.first());
    if let Some(first) = first {
        let mut verdict = first.verdict?.clone();
        for (finding, culprit) in findings.iter().zip(&culprits) {
            if culprit.is_some_and(|culprit| std::ptr::eq(culprit, *first))
                && let Some(suffers) = finding.verdict
            {
                verdict.evidence.push(format!("{} suffers from it: {}", suffers.about, suffers.message));
            }
        }
        return Some(unreachable(first, findings, &verdict).unwrap_or(verdict));
    }
    // All that fail suffer from what is only slow so far.
    let (victim, culprit) = findings
        .iter()
        .zip(&culprits)
        .find_map(|(finding, culprit)| Some((finding.verdict?, (*culprit)?)))?;
    let about = format!("{} {}", culprit.part.role.as_str(), culprit.part.name);
    Some(Verdict {
        cause: Cause::DependencyNotReady,
        message: format!("{about} is not ready, and {} needs it: {}", victim.about, culprit.message),
        about,
        evidence: std::iter::once(victim.message.clone()).chain(victim.evidence.iter().cloned()).collect(),
        fix: format!("it goes on by itself once {} is ready", culprit.part.name),
        terminal: false,
        holds: false,
    })
}

/// The part from which this one suffers: the last along what it uses that is not ready, if that can explain it.
fn culprit<'a, 'b>(finding: &Finding<'b>, all: &'a [Finding<'b>]) -> Option<&'a Finding<'b>> {
    let explained = matches!(
        finding.verdict?.cause,
        Cause::CrashLoop
            | Cause::ReadinessFailing
            | Cause::LivenessFailing
            | Cause::InitFailed
            | Cause::JobFailed
    );
    if !explained {
        return None;
    }
    let mut seen = BTreeSet::from([finding.part.name.as_str()]);
    let mut last = None;
    let mut next = finding.part;
    // Each step goes to a part that is not ready and was not passed yet: parts that use each other end it.
    while let Some(used) = next.uses.iter().find_map(|used| {
        all.iter().find(|other| {
            other.part.name == *used
                && is_used(other.part.role)
                && matches!(other.state, PartState::Progressing | PartState::Failed)
                && !seen.contains(other.part.name.as_str())
        })
    }) {
        seen.insert(&used.part.name);
        next = used.part;
        last = Some(used);
    }
    // In a ring all suffer from each other: then each is judged by itself.
    last.filter(|last| !uses(last.part, &finding.part.name, all))
}

/// Routes and jobs are nobody's dependency, and may have a component's name.
fn is_used(role: Role) -> bool {
    matches!(role, Role::Service | Role::Component)
}

fn uses(part: &Part, name: &str, all: &[Finding<'_>]) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![part];
    while let Some(part) = open.pop() {
        for used in &part.uses {
            if used == name {
                return true;
            }
            if seen.insert(used.as_str()) {
                let found = all.iter().filter(|other| other.part.name == *used && is_used(other.part.role));
                open.extend(found.map(|other| other.part));
            }
        }
    }
    false
}

/// The verdict on a service that others run, which nobody here looks at: from what the one that needs it says.
fn unreachable(victim: &Finding<'_>, all: &[Finding<'_>], verdict: &Verdict) -> Option<Verdict> {
    if !matches!(verdict.cause, Cause::CrashLoop | Cause::ReadinessFailing | Cause::JobFailed) {
        return None;
    }
    let elsewhere = all.iter().map(|finding| finding.part).filter(|part| {
        part.role == Role::Service && part.replicas.is_none() && victim.part.uses.contains(&part.name)
    });
    let said = |names: &[&str]| {
        let line = verdict.evidence.iter().rev().find(|line| {
            let line = line.to_lowercase();
            UNREACHABLE.iter().any(|word| line.contains(word))
                && names.iter().any(|name| has_word(&line, name))
        });
        line.cloned()
    };
    elsewhere.into_iter().find_map(|part| {
        let host = part.objects.first().and_then(|object| object.pointer("/spec/externalName")?.as_str());
        let names: Vec<&str> = std::iter::once(part.name.as_str()).chain(host).collect();
        let line = said(&names)?;
        let at = host.map(|host| format!(" at {host}")).unwrap_or_default();
        Some(Verdict {
            cause: Cause::DependencyNotReady,
            about: format!("service {}", part.name),
            message: format!("{} cannot reach service {}{at}", verdict.about, part.name),
            evidence: std::iter::once(line).chain([verdict.message.clone()]).collect(),
            fix: format!(
                "see that it runs, that its address in outboard.yaml is right, and that pods of the cluster are let through to it; {} is started again by itself",
                victim.part.name
            ),
            terminal: verdict.terminal,
            holds: true,
        })
    })
}

/// Whether a line names a host, and not one whose name only contains it.
fn has_word(line: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    line.match_indices(&word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}
