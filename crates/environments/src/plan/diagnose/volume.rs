//! Volumes that cannot be made, found, attached or mounted, and data that lies on a node that is gone.

use api::{Cause, Verdict};

use super::case::Case;
use super::container;
use super::facts::{ClaimSeen, Facts};

/// How long a node may try to mount before waiting is given up: a disk that is still attached elsewhere comes within this.
const MOUNT_SECONDS: i64 = 30;
/// In what a node says that passes by itself.
const PASSING: [&str; 3] = ["failed to sync", "not registered", "timed out waiting for the condition"];

/// The verdict on a pod that no node takes because of its volumes.
pub fn of_unscheduled(case: &Case<'_>, message: &str, claims: &[ClaimSeen]) -> Option<Verdict> {
    let (name, environment) = (&case.part.name, case.environment);
    let evidence = |also: Option<&String>| std::iter::once(message.to_owned()).chain(also.cloned()).collect();
    if let Some(lost) = claims.iter().find(|claim| claim.nodes_gone) {
        let volume = lost.volume.as_deref().unwrap_or_default();
        return Some(case.verdict(
            Cause::VolumeLost,
            format!(
                "the data of {name} lies on node {}, which is gone (volume {volume} of claim {})",
                lost.nodes.join(" or "),
                lost.name
            ),
            evidence(None),
            format!(
                "bring that node back; if it is lost, so is this data: make the environment anew and bring data into it (outboard data copy), or delete claim {} to let {name} begin empty",
                lost.name
            ),
        ));
    }
    if let Some(lost) = claims.iter().find(|claim| claim.volume.is_some() && !claim.volume_exists) {
        let volume = lost.volume.as_deref().unwrap_or_default();
        return Some(case.verdict(
            Cause::VolumeLost,
            format!("volume {volume}, on which the data of {name} lies, does not exist any more"),
            evidence(None),
            format!(
                "bring that volume back from a backup, or delete claim {} to let {name} begin empty",
                lost.name
            ),
        ));
    }
    if let Some(absent) = claims.iter().find(|claim| !claim.exists) {
        return Some(case.verdict(
            Cause::VolumeUnavailable,
            format!("{name} is to have volume claim {}, which does not exist", absent.name),
            evidence(None),
            format!("name one that is there in {name}.pod of outboard.yaml, then outboard env update {environment}"),
        ));
    }
    let waiting = claims.iter().find(|claim| claim.volume.is_none());
    let waiting = waiting.filter(|claim| claim.told.is_some() || message.contains("unbound"));
    // Room may be lacking as well; but a claim that nobody serves is never scheduled.
    let waiting = waiting.filter(|_| !message.contains("Insufficient"))?;
    Some(case.verdict(
        Cause::VolumeUnavailable,
        format!("no volume is made for claim {} of {name}", waiting.name),
        evidence(waiting.told.as_ref()),
        "see that the cluster has a default StorageClass, and that what provisions its volumes runs and may make one more",
    ))
}

/// The verdict on a pod whose node cannot attach or mount a volume.
pub fn not_mounted(case: &Case<'_>, seconds: i64, facts: &Facts) -> Option<Verdict> {
    let told = facts.newest(&["FailedMount", "FailedAttachVolume", "FailedMapVolume"])?;
    if let Some(verdict) = container::missing(case, &told.message) {
        return Some(verdict);
    }
    if PASSING.iter().any(|passing| told.message.contains(passing)) {
        return None;
    }
    let name = &case.part.name;
    let elsewhere = told.message.contains("Multi-Attach");
    let (message, fix) = match elsewhere {
        true => (
            format!("a volume of {name} is still attached to another node"),
            "it goes on once that node lets go, at most some minutes after the pod there has ended; a node that is off for good has to be deleted",
        ),
        false => (
            format!(
                "a volume of {name} cannot be {}",
                if told.reason == "FailedMount" { "mounted" } else { "attached" }
            ),
            "see that the volume's driver runs on the node and that what it names exists; nodes try again by themselves",
        ),
    };
    Some(Verdict {
        terminal: seconds >= MOUNT_SECONDS,
        holds: true,
        ..case.verdict(Cause::VolumeUnavailable, message, vec![told.message.clone()], fix)
    })
}
