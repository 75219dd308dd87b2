//! What components may ask for, one behaviour a story: schedules, files, sidecars, storage, ports, jobs after everything
//! else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stories::{Running, World, images, same, story, talk, until};

/// Cron counts minutes.
const NEXT_RUN: Duration = Duration::from_secs(90);

/// A component that does nothing by itself: the shop's image has a shell, and no need of a database for that.
fn idle(more: Value) -> Value {
    let mut component =
        json!({"image": "registry.testbed:5000/shop/web", "version": "1", "command": ["sleep", "infinity"]});
    if let (Value::Object(component), Value::Object(more)) = (&mut component, more) {
        component.extend(more);
    }
    component
}

/// A project of these components alone.
async fn apply(world: &World, components: Value) -> Result<()> {
    world
        .apply(|spec| {
            *spec = json!({"components": components, "classes": {"qa": {}}});
        })
        .await?;
    Ok(())
}

async fn reads(world: &World, environment: &str, component: &str, path: &str) -> Result<String> {
    let output = world.outboard(&["exec", environment, component, "--", "cat", path]).await?;
    Ok(output.ended(Exit::Success)?.stdout)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_schedule_fires_and_a_job_that_comes_after_runs_once_all_is_ready() -> Result<()> {
    story(async |world| {
        let smoke = json!({"job": "after", "uses": ["web"], "command": ["sh", "-c", "echo all is well"]});
        let cron = json!({"schedule": "* * * * *", "command": ["sh", "-c", "echo fired"]});
        apply(world, json!({"web": idle(json!({})), "smoke": idle(smoke), "cron": idle(cron)})).await?;
        world.create("qa", &[]).await?;
        let jobs = Api::<Job>::namespaced(world.client.clone(), &world.namespace("qa"));
        let after = jobs
            .list(&ListParams::default())
            .await?
            .items
            .into_iter()
            .find(|job| job.name_any().starts_with("smoke-"));
        let begun = after.context("no job")?.metadata.creation_timestamp.context("no time")?.0;
        let pods = world.pods("qa").await?;
        let web = pods.iter().find(|pod| pod.name_any().starts_with("web-")).context("no pod of web")?;
        let conditions =
            web.status.as_ref().and_then(|status| status.conditions.as_ref()).context("no conditions")?;
        let ready = conditions
            .iter()
            .find(|condition| condition.type_ == "Ready")
            .and_then(|ready| ready.last_transition_time.as_ref());
        ensure!(ready.is_some_and(|ready| ready.0 <= begun), "the job began before web was ready");

        until("cron has fired", NEXT_RUN, async || {
            let fired = jobs.list(&ListParams::default()).await?.items.into_iter().any(|job| {
                let complete = job.status.as_ref().and_then(|status| status.succeeded) == Some(1);
                job.name_any().starts_with("cron-") && complete
            });
            Ok(fired.then_some(()))
        })
        .await?;
        // What cron made is neither drift nor ours to prune.
        world.ready("qa", NEXT_RUN).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_changed_file_replaces_the_pods_once_and_an_unchanged_one_never() -> Result<()> {
    story(async |world| {
        let note = world.directory().join("note.txt");
        std::fs::write(&note, "to ${url.nowhere} with $${care}\n")?;
        let web = json!({"ports": {"http": 8080}, "files": {"/etc/web/note.txt": "./note.txt"}});
        let project = json!({"components": {"web": idle(web)}, "routes": [], "classes": {"qa": {}}});
        let refused = world.apply(|spec| spec.clone_from(&project)).await.err();
        let refused = refused.context("a file that names a route that is not there was accepted")?;
        ensure!(refused.to_string().contains("nowhere"), "{refused}");
        std::fs::write(&note, "with $${care}\n")?;
        world.apply(|spec| spec.clone_from(&project)).await?;
        world.create("qa", &[]).await?;
        same(
            "the file",
            &reads(world, "qa", "web", "/etc/web/note.txt").await?,
            &"with ${care}\n".to_owned(),
        )?;

        std::fs::write(&note, "with more care\n")?;
        world.apply(|spec| spec.clone_from(&project)).await?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        same(
            "the file",
            &reads(world, "qa", "web", "/etc/web/note.txt").await?,
            &"with more care\n".to_owned(),
        )?;
        same("generations of pods", &replica_sets(&world.client, &world.namespace("qa")).await?, &2)?;
        let pods = world.uids("qa").await?;
        world.apply(|spec| spec.clone_from(&project)).await?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        same("the pods", &world.uids("qa").await?, &pods)?;
        // The old content is back with the old revision.
        world.outboard(&["env", "rollback", "qa"]).await?.ended(Exit::Success)?;
        same("the file", &reads(world, "qa", "web", "/etc/web/note.txt").await?, &"with ${care}\n".to_owned())
    })
    .await
}

async fn replica_sets(client: &Client, namespace: &str) -> Result<usize> {
    Ok(Api::<ReplicaSet>::namespaced(client.clone(), namespace)
        .list(&ListParams::default())
        .await?
        .items
        .len())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_sidecar_shares_a_volume_and_the_plan_says_what_is_raw() -> Result<()> {
    story(async |world| {
        let web = json!({
            "volumes": {"/shared": {"memory": "1Mi"}},
            "pod": {"containers": [{
                "name": "writer", "image": "registry.testbed:5000/shop/web:1",
                "command": ["sh", "-c", "echo hello > /out/file; exec sleep infinity"],
                "volumeMounts": [{"name": "shared", "mountPath": "/out"}],
                "securityContext": {"allowPrivilegeEscalation": false},
            }]},
        });
        apply(world, json!({"web": idle(web.clone())})).await?;
        world.create("qa", &[]).await?;
        until("the sidecar's word", NEXT_RUN, async || {
            let read = world.outboard(&["exec", "qa", "web", "--", "cat", "/shared/file"]).await?;
            Ok((read.stdout == "hello\n").then_some(()))
        })
        .await?;
        let mut other = web;
        other["pod"]["nodeSelector"] = json!({"kubernetes.io/os": "linux"});
        apply(world, json!({"web": idle(other)})).await?;
        let plan = world.outboard(&["env", "update", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
        ensure!(
            plan.stdout.contains("pod.nodeSelector") && plan.stdout.contains("own words"),
            "{}",
            plan.stdout
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_a_component_stores_outlives_its_pods() -> Result<()> {
    story(async |world| {
        let store = json!({"user": "10001:10001", "volumes": {"/data": {"storage": "64Mi"}}});
        apply(world, json!({"store": idle(store)})).await?;
        world.create("qa", &[]).await?;
        let write = ["exec", "qa", "store", "--", "sh", "-c", "echo kept > /data/file"];
        world.outboard(&write).await?.ended(Exit::Success)?;
        let pods = world.uids("qa").await?;
        world.outboard(&["env", "restart", "qa", "store"]).await?.ended(Exit::Success)?;
        ensure!(world.uids("qa").await? != pods, "no pod was replaced");
        same("the file", &reads(world, "qa", "store", "/data/file").await?, &"kept\n".to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_tcp_port_is_reached_by_other_components_and_from_a_persons_machine() -> Result<()> {
    story(async |world| {
        images(&["testbed/talk"]).await?;
        let image = "registry.testbed:5000/testbed/talk";
        let lines = json!({
            "image": image, "version": "1", "ports": {"http": 8080, "lines": 7070},
            "health": {"ready": {"tcp": "lines"}},
        });
        let caller = json!({
            "image": image, "version": "1", "uses": ["lines"],
            "env": {"LINES": "${lines.host}:${lines.port.lines}"},
        });
        apply(world, json!({"lines": lines, "caller": caller})).await?;
        world.create("qa", &[]).await?;
        let ask = ["exec", "qa", "caller", "--", "/usr/bin/talk", "tcp", "$LINES", "from inside"];
        // A node learns a moment after the pod is ready where it is.
        let answer = until("an answer", NEXT_RUN, async || {
            Ok(Some(world.outboard(&ask).await?.ended(Exit::Success)?.stdout))
        })
        .await?;
        ensure!(answer.starts_with("lines-") && answer.ends_with(": from inside\n"), "{answer}");

        let mut forward = Running::begin(world, &["forward", "qa", "lines", "0:lines", "-o", "json"], b"")?;
        let address = forward
            .says("an address", |said| {
                let first: Value = serde_json::from_str(said.lines().next()?).ok()?;
                first["address"].as_str().map(str::to_owned)
            })
            .await?;
        let answer = talk(&["tcp", &address, "from outside"]).await?;
        ensure!(answer.starts_with("lines-") && answer.ends_with(": from outside\n"), "{answer}");
        forward.signal(Signal::SIGINT)?;
        forward.ended().await?.ended(Exit::Interrupted).map(drop)
    })
    .await
}
