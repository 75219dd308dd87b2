//! Destroys a cluster, and proves that nothing of it is left.

use std::time::{Duration, Instant};

use aws::OwnParameters;
use serde::Serialize;

use crate::applying::carry_out;
use crate::giving_back::GivenBack;
use crate::plan::giving_back::{self as plan, Agreed, Phase, Step};
use crate::plan::names::Identity;
use crate::plan::root::TAG;
use crate::plan::sweep::{Count, Swept, lingers};
use crate::planning::Planned;
use crate::stop::unless;
use crate::stored::stored;
use crate::work::Work;
use crate::{Error, Event, Result, Sink, giving_back, own_lock, pki, reach, sweep};

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub name: String,
    pub id: String,
    /// Resources that were destroyed by this command.
    pub destroyed: usize,
    /// What its Kubernetes had made, and was deleted by this command.
    pub swept: Count,
    /// What became of each phase, those of earlier commands included.
    pub phases: Vec<Step>,
    pub seconds: u64,
    /// What is left; a receipt is only given when it is nothing.
    pub left: usize,
    /// What stays on purpose, and how long.
    pub kept: Vec<String>,
}

/// How a cluster is destroyed.
pub struct Way<'a> {
    /// What goes with it, as somebody was shown it.
    pub agreed: &'a Agreed,
    pub keep_volumes: bool,
}

/// AWS' index of tags is some minutes late.
const LATE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_secs(5);

