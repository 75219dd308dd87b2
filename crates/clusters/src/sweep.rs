//! Deletes what a cluster's own Kubernetes has made in AWS, and waits for what uses it.

use std::time::{Duration, Instant};

use aws::{Deletion, Part};

use crate::plan::sweep::{Swept, sort};
use crate::work::Work;
use crate::{Error, Event, Result, Sink};

/// AWS takes the interfaces of a load balancer away minutes after it.
const LONGEST: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(3);

/// What there is of it now.
pub async fn look(work: &Work) -> Result<Swept> {
    let failed = |failure| Error::Aws { doing: "look for what Kubernetes has made in AWS", failure };
    let id = &work.identity.id;
    let mut all =
        work.account.tagged(&format!("kubernetes.io/cluster/{id}"), "owned").await.map_err(failed)?;
    // Interfaces of pods, where each has an address of the network (eks).
    all.extend(work.account.tagged("cluster.k8s.amazonaws.com/name", id).await.map_err(failed)?);
    // What the AWS Load Balancer Controller makes.
    all.extend(work.account.tagged("elbv2.k8s.aws/cluster", id).await.map_err(failed)?);
    Ok(sort(&all))
}

/// Deletes what is used by nothing, and leaves the rest for later: nodes that are there still use some of it.
pub async fn try_once(work: &Work, parts: &[Part], sink: Sink<'_>) -> Result<()> {
    for part in parts {
        if deleted(work, part).await? == Deletion::Done {
            sink(Event::Done { address: name(part).to_owned(), action: "delete".to_owned(), seconds: 0 });
        }
    }
    Ok(())
}

/// Deletes them one after the other; whoever asks again goes on.
pub async fn delete(work: &Work, parts: &[Part], sink: Sink<'_>) -> Result<()> {
    let begun = Instant::now();
    for part in parts {
        let mut told = false;
        while let Deletion::InUse(why) = deleted(work, part).await? {
            if begun.elapsed() > LONGEST {
                return Err(Error::InUse { what: name(part).to_owned(), why });
            }
            if !told {
                sink(Event::note(format!("{} is used still: waiting for that ({why})", name(part))));
                told = true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        sink(Event::Done { address: name(part).to_owned(), action: "delete".to_owned(), seconds: 0 });
    }
    Ok(())
}

async fn deleted(work: &Work, part: &Part) -> Result<Deletion> {
    let failed = |failure| Error::Aws { doing: "delete what Kubernetes has made in AWS", failure };
    work.account.delete(part).await.map_err(failed)
}

/// What AWS calls it.
pub fn name(part: &Part) -> &str {
    match part {
        Part::LoadBalancer(name)
        | Part::ClassicBalancer(name)
        | Part::TargetGroup(name)
        | Part::Interface(name)
        | Part::SecurityGroup(name)
        | Part::Volume(name) => name,
    }
}
