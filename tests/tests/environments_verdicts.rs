//! What can't become ready is said so, with cause, evidence and fix, soon after Kubernetes knows.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::{Cause, Condition, Exit, PartState, Role, Verdict, condition};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use serde_json::{Value, json};
use stories::{World, contains, restart_operator, same, story, until};

/// Five times what is aimed at: the machine may be busy with other things.
const SOON: Duration = Duration::from_secs(50);
/// Kubernetes itself may take so long to find out.
const KNOWN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_version_without_an_image_is_a_verdict_before_anything_runs() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let text = world.outboard(&["env", "create", "qa", "--set", "web=nope"]).await?;
        println!("no such image: told {:.1} s after it was asked for", text.took.as_secs_f32());
        let text = text.ended(Exit::ImageNotFound)?;
        contains(&text.stderr, "waiting for image registry.testbed:5000/shop/web:nope")?;
        let again = world.outboard(&["env", "create", "qa", "--set", "web=nope", "-o", "json"]).await?;
        let last = again.ended(Exit::ImageNotFound)?.last()?;
        contains(&last.to_string(), "ImageNotFound")?;
        same("pods", &world.pods("qa").await?.len(), &0)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_digest_that_the_registry_does_not_have_is_a_verdict() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let chosen = format!("web=sha256:{}", "0".repeat(64));
        let arguments = ["--set", chosen.as_str()];
        let verdict = told(world, &arguments, Cause::ImageNotFound, 0, |pod| {
            let failed = |reason: &str| reason == "ErrImagePull" || reason == "ImagePullBackOff";
            of(pod, "web").and_then(waits_for).is_some_and(failed)
        })
        .await?;
        same("about", &verdict.about.as_str(), &"component web")?;
        contains(&verdict.message, "registry.testbed:5000/shop/web@sha256:0")?;
        contains(&verdict.fix, "outboard env set qa --set web=VERSION")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_crash_loop_is_a_verdict_with_exit_code_and_last_lines() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["components"]["web"]["env"]["FAIL"] = json!("crash")).await?;
        let verdict = told(world, &[], Cause::CrashLoop, 0, |pod| {
            of(pod, "web").and_then(waits_for).is_some_and(|reason| reason == "CrashLoopBackOff")
        })
        .await?;
        same("about", &verdict.about.as_str(), &"component web")?;
        contains(&verdict.message, "exit code 42")?;
        same("lines of evidence", &verdict.evidence.len(), &20)?;
        let last = verdict.evidence.last().context("no evidence")?;
        contains(last, "catalogue is corrupt: part 26 is missing")?;
        contains(&verdict.evidence[18], "loading catalogue part 25 of 25")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_failing_readiness_check_is_a_verdict_with_what_it_answered() -> Result<()> {
    const START: u64 = 5;
    story(async |world| {
        world
            .apply(|spec| {
                let web = &mut spec["components"]["web"];
                web["env"]["FAIL"] = json!("unready");
                web["health"]["start"] = json!(format!("{START}s"));
            })
            .await?;
        let verdict = told(world, &[], Cause::ReadinessFailing, START, |pod| {
            of(pod, "web").is_some_and(|web| web.state.as_ref().is_some_and(|state| state.running.is_some()))
        })
        .await?;
        same("about", &verdict.about.as_str(), &"component web")?;
        contains(&verdict.evidence.join("\n"), "503")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_failed_job_is_a_verdict_and_what_depends_on_it_is_not_started() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| spec["components"]["migrate"]["env"]["MIGRATE_FAIL"] = json!("orders is locked"))
            .await?;
        let verdict = told(world, &[], Cause::JobFailed, 0, |pod| {
            of(pod, "migrate").is_some_and(|job| {
                job.state
                    .as_ref()
                    .and_then(|state| state.terminated.as_ref())
                    .is_some_and(|end| end.exit_code == 3)
            })
        })
        .await?;
        same("about", &verdict.about.as_str(), &"job migrate")?;
        contains(&verdict.message, "exit code 3")?;
        contains(&verdict.evidence.join("\n"), "migration failed: orders is locked")?;
        let started = world.pods("qa").await?.iter().any(|pod| of(pod, "web").is_some());
        ensure!(!started, "web was started though its migration failed");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_pod_that_fits_nowhere_is_a_verdict_that_names_the_resource() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["components"]["web"]["resources"]["memory"] = json!("900Gi")).await?;
        let verdict = told(world, &[], Cause::Unschedulable, 0, |pod| {
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            let ours = pod
                .metadata
                .labels
                .iter()
                .flatten()
                .any(|(key, value)| key == api::marks::PART && value == "web");
            ours && conditions
                .into_iter()
                .any(|condition| condition.reason.as_deref() == Some("Unschedulable"))
        })
        .await?;
        same("about", &verdict.about.as_str(), &"component web")?;
        contains(&verdict.message, "not enough memory")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_operator_that_starts_anew_calls_nothing_ready_that_is_not() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                let web = &mut spec["components"]["web"];
                web["env"]["FAIL"] = json!("unready");
                web["health"]["start"] = json!("5s");
            })
            .await?;
        world.outboard(&["env", "create", "qa"]).await?.ended(Cause::ReadinessFailing.exit())?;
        // The first applies everything once and sees what comes of it; the second changes nothing and only looks.
        restart_operator(&world.client).await?;
        restart_operator(&world.client).await?;
        let watched = Instant::now();
        while watched.elapsed() < Duration::from_secs(8) {
            let status = world.environments().get("qa").await?.status.context("no status")?;
            let ready = condition::find(&status.conditions, condition::READY).is_some_and(Condition::is_true);
            ensure!(!ready, "it is called ready: {:#?}", status.parts);
            let web = status.parts.iter().find(|part| part.name == "web" && part.role == Role::Component);
            let state = web.map(|web| web.state).context("no web")?;
            ensure!(state != PartState::Ready, "web is called ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ensure!(world.verdict("qa").await?.is_some(), "the verdict has vanished");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn pods_that_kubernetes_refuses_are_a_verdict_whatever_asks_for_them() -> Result<()> {
    story(async |world| {
        let mighty = json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}});
        // What runs in a class of its own is left to Kubernetes' judgement, which comes once pods are made.
        stories::runtime_class(world).await?;
        let of_kind = [
            ("web", "component web", json!({})),
            ("web", "component web", json!({"volumes": {"/data": {"storage": "1Mi"}}})),
            ("migrate", "job migrate", json!({})),
        ];
        for (number, (component, about, also)) in of_kind.into_iter().enumerate() {
            world
                .apply(|spec| {
                    let asked = &mut spec["components"][component];
                    asked["container"] = mighty.clone();
                    asked["pod"] = json!({"runtimeClassName": world.name});
                    also.as_object()
                        .into_iter()
                        .flatten()
                        .for_each(|(key, value)| asked[key] = value.clone());
                })
                .await?;
            let name = format!("qa-{number}");
            let ended = world.outboard(&["env", "create", &name]).await?;
            println!("{about} {also}: told after {:.1} s", ended.took.as_secs_f32());
            ended.ended(Cause::AdmissionRefused.exit())?;
            let verdict = world.verdict(&name).await?.context("no verdict")?;
            same("about", &verdict.about.as_str(), &about)?;
            contains(&verdict.message, "violates PodSecurity \"baseline:latest\": non-default capabilities")?;
        }
        stories::forget_runtime_class(world).await
    })
    .await
}

