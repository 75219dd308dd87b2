//! Inside an environment: commands in what runs, its ports on this machine, tools beside it, one-off pods.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Exit, marks};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stories::{Output, Running, World, contains, same, story, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Kubernetes may take so long for what it does by itself.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn exec_ends_with_the_exit_code_of_the_command_and_feeds_it_only_when_asked_to() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;

        let ran = world
            .outboard(&["exec", "qa", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 7"])
            .await?;
        same(
            "code, stdout and stderr",
            &(ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            &(7, "out\n", "err\n"),
        )?;

        // Much more than the connection holds, both ways at once.
        let much = "0123456789abcde\n".repeat(512 * 1024);
        let fed = fed(world, &["exec", "qa", "db", "-i", "--", "cat"], &much).await?;
        same("its code", &fed.code, &0)?;
        ensure!(fed.stdout == much, "{} bytes went in, {} came back", much.len(), fed.stdout.len());
        let unfed = self::fed(world, &["exec", "qa", "web", "--", "cat"], "lost").await?;
        same("code and stdout", &(unfed.code, unfed.stdout.as_str()), &(0, ""))?;

        // What cannot be run is said, not run.
        let refused = [
            (vec!["exec", "qa", "wbe", "--", "ls"], Exit::NotFound, "did you mean `web`?"),
            (vec!["exec", "aq", "web", "--", "ls"], Exit::NotFound, "did you mean `qa`?"),
            (vec!["exec", "qa", "migrate", "--", "ls"], Exit::Usage, "outboard env run qa migrate"),
            (vec!["exec", "qa", "web", "--", "nosuch"], Exit::Usage, "has no command `nosuch`"),
            (
                vec!["exec", "qa", "web", "--pod", "web-x", "--", "ls"],
                Exit::NotFound,
                "pod `web-x` does not exist",
            ),
            (vec!["exec", "qa", "web"], Exit::Usage, "no terminal for a shell"),
        ];
        for (arguments, exit, words) in refused {
            contains(&world.outboard(&arguments).await?.ended(exit)?.stderr, words)?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn forward_answers_on_the_loopback_and_goes_on_when_pods_are_replaced() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;

        let mut forward = Running::begin(world, &["forward", "qa", "web", "http", "-o", "json"], b"")?;
        let listening = forward.says("an address", first_event).await?;
        same("the event", &listening["event"], &json!("listening"))?;
        same("the port", &listening["port"], &json!(8080))?;
        let address: SocketAddr = listening["address"].as_str().context("no address")?.parse()?;
        ensure!(address.ip().is_loopback(), "it listens on {address}");
        let together = futures::future::try_join_all((0..10).map(|_| healthy(address))).await?;
        ensure!(together.into_iter().all(|healthy| healthy), "not all of ten at once were answered");

        // Every pod it could have known goes; the next connection finds another.
        let before = world.uids("qa").await?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
        let web = ListParams::default().labels(&format!("{}=web", marks::PART));
        pods.delete_collection(&DeleteParams::default(), &web).await?;
        until("the old pods gone", SOON, async || {
            let now = world.uids("qa").await?;
            Ok(before
                .keys()
                .filter(|name| name.starts_with("web-"))
                .all(|name| !now.contains_key(name))
                .then_some(()))
        })
        .await?;
        ensure!(healthy(address).await?, "it does not answer after the pods were replaced");
        forward.signal(Signal::SIGINT)?;
        forward.ended().await?.ended(Exit::Interrupted)?;

        // A port where nobody listens is told, and ends nothing.
        let mut forward = Running::begin(world, &["forward", "qa", "web", "0:9", "-o", "json"], b"")?;
        let listening = forward.says("an address", first_event).await?;
        let address: SocketAddr = listening["address"].as_str().context("no address")?.parse()?;
        for count in 1..=2 {
            ensure!(!healthy(address).await.unwrap_or(false), "somebody listens on port 9");
            forward
                .says("a refusal", |said| {
                    (said.matches("nothing listens on port 9").count() >= count).then_some(())
                })
                .await?;
        }
        forward.signal(Signal::SIGTERM)?;
        forward.ended().await?.ended(Exit::Interrupted)?;

        // What is taken or unknown is said.
        let taken = world.outboard(&["forward", "qa", "web", "8080:http"]).await?.ended(Exit::Conflict)?;
        contains(&taken.stderr, "cannot listen on 127.0.0.1:8080")?;
        let unknown = world.outboard(&["forward", "qa", "web", "htp"]).await?.ended(Exit::NotFound)?;
        contains(&unknown.stderr, "did you mean `http`?")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn debug_runs_beside_the_component_and_is_no_drift() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let deployments = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"));
        let before = (world.uids("qa").await?, deployments.get("web").await?.metadata);

        // It sees the component's process and has its settings.
        let look = "read -r line < /proc/1/comm; echo \"process $line\"; echo \"component $OUTBOARD_COMPONENT\"; cat; exit 4";
        let debugged = fed(world, &["debug", "qa", "web", "-i", "--", "sh", "-c", look], "typed\n").await?;
        same("code and stdout", &(debugged.code, debugged.stdout.as_str()), &(4, "process web\ncomponent web\ntyped\n"))?;

        let missing = ["debug", "qa", "web", "--image", "registry.testbed:5000/nope:1", "--", "ls"];
        let missing = world.outboard(&missing).await?.ended(Exit::ImageNotFound)?;
        contains(&missing.stderr, "registry.testbed:5000/nope:1")?;
        contains(&missing.stderr, "--image")?;

        let (uids, deployment) = (world.uids("qa").await?, deployments.get("web").await?.metadata);
        same("pods", &uids, &before.0)?;
        same("the generation", &deployment.generation, &before.1.generation)?;
        same("the resourceVersion", &deployment.resource_version, &before.1.resource_version)?;
        world.ready("qa", Duration::from_secs(1)).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn debug_gets_into_a_component_that_crashes() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["components"]["web"]["env"]["FAIL"] = json!("crash")).await?;
        world.outboard(&["env", "create", "qa"]).await?.ended(Exit::CrashLoop)?;
        let entered =
            world.outboard(&["exec", "qa", "web", "--", "ls"]).await?.ended(Exit::ReadinessFailing)?;
        contains(&entered.stderr, "component web of qa has no pod that is ready")?;
        let debugged =
            world.outboard(&["debug", "qa", "web", "--", "sh", "-c", "echo \"FAIL is $FAIL\""]).await?;
        same("its stdout", &debugged.ended(Exit::Success)?.stdout.as_str(), &"FAIL is crash\n")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_one_off_command_has_its_components_settings_serves_nobody_and_leaves_a_record() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let before = world.uids("qa").await?;

        // It is watched while it runs: no endpoint, not counted, and known by who runs it.
        let script = "echo \"$PUBLIC_URL\"; echo \"$DATABASE_URL\"; cat; exit 3";
        let mut run =
            Running::begin(world, &["env", "run", "qa", "web", "--", "sh", "-c", "echo up; sleep 600"], b"")?;
        run.says("it runs", |said| said.contains("up\n").then_some(())).await?;
        let pod = one_off(world).await?.context("no one-off pod")?;
        let by = pod.annotations().get(marks::RUN_BY).cloned().context("nobody runs it")?;
        let addresses = endpoints(world, "web").await?;
        let address = pod.status.and_then(|status| status.pod_ip).context("no address")?;
        same("endpoints of web", &addresses.len(), &2)?;
        ensure!(!addresses.contains(&address), "the one-off pod serves");
        world.ready("qa", Duration::from_secs(1)).await?;

        // Interrupted, it goes; the record says so.
        run.signal(Signal::SIGTERM)?;
        let interrupted = run.ended().await?.ended(Exit::Interrupted)?;
        contains(&interrupted.stderr, "is deleted")?;
        recorded(world, &[&by, "sleep 600", "component web", "interrupted"]).await?;

        let ran = fed(world, &["env", "run", "qa", "web", "-i", "--", "sh", "-c", script], "typed\n").await?;
        same("its code", &ran.code, &3)?;
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let [url, database, typed] = lines[..] else { anyhow::bail!("it wrote {lines:?}") };
        same("its URL", &url, &format!("http://{}:8080", world.host("qa")).as_str())?;
        ensure!(database.starts_with("mysql://app:") && database.ends_with("@db:3306/app"), "{database}");
        same("its input", &typed, &"typed")?;
        let told = recorded(world, &[&by, "cat; exit 3", "component web", "exit code 3"]).await?;
        ensure!(!told.contains("mysql://"), "the record holds a secret: {told}");

        // A job runs once more; data goes to its own stream of events.
        let again =
            world.outboard(&["env", "run", "qa", "migrate", "-o", "json"]).await?.ended(Exit::Success)?;
        let events = again.events()?;
        let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
        same("the first event", &names.first(), &Some(&"created"))?;
        ensure!(names.contains(&"output"), "no output in {names:?}");
        same("its code", &again.last()?["result"]["exitCode"], &json!(0))?;

        // Nothing is left, and nothing that serves was touched.
        until("no one-off pod", SOON, async || Ok(one_off(world).await?.is_none().then_some(()))).await?;
        same("pods", &world.uids("qa").await?, &before)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_one_off_pod_stays_only_when_it_is_kept_or_left_alone() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));

        let kept = world.outboard(&["env", "run", "qa", "web", "--keep", "--", "sh", "-c", "exit 5"]).await?;
        same("its code", &kept.code, &5)?;
        let pod = one_off(world).await?.context("it was not kept")?.name_any();
        contains(&kept.stderr, &format!("delete pod {pod}"))?;
        pods.delete(&pod, &DeleteParams::default().grace_period(0)).await?;

        let detached = world.outboard(&["env", "run", "qa", "web", "--detach", "--", "sleep", "600"]).await?;
        let name = detached.ended(Exit::Success)?.stdout.trim().to_owned();
        let phase = pods.get(&name).await?.status.and_then(|status| status.phase);
        same("the phase", &phase.as_deref(), &Some("Running"))?;
        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success).map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_one_off_command_that_cannot_start_is_told_why_and_leaves_nothing() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let missing =
            world.outboard(&["env", "run", "qa", "web", "--", "nosuch"]).await?.ended(Exit::Usage)?;
        contains(&missing.stderr, "has no command `nosuch`")?;

        let nobody_has = format!("web=sha256:{}", "0".repeat(64));
        world.outboard(&["env", "set", "qa", "--set", &nobody_has]).await?.ended(Exit::ImageNotFound)?;
        let image =
            world.outboard(&["env", "run", "qa", "web", "--", "true"]).await?.ended(Exit::ImageNotFound)?;
        contains(&image.stderr, "shop/web@sha256:0")?;
        recorded(world, &["wanted to run `true`", "it did not start"]).await?;

        world.outboard(&["env", "create", "new", "--set", "web=nope"]).await?.ended(Exit::ImageNotFound)?;
        let new =
            world.outboard(&["env", "run", "new", "web", "--", "true"]).await?.ended(Exit::ImageNotFound)?;
        contains(&new.stderr, "new has no revision yet")?;
        contains(&new.stderr, "shop/web:nope")?;

        world.apply(|spec| spec["components"]["web"]["resources"]["memory"] = json!("900Gi")).await?;
        world.outboard(&["env", "create", "big"]).await?.ended(Exit::Unschedulable)?;
        let big =
            world.outboard(&["env", "run", "big", "web", "--", "true"]).await?.ended(Exit::Unschedulable)?;
        contains(&big.stderr, "not enough memory")?;
        until("no one-off pod", SOON, async || Ok(one_off(world).await?.is_none().then_some(()))).await
    })
    .await
}