/// What carries the cluster's tag, also after a while.
async fn still_tagged(work: &Work) -> Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        let tagged = work.account.tagged(TAG, &work.identity.id).await;
        let tagged = tagged.map_err(|failure| Error::Aws { doing: "look for what is left", failure })?;
        let left: Vec<String> = tagged.into_iter().map(|one| one.arn).filter(|arn| !lingers(arn)).collect();
        if left.is_empty() || begun.elapsed() > LATE {
            return Ok(left);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Where the phases are noted down, so that a second attempt and whoever looks on know them.
pub fn key(identity: &Identity) -> String {
    format!("{}/destroy.json", identity.prefix())
}

pub async fn steps(bucket: &aws::OwnBucket, identity: &Identity) -> Result<Vec<Step>> {
    let found = bucket.get(&key(identity)).await;
    let found = found.map_err(|failure| Error::Aws { doing: "read how far its destruction is", failure })?;
    // Those of a later outboard that cannot be read are as good as none.
    Ok(found.and_then(|found| serde_json::from_slice(&found.bytes).ok()).unwrap_or_default())
}

async fn note(
    work: &Work,
    steps: &mut Vec<Step>,
    phase: Phase,
    done: bool,
    said: String,
    sink: Sink<'_>,
) -> Result<()> {
    noted(work, steps, Step { phase, done, said, left: Vec::new(), holds: false, at: now() }, sink).await
}

async fn noted(work: &Work, steps: &mut Vec<Step>, step: Step, sink: Sink<'_>) -> Result<()> {
    match step.done {
        true => sink(Event::Checked { what: step.phase.word(), found: step.said.clone() }),
        false => sink(Event::note(format!("{}: {}", step.phase.word(), step.said))),
    }
    plan::note_down(steps, step);
    write(work, steps).await
}

async fn write(work: &Work, steps: &[Step]) -> Result<()> {
    if work.backend.is_none() {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&steps).unwrap_or_default();
    let written = work.bucket.put(&key(&work.identity), text).await;
    written.map_err(|failure| Error::Aws { doing: "note down how far its destruction is", failure })
}

/// While there is a Kubernetes that can do it, it gives back itself what it has outside. Where none answers the sweep finds what
/// it can by tags.
async fn give_back(
    work: &Work,
    way: &Way<'_>,
    steps: &mut Vec<Step>,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<()> {
    let keep_volumes = way.keep_volumes;
    let reached = match &way.agreed.passed_over {
        Some(why) => Err(why.clone()),
        None => unless(interrupted, Box::pin(reach::of_doomed(work))).await?,
    };
    let asked = match reached {
        Ok((client, _)) => {
            let held = unless(interrupted, Box::pin(tried(giving_back::held(&client, way.agreed)))).await?;
            held.map(|held| (client, held))
        }
        Err(why) => Err(why),
    };
    let (client, held) = match asked {
        Ok(asked) => asked,
        Err(why) => {
            for phase in [Phase::Hostnames, Phase::LoadBalancers, Phase::Volumes] {
                note(work, steps, phase, false, why.clone(), sink).await?;
            }
            return Ok(());
        }
    };
    if !held.is_empty() {
        return Err(Error::Held(held));
    }
    sink(Event::Doing { what: "having hostnames given back".to_owned() });
    let hosts =
        unless(interrupted, Box::pin(tried(giving_back::hostnames(&client, keep_volumes, sink)))).await?;
    given(work, steps, Phase::Hostnames, "hostnames and environments", hosts, sink).await?;
    sink(Event::Doing { what: "having load balancers given back".to_owned() });
    let balancers = unless(interrupted, Box::pin(tried(giving_back::balancers(&client, sink)))).await?;
    given(work, steps, Phase::LoadBalancers, "load balancers", balancers, sink).await?;
    if keep_volumes {
        return note(work, steps, Phase::Volumes, true, plan::KEPT.to_owned(), sink).await;
    }
    sink(Event::Doing { what: "having volumes given back".to_owned() });
    // Before nodes are kept from taking pods: whoever takes the destruction back has to know.
    let (phase, said) = (Phase::Volumes, "begun".to_owned());
    plan::note_down(steps, Step { phase, done: false, said, left: Vec::new(), holds: true, at: now() });
    write(work, steps).await?;
    let volumes = unless(interrupted, Box::pin(tried(giving_back::volumes(&client, sink)))).await?;
    given(work, steps, Phase::Volumes, "volumes", volumes, sink).await
}

/// An API that fails in the middle is as one that does not answer: no reason to leave a cluster that costs money.
async fn tried<T>(work: impl Future<Output = Result<T>>) -> Result<Result<T, String>> {
    match work.await {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(Error::GivingBack { why }) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}

async fn given(
    work: &Work,
    steps: &mut Vec<Step>,
    phase: Phase,
    what: &str,
    outcome: Result<GivenBack, String>,
    sink: Sink<'_>,
) -> Result<()> {
    let given = match outcome {
        Ok(given) => given,
        Err(why) => return note(work, steps, phase, false, why, sink).await,
    };
    let said = given.said(what);
    let GivenBack { left, holds, .. } = given;
    let step = Step { phase, done: left.is_empty(), said, left, holds, at: now() };
    noted(work, steps, step, sink).await
}

/// Everything that has to go before Terraform can delete the rest. Nobody else changes the cluster meanwhile.
async fn cleared(
    work: &Work,
    way: &Way<'_>,
    steps: &mut Vec<Step>,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Swept> {
    // Else nothing was ever made.
    if work.backend.is_none() {
        return swept(work, way.keep_volumes, steps, interrupted, sink).await;
    }
    own_lock::take(work, "outboard has the cluster give back what it has outside").await?;
    let given = give_back(work, way, steps, interrupted, sink).await;
    let outcome = match given {
        Ok(()) => swept(work, way.keep_volumes, steps, interrupted, sink).await,
        Err(error) => Err(error),
    };
    let released = own_lock::release(work).await;
    // What went wrong first is what there is to know.
    outcome.and_then(|swept| released.map(|()| swept))
}

/// Deletes what Kubernetes has made and not given back; what is left of it for later.
async fn swept(
    work: &Work,
    keep_volumes: bool,
    steps: &mut Vec<Step>,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Swept> {
    let mut swept = unless(interrupted, sweep::look(work)).await?;
    // What the sweep cannot find: records carry no tag.
    let hosts = steps.iter().filter(|step| step.phase == Phase::Hostnames).flat_map(|step| &step.left);
    swept.kept.extend(hosts.map(|host| format!("records of {host} in Route 53, if there are any")));
    if keep_volumes {
        swept.kept.extend(swept.after.drain(..).map(|part| sweep::name(&part).to_owned()));
    }
    if !swept.count().is_nothing() {
        sink(Event::Doing { what: "deleting what Kubernetes has made".to_owned() });
    }
    unless(interrupted, sweep::delete(work, &swept.balancers(), sink)).await?;
    unless(interrupted, sweep::try_once(work, &swept.rest(), sink)).await?;
    let said = match swept.before.len() {
        0 => "nothing of Kubernetes was left in AWS".to_owned(),
        count => format!("{count} things of Kubernetes were left in AWS"),
    };
    note(work, steps, Phase::Sweep, true, said, sink).await?;
    Ok(swept)
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// First what Kubernetes has made, which cannot be deleted around it: it gives it back, and the rest is swept; then Terraform; then
/// what nodes held.
pub async fn destroy(
    work: &Work,
    planned: &Planned,
    way: &Way<'_>,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Receipt> {
    let begun = Instant::now();
    let mut steps = match work.backend {
        Some(_) => steps(&work.bucket, &work.identity).await?,
        None => Vec::new(),
    };
    plan::go_on(&mut steps);
    let keep_volumes = way.keep_volumes;
    let mut swept = cleared(work, way, &mut steps, interrupted, sink).await?;
    let count = swept.count();
    if !planned.summary.is_empty() {
        let ended = carry_out(work, planned, "destroy", interrupted, sink).await?;
        if ended.interrupted {
            return Err(Error::Stopped { done: ended.look.done, total: ended.look.total });
        }
    }
    let said = format!("{} resources destroyed", planned.summary.delete);
    note(work, &mut steps, Phase::Terraform, true, said, sink).await?;
    // Its controllers lived until its nodes went: what they made meanwhile goes, too.
    let late = unless(interrupted, sweep::look(work)).await?;
    unless(interrupted, sweep::delete(work, &late.before, sink)).await?;
    if keep_volumes {
        swept.kept.extend(late.after.iter().map(|part| sweep::name(part).to_owned()));
        swept.kept.sort();
        swept.kept.dedup();
    } else {
        unless(interrupted, sweep::delete(work, &late.after, sink)).await?;
    }
    // Nodes are gone: nobody asks for them any more.
    let keys = OwnParameters::reach(&work.file.spec.region).await;
    let failed = |failure| Error::Aws { doing: "delete the cluster's parameters", failure };
    keys.map_err(failed)?.delete_under(&pki::path(&work.identity)).await.map_err(failed)?;
    let mut left = Vec::new();
    if let Some(stored) = stored(work).await?.filter(|stored| stored.count() > 0) {
        left.extend(stored.resources.keys().map(|kind| format!("{kind} in the state")));
    }
    sink(Event::Doing { what: format!("looking for what still carries {TAG}={}", work.identity.id) });
    left.extend(unless(interrupted, still_tagged(work)).await?);
    if !left.is_empty() {
        return Err(Error::Left(left));
    }
    let proof = Step {
        phase: Phase::Proof,
        done: true,
        said: format!("nothing carries {TAG}={} any more", work.identity.id),
        left: Vec::new(),
        holds: false,
        at: now(),
    };
    plan::note_down(&mut steps, proof);
    // Only now: until here they are what a second attempt needs.
    let failed = |failure| Error::Aws { doing: "empty the cluster's folder in the bucket", failure };
    for key in work.bucket.keys(&format!("{}/", work.identity.prefix())).await.map_err(failed)? {
        work.bucket.delete(&key).await.map_err(failed)?;
    }
    work.folder.clear()?;
    swept.kept.push(format!("old versions of its state in bucket {}, 90 days", work.identity.bucket));
    Ok(Receipt {
        name: work.identity.name.clone(),
        id: work.identity.id.clone(),
        destroyed: planned.summary.delete,
        swept: count,
        phases: steps,
        seconds: begun.elapsed().as_secs(),
        left: 0,
        kept: swept.kept,
    })
}