/// Creates `qa`, which must end by itself with this verdict, in text and as data. Measures from the moment at
/// which a pod shows the cause (plus the seconds the project allows) until the verdict is in the status.
async fn told(
    world: &World,
    arguments: &[&str],
    cause: Cause,
    allowed: u64,
    knows: impl Fn(&Pod) -> bool,
) -> Result<Verdict> {
    let create = [&["env", "create", "qa"], arguments].concat();
    let measured = async {
        let known = until("Kubernetes knows", KNOWN, async || {
            Ok(world.pods("qa").await?.iter().any(&knows).then(Instant::now))
        })
        .await?;
        let given = until("a verdict", SOON + Duration::from_secs(allowed), async || {
            Ok(world.verdict("qa").await?.map(|_| Instant::now()))
        })
        .await?;
        Ok::<_, anyhow::Error>(given.duration_since(known))
    };
    let (output, took) = tokio::join!(world.outboard(&create), measured);
    let (output, took) = (output?.ended(cause.exit())?, took?);
    let late = took.saturating_sub(Duration::from_secs(allowed));
    println!(
        "{cause:?}: {} ms after Kubernetes knew (and {allowed} s that the project allows)",
        late.as_millis()
    );
    ensure!(late < SOON, "the verdict came {} s late", late.as_secs());

    let verdict = world.verdict("qa").await?.context("the verdict has vanished")?;
    same("the cause", &verdict.cause, &cause)?;
    contains(&output.stderr, &verdict.about)?;
    contains(&output.stderr, &verdict.fix)?;
    for line in &verdict.evidence {
        contains(&output.stderr, line.trim_end())?;
    }

    // The same as data; creating it again only waits.
    let again = [&create[..], &["-o", "json"]].concat();
    let data = world.outboard(&again).await?.ended(cause.exit())?.last()?;
    same("the last event", &data["event"], &json!("error"))?;
    let error: &Value = &data["error"];
    same("its exit code", &error["exit"], &json!(cause.exit().code()))?;
    let given: Verdict = serde_json::from_value(error["verdict"].clone())?;
    same("its cause", &given.cause, &cause)?;
    same("what it is about", &given.about, &verdict.about)?;
    same("its fix", &given.fix, &verdict.fix)?;
    ensure!(!given.evidence.is_empty(), "no evidence");
    Ok(verdict)
}

/// The container of this name.
fn of<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.iter().find(|container| container.name == name)
}

fn waits_for(container: &ContainerStatus) -> Option<&str> {
    container.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}
