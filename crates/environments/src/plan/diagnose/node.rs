//! Nodes that are gone, that give pods up, or that cannot make them.

use api::{Cause, Verdict};

use super::case::Case;
use super::facts::{Facts, NodeSeen};

/// After this long Kubernetes itself replaces what ran on a node that does not report.
const REPLACED_SECONDS: i64 = 300;
/// How long a node may fail to make a pod before waiting is given up.
const SANDBOX_SECONDS: i64 = 60;
/// How often a pod may be given up before that is more than bad luck.
const GIVEN_UP: usize = 2;

/// The verdict on a pod whose node does not report; none: it does.
pub fn silent(case: &Case<'_>, node: &str, seconds: i64, facts: &Facts) -> Option<Verdict> {
    let (what, evidence) = match facts.node.as_ref()? {
        NodeSeen::Ready => return None,
        NodeSeen::NotReady(why) => ("does not report or is not ready", vec![format!("node {node}: {why}")]),
        NodeSeen::Gone => ("is not part of the cluster any more", vec![]),
    };
    let name = &case.part.name;
    Some(Verdict {
        // What has a volume is never replaced while nobody says that the node is off.
        terminal: seconds >= REPLACED_SECONDS,
        holds: true,
        ..case.verdict(
            Cause::NodeGone,
            format!("node {node}, which {name} was given to, {what}"),
            evidence,
            format!(
                "bring it back; if it is off for good, kubectl delete node {node}: Kubernetes then starts {name} elsewhere, as it does by itself after five minutes where no volume ties it"
            ),
        )
    })
}

/// The verdict on pods that nodes gave up.
pub fn given_up(case: &Case<'_>, reason: &str, message: &str, times: usize) -> Verdict {
    let name = &case.part.name;
    let evidence = vec![format!("{reason}: {message}")];
    let (what, fix) = match reason {
        "Evicted"
            if message.contains("ephemeral")
                || message.contains("emptyDir")
                || message.contains("exceeds the limit") =>
        {
            (
                "it writes more to its own files than it may",
                format!(
                    "let it write less outside of its volumes, or give it a volume: {name}.volumes in outboard.yaml"
                ),
            )
        }
        "Evicted" => (
            "the node ran short",
            format!(
                "ask for what {name} really needs ({name}.resources in outboard.yaml): what uses more than it asked for goes first; or add a node"
            ),
        ),
        "NodeShutdown" | "Terminated" => {
            ("the node was shut down", "it is started elsewhere by itself".to_owned())
        }
        _ => (
            "the node would not have it",
            format!(
                "see what it lacks; {name}.resources and {name}.pod in outboard.yaml say what {name} asks for"
            ),
        ),
    };
    let often = if times > 1 { format!(", {times} times so far") } else { String::new() };
    let verdict =
        case.verdict(Cause::Evicted, format!("a node gave {name} up{often}: {what}"), evidence, fix);
    Verdict { terminal: times >= GIVEN_UP, holds: true, ..verdict }
}

/// The verdict on a pod that its node cannot make.
pub fn not_started(case: &Case<'_>, node: &str, seconds: i64, facts: &Facts) -> Option<Verdict> {
    let told = facts.newest(&["FailedCreatePodSandBox"])?;
    let name = &case.part.name;
    Some(Verdict {
        terminal: seconds >= SANDBOX_SECONDS,
        holds: true,
        ..case.verdict(
            Cause::PodNotStarted,
            format!("node {node} cannot make a pod for {name}"),
            vec![told.message.clone()],
            "see what it names, mostly the cluster's network plugin or its free addresses; the node tries again by itself",
        )
    })
}
