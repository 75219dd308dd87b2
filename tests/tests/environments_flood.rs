//! A developer who asks for a thousand environments at once gets as many as their project allows, and keeps
//! nobody from theirs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::{Cause, Environment, Exit};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;
use stories::{Metrics, Person, light, same, story, until};

const MANY: usize = 1000;
const ALLOWED: usize = 3;
/// So many requests at once: more than a browser, less than an attack on the API server itself.
const AT_ONCE: usize = 50;
/// Five times what is aimed at: the machine may be busy with other things.
const JUDGED: Duration = Duration::from_secs(150);
/// Another's environment waits behind those that came before it: half a minute is aimed at, a second is usual alone.
const MEANWHILE: Duration = Duration::from_secs(150);
const GONE: Duration = Duration::from_secs(300);
/// What the operator may take of memory.
const BYTES: f64 = 128.0 * 1024.0 * 1024.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_thousand_environments_at_once_are_no_more_than_the_project_allows() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                *spec = light();
                spec["access"] = json!({"developer": {"users": ["mallory", "dana"]}});
                spec["limits"] = json!({"environmentsPerOwner": ALLOWED});
            })
            .await?;
        let (mallory, dana) = (Person::new(world, "mallory").await?, Person::new(world, "dana").await?);
        // How long one takes on this machine when nothing else happens.
        let alone = dana.outboard(world, &["env", "create", "before"]).await?.ended(Exit::Success)?.took;
        let operators = operators(&world.client).await?;

        let mut spec = world.environments().get("before").await?.spec;
        // No plan was shown for theirs.
        spec.change = None;
        let theirs: Api<Environment> = Api::namespaced(mallory.client.clone(), &world.name);
        let names: Vec<String> = (0..MANY).map(|number| format!("m{number}")).collect();
        let begun = Instant::now();
        let create = async |name: &String| {
            let mut new = Environment::new(name, spec.clone());
            new.spec.owner = Some("mallory".to_owned());
            theirs.create(&PostParams::default(), &new).await.map(drop)
        };
        let asked = async {
            stream::iter(&names).map(create).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
            Ok(begun.elapsed())
        };
        let meanwhile = async { dana.outboard(world, &["env", "create", "meanwhile"]).await?.ended(Exit::Success) };
        let (asked, meanwhile): (Result<Duration>, _) = futures::join!(asked, meanwhile);
        let (asked, meanwhile) = (asked?, meanwhile?.took);

        let judged = until("each of them let in or told why not", JUDGED, async || {
            let all = world.environments().list(&ListParams::default()).await?;
            let all = all.iter().filter(|one| one.spec.owner.as_deref() == Some("mallory"));
            let (mut within, mut waiting) = (BTreeSet::new(), 0);
            for one in all {
                let status = one.status.clone().unwrap_or_default();
                match status.verdict {
                    Some(verdict) if verdict.cause == Cause::QuotaExceeded => waiting += 1,
                    _ if status.revision.is_some() => drop(within.insert(one.name_any())),
                    _ => {}
                }
            }
            Ok((within.len() + waiting == MANY).then_some(within))
        })
        .await?;
        let told = begun.elapsed();
        same("environments that were let in", &judged.len(), &ALLOWED)?;
        same("namespaces", &world.namespaces().await?.len(), &(ALLOWED + 2))?;
        for name in &judged {
            world.ready(name, JUDGED).await?;
        }
        let memory = Metrics::of_operator(&world.client).await?.value("process_resident_memory_bytes");
        let memory = memory.context("the operator does not tell its memory")?;
        println!(
            "{MANY} asked for within {:.1} s, each judged after {:.1} s, {ALLOWED} let in; another's environment: {:.1} s alone, \
             {:.1} s meanwhile; the operator has {:.0} MiB",
            asked.as_secs_f32(),
            told.as_secs_f32(),
            alone.as_secs_f32(),
            meanwhile.as_secs_f32(),
            memory / 1024.0 / 1024.0,
        );
        ensure!(meanwhile < MEANWHILE, "another's environment took {meanwhile:?} in place of {alone:?}");
        ensure!(memory < BYTES, "the operator has {memory} bytes");

        // Their own they may take back, and then nothing is left of it.
        let begun = Instant::now();
        let delete = async |name: &String| theirs.delete(name, &DeleteParams::default()).await.map(drop);
        stream::iter(&names).map(delete).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        until("all of them gone", GONE, async || {
            Ok((world.environments().list(&ListParams::default()).await?.items.len() == 2).then_some(()))
        })
        .await?;
        println!("all gone after {:.1} s", begun.elapsed().as_secs_f32());
        same("namespaces", &world.namespaces().await?.len(), &2)?;
        same("the operator's pods", &self::operators(&world.client).await?, &operators)
    })
    .await
}

/// Its pods, and how often each was started again.
async fn operators(client: &kube::Client) -> Result<BTreeSet<(String, i32)>> {
    let pods = Api::<Pod>::namespaced(client.clone(), "outboard-system").list(&ListParams::default()).await?;
    let restarts = |pod: &Pod| {
        let status = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        status.into_iter().flatten().map(|container| container.restart_count).sum()
    };
    Ok(pods.iter().map(|pod| (pod.name_any(), restarts(pod))).collect())
}
