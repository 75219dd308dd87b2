//! Images that nodes cannot have, told apart by the runtime's words.

use api::{Cause, Verdict};

use super::case::Case;
use crate::plan::pull;

/// Why a node cannot have an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    Missing,
    Denied,
    /// Made for other nodes.
    Architecture,
    /// Asked too often.
    Limited,
    /// The registry does not answer, or not as one.
    Away,
}

/// None: it is being pulled.
pub fn judge(reason: &str, message: &str) -> Option<Pull> {
    // Whole words: a digest has every number in it.
    const LIMITED: [&str; 3] = ["toomanyrequests", "429 Too Many Requests", "rate limit"];
    const OTHER: [&str; 3] =
        ["no match for platform", "no match for current platform", "no matching manifest"];
    const DENIED: [&str; 5] =
        ["401 Unauthorized", "403 Forbidden", "access denied", "authorization failed", "no basic auth"];
    const ABSENT: [&str; 4] = ["not found", "manifest unknown", "name unknown", "404 Not Found"];
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match reason {
        "InvalidImageName" | "ErrImageNeverPull" => Some(Pull::Missing),
        "ErrImagePull" | "ImagePullBackOff" => Some(match () {
            // A limit is told as a refusal, another architecture as something that is not found.
            () if says(&LIMITED) => Pull::Limited,
            () if says(&OTHER) => Pull::Architecture,
            () if says(&DENIED) => Pull::Denied,
            () if says(&ABSENT) => Pull::Missing,
            () => Pull::Away,
        }),
        "RegistryUnavailable" => Some(Pull::Away),
        _ => None,
    }
}

pub fn verdict(case: &Case<'_>, image: &str, message: &str, pull: Pull) -> Verdict {
    let (name, environment) = (&case.part.name, case.environment);
    let evidence = vec![message.to_owned()];
    match pull {
        Pull::Missing => case.verdict(
            Cause::ImageNotFound,
            format!("image {image} does not exist"),
            evidence,
            format!(
                "push the image, or choose a version that exists: outboard env set {environment} --set {name}=VERSION"
            ),
        ),
        Pull::Denied => case.verdict(
            Cause::ImageDenied,
            format!("the registry does not let nodes pull image {image}"),
            evidence,
            format!(
                "check the image's name, or put credentials that may pull it into Secret {} of the control namespace, then outboard env restart {environment} {name}",
                pull::NAME
            ),
        ),
        Pull::Architecture => other_architecture(case, image, evidence),
        Pull::Limited => Verdict {
            holds: true,
            ..case.verdict(
                Cause::RateLimited,
                format!("the registry of image {image} refuses for now: its rate limit is reached"),
                evidence,
                format!(
                    "nodes try again by themselves; with credentials in Secret {} of the control namespace the limit is usually higher",
                    pull::NAME
                ),
            )
        },
        Pull::Away => Verdict {
            terminal: false,
            ..case.verdict(
                Cause::RegistryUnreachable,
                format!("nodes cannot pull image {image} from its registry"),
                evidence,
                "nodes try again by themselves; see that the registry answers, and that nodes reach it and trust its certificate",
            )
        },
    }
}

/// The verdict on an image that runs on other nodes only.
pub fn other_architecture(case: &Case<'_>, image: &str, evidence: Vec<String>) -> Verdict {
    let name = &case.part.name;
    case.verdict(
        Cause::WrongArchitecture,
        format!("image {image} is not made for the architecture of these nodes"),
        evidence,
        format!(
            "build it for them, too, as by docker buildx build --platform linux/amd64,linux/arm64, or run {name} on nodes that it is made for: {name}.pod.nodeSelector in outboard.yaml"
        ),
    )
}