/// Runs a command with something on its stdin.
async fn fed(world: &World, arguments: &[&str], stdin: &str) -> Result<Output> {
    Running::begin(world, arguments, stdin.as_bytes())?.ended().await
}

fn first_event(said: &str) -> Option<Value> {
    serde_json::from_str(said.lines().next().filter(|_| said.contains('\n'))?).ok()
}

/// Whether the shop answers there.
async fn healthy(address: SocketAddr) -> Result<bool> {
    let asking = async {
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await?;
        // Half an end: the answer must still come whole.
        connection.shutdown().await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok(answer.contains(" 200 OK") && answer.contains("x-shop-version"))
    };
    tokio::time::timeout(SOON, asking).await?
}

async fn one_off(world: &World) -> Result<Option<Pod>> {
    let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
    Ok(pods.list(&ListParams::default().labels(marks::RUN)).await?.items.pop())
}

/// Addresses behind a Service.
async fn endpoints(world: &World, service: &str) -> Result<Vec<String>> {
    let slices = Api::<EndpointSlice>::namespaced(world.client.clone(), &world.namespace("qa"));
    let ours = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let found = slices.list(&ours).await?;
    Ok(found
        .into_iter()
        .filter_map(|slice| slice.endpoints)
        .flatten()
        .flat_map(|endpoint| endpoint.addresses)
        .collect())
}

/// The Event on the environment that has all of these words.
async fn recorded(world: &World, words: &[&str]) -> Result<String> {
    let events = Api::<Event>::namespaced(world.client.clone(), &world.name);
    let ran =
        ListParams::default().fields("reason=Ran,involvedObject.kind=Environment,involvedObject.name=qa");
    let found: Vec<String> = events.list(&ran).await?.into_iter().filter_map(|event| event.message).collect();
    let told = found.iter().find(|message| words.iter().all(|word| message.contains(word)));
    told.cloned().with_context(|| format!("no record with {words:?} in {found:#?}"))
}
