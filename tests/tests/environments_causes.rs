//! Faults of every kind, each in an environment of its own: which verdict is given, and how soon.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::{Cause, Exit, Verdict};
use k8s_openapi::api::core::v1::{ConfigMap, Event, LimitRange, Node, PersistentVolume, ResourceQuota};
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};
use stories::{PRIVATE, PrivateRegistry, World, contains, only_for, refusing_registry, same, story, until};

/// Aimed at is 10 s; the machine may be busy with other things.
const MEDIAN: Duration = Duration::from_secs(50);
/// Kubernetes itself may take so long to find out.
const LONGEST: Duration = Duration::from_secs(180);
const IMAGE: &str = "registry.testbed:5000/library/redis";
const NOBODY: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A fault that is in the project's file.
struct Fault {
    name: &'static str,
    cause: Cause,
    about: &'static str,
    /// Stands in message or evidence.
    says: &'static str,
    /// Its first verdict may be one that passes.
    passes: bool,
    spec: Value,
}

fn fault(name: &'static str, cause: Cause, says: &'static str, web: Value) -> Fault {
    let spec = project(web);
    Fault { name, cause, about: "component web", says, passes: false, spec }
}

/// A project of one component, which runs until it is told to stop.
fn project(over: Value) -> Value {
    let mut web = json!({
        "image": IMAGE, "version": "7", "command": ["sh", "-c", "trap exit TERM; while sleep 1; do :; done"],
        "resources": {"cpu": "5m", "memory": "32Mi"}, "scale": {"min": 1}, "stop": {"drain": "0s", "grace": "2s"},
    });
    if let Value::Object(over) = over {
        for (key, value) in over {
            web[key] = value;
        }
    }
    json!({"components": {"web": web}, "classes": {"qa": {}}})
}

fn shell(script: &str) -> Value {
    json!({"command": ["sh", "-c", script]})
}

fn faults(world: &World, limited: &str, digest: &str) -> Vec<Fault> {
    let by_digest = |image: &str| json!({"image": image, "version": digest});
    let pinned = |node: &str| json!({"nodeSelector": {"kubernetes.io/hostname": node}, "tolerations": [{"operator": "Exists"}]});
    let gone = lost(world);
    let claims = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "nowhere"}}]});
    let seed = json!({"initContainers": [{
        "name": "seed", "image": format!("{IMAGE}:7"),
        "command": ["sh", "-c", "echo 'seed: cannot write /data'; exit 1"],
    }]});
    let from =
        |kind: &str| json!({"env": [{"name": "KEY", "valueFrom": {kind: {"name": "payments", "key": "k"}}}]});
    let worker = |script: &str| {
        let mut worker = project(shell(script))["components"]["web"].clone();
        worker["ports"] = json!({"redis": 6379});
        worker["health"] = json!({"ready": {"tcp": "redis"}});
        worker
    };
    let mut all = vec![
        fault("image not found", Cause::ImageNotFound, "not found", json!({"version": NOBODY})),
        fault(
            "image pull denied",
            Cause::ImageDenied,
            "auth",
            by_digest(&format!("{PRIVATE}/library/redis")),
        ),
        fault(
            "registry rate limit",
            Cause::RateLimited,
            "429",
            by_digest(&format!("{limited}/library/redis")),
        ),
        fault(
            "registry away",
            Cause::RegistryUnreachable,
            "registry.invalid",
            by_digest("registry.invalid/library/redis"),
        ),
        fault(
            "wrong architecture",
            Cause::WrongArchitecture,
            "no match for platform",
            json!({"version": world.name}),
        ),
        fault(
            "crash loop",
            Cause::CrashLoop,
            "catalogue is corrupt",
            shell("echo catalogue is corrupt; exit 42"),
        ),
        fault("out of memory", Cause::OutOfMemory, "32Mi", shell("tail /dev/zero")),
        fault(
            "liveness kill loop",
            Cause::LivenessFailing,
            "Startup probe failed",
            json!({"health": {"live": {"command": ["false"]}, "start": "6s"}}),
        ),
        fault(
            "readiness failing",
            Cause::ReadinessFailing,
            "Readiness probe failed",
            json!({"health": {"ready": {"command": ["sh", "-c", "echo not yet; false"]}, "start": "6s"}}),
        ),
        fault("init container failed", Cause::InitFailed, "seed: cannot write", json!({"pod": seed})),
        fault("command not found", Cause::CommandNotFound, "serve-it", json!({"command": ["serve-it"]})),
        fault(
            "config map missing",
            Cause::ConfigError,
            "ConfigMap payments",
            json!({"container": from("configMapKeyRef")}),
        ),
        fault(
            "secret missing",
            Cause::SecretMissing,
            "Secret payments",
            json!({"container": from("secretKeyRef")}),
        ),
        fault(
            "no room",
            Cause::Unschedulable,
            "not enough memory",
            json!({"resources": {"memory": "900Gi"}}),
        ),
        fault(
            "evicted",
            Cause::Evicted,
            "ephemeral",
            json!({
                "command": ["sh", "-c", "head -c 30000000 /dev/zero > /data/big; sleep 600"],
                "container": {"resources": {"limits": {"ephemeral-storage": "1Mi"}}},
            }),
        ),
        fault("node gone", Cause::NodeGone, "does not report", json!({"pod": pinned(&gone)})),
        fault("volume claim missing", Cause::VolumeUnavailable, "nowhere", json!({"pod": claims})),
        fault(
            "volume not mounted",
            Cause::VolumeUnavailable,
            "mount",
            json!({"pod": {"volumes": [
            {"name": "share", "nfs": {"server": "127.0.0.1", "path": "/nothing"}}]},
            "container": {"volumeMounts": [{"name": "share", "mountPath": "/share"}]}}),
        ),
        fault(
            "data on a lost node",
            Cause::VolumeLost,
            "lost-",
            json!({"volumes": {"/data": {"storage": "1Mi"}}}),
        ),
        fault(
            "name not resolved",
            Cause::NameNotResolved,
            "nowhere.invalid",
            shell("redis-cli -h nowhere.invalid ping || exit 1"),
        ),
        fault(
            "admission refused",
            Cause::AdmissionRefused,
            "violates PodSecurity",
            // What runs in a class of its own is left to Kubernetes' judgement.
            json!({
                "container": {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}},
                "pod": {"runtimeClassName": world.name},
            }),
        ),
    ];
    for fault in &mut all {
        fault.passes = matches!(fault.cause, Cause::RegistryUnreachable | Cause::NodeGone);
    }
    let migration = project(
        json!({"job": "before", "command": ["sh", "-c", "echo 'migration failed: orders is locked'; exit 3"],
        "scale": null, "stop": null}),
    )["components"]["web"]
        .clone();
    let mut spec = project(json!({}));
    spec["components"]["migrate"] = without_nulls(migration);
    all.push(Fault {
        name: "migration failed",
        cause: Cause::JobFailed,
        about: "job migrate",
        says: "orders is locked",
        passes: false,
        spec,
    });

    // Both crash, and one of them only since the other does.
    let mut spec =
        project(json!({"command": ["sh", "-c", "redis-cli -h worker ping; exit 1"], "uses": ["worker"]}));
    spec["components"]["worker"] = worker("echo worker is broken; exit 7");
    all.push(Fault {
        name: "dependency crashes",
        cause: Cause::CrashLoop,
        about: "component worker",
        says: "worker is broken",
        passes: false,
        spec,
    });

    let mut spec = project(
        json!({"command": ["sh", "-c", "redis-cli -h registry.testbed -p 1 ping || exit 1"], "uses": ["cache"]}),
    );
    spec["services"] = json!({"cache": {"type": "external", "host": "registry.testbed", "port": 1}});
    all.push(Fault {
        name: "dependency does not answer",
        cause: Cause::DependencyNotReady,
        about: "service cache",
        says: "Could not connect",
        passes: false,
        spec,
    });
    all
}

fn without_nulls(mut component: Value) -> Value {
    if let Some(keys) = component.as_object_mut() {
        keys.retain(|_, value| !value.is_null());
    }
    component
}

/// A node that there is no more.
fn lost(world: &World) -> String {
    format!("lost-{}", world.name)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn every_fault_has_its_verdict_soon_and_none_a_wrong_one() -> Result<()> {
    story(async |world| {
        let registry = PrivateRegistry::begin_with_images(world).await?;
        let limited = format!("limited-{}.testbed", world.name);
        testbed::lead_registry(&limited, &format!("http://{}", refusing_registry()?))?;
        only_for("library/redis", "7", &world.name, "s390x").await?;
        let digest = stories::vary("library/redis", "7", &format!("{}-one", world.name)).await?;
        node(world).await?;
        stories::runtime_class(world).await?;
        let mut told = Vec::new();
        let mut wrong = Vec::new();
        let only = std::env::var("FAULT").ok();
        for (number, fault) in faults(world, &limited, &digest).into_iter().enumerate() {
            if only.as_ref().is_some_and(|only| !fault.name.contains(only.as_str())) {
                continue;
            }
            let environment = format!("f{number}");
            if fault.cause == Cause::VolumeLost {
                volume(world, &environment).await?;
            }
            let begun = Instant::now();
            world.apply(|spec| *spec = fault.spec.clone()).await?;
            world.outboard(&["env", "create", &environment, "--no-wait"]).await?.ended(Exit::Success)?;
            let found = judged(world, &environment, fault.cause, fault.passes, begun).await;
            match found.and_then(|(took, verdict)| right(&fault, &verdict).map(|()| (took, verdict))) {
                Ok((took, verdict)) => {
                    line(fault.name, took, &verdict);
                    told.push(took);
                }
                Err(error) => {
                    println!("WRONG {}: {error:#}", fault.name);
                    wrong.push(fault.name);
                }
            }
            world.outboard(&["env", "destroy", &environment, "--yes", "--no-wait"]).await?;
        }
        if only.is_none() {
            told.extend(later(world).await?);
        }
        nodes(world).delete(&lost(world), &DeleteParams::default()).await.ok();
        volumes(world).delete(&lost(world), &DeleteParams::default()).await.ok();
        stories::forget_runtime_class(world).await.ok();
        drop(registry);
        told.sort();
        let median = told.get(told.len() / 2).context("nothing was told")?;
        println!(
            "{} faults, median {:.1} s, longest {:.1} s",
            told.len(),
            median.as_secs_f32(),
            told.last().map_or(0.0, Duration::as_secs_f32)
        );
        ensure!(wrong.is_empty(), "wrong or missing: {wrong:?}");
        ensure!(*median < MEDIAN, "the median is {median:?}");
        Ok(())
    })
    .await
}

/// Faults that come to an environment which was ready.
async fn later(world: &World) -> Result<Vec<Duration>> {
    let mut told = Vec::new();
    world.apply(|spec| *spec = project(json!({}))).await?;
    world.create("settled", &[]).await?;
    let namespace = world.namespace("settled");

    let quota: ResourceQuota = made(json!({"metadata": {"name": "team"}, "spec": {"hard": {"pods": "1"}}}))?;
    let (took, verdict) = broken(world, &quota, Cause::QuotaExceeded).await?;
    contains(&verdict.message, "quota team")?;
    line("quota exceeded", took, &verdict);
    told.push(took);

    let limit: LimitRange = made(
        json!({"metadata": {"name": "each"}, "spec": {"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]}}),
    )?;
    let (took, verdict) = broken(world, &limit, Cause::LimitRange).await?;
    contains(&verdict.message, "maximum memory usage per Container is 16Mi")?;
    line("limit range", took, &verdict);
    told.push(took);

    // Told as an Event, and kept at the revision.
    let events = Api::<Event>::namespaced(world.client.clone(), &world.name);
    until("an Event of the verdict", Duration::from_secs(10), async || {
        let found = events.list(&ListParams::default()).await?;
        Ok(found.iter().any(|event| event.reason.as_deref() == Some("LimitRange")).then_some(()))
    })
    .await?;

    // Somebody's finalizer holds the namespace.
    let maps = Api::<ConfigMap>::namespaced(world.client.clone(), &namespace);
    let held: ConfigMap = made(json!({"metadata": {"name": "notes", "finalizers": ["example.com/keep"]}}))?;
    let by_keeper = PostParams { field_manager: Some("keeper".into()), ..PostParams::default() };
    maps.create(&by_keeper, &held).await?;
    let begun = Instant::now();
    let ended = world.outboard(&["env", "destroy", "settled", "--yes"]).await?.ended(Exit::NamespaceStuck)?;
    contains(&ended.stderr, "finalizer example.com/keep on ConfigMap notes")?;
    contains(&ended.stderr, "set by keeper")?;
    told.push(begun.elapsed());
    line("namespace stuck", begun.elapsed(), &world.verdict("settled").await?.context("no verdict")?);
    let freed = json!({"metadata": {"finalizers": null}});
    maps.patch("notes", &PatchParams::default(), &Patch::Merge(&freed)).await?;
    until("the environment gone", LONGEST, async || {
        Ok(world.environments().get_opt("settled").await?.is_none().then_some(()))
    })
    .await?;

    // Pods and environment are gone; why it failed is not.
    let text = world.outboard(&["env", "explain", "settled"]).await?.ended(Exit::Success)?;
    contains(&text.stdout, "settled was destroyed")?;
    contains(&text.stdout, "quota team of the environment's namespace has no room for web")?;
    let data =
        world.outboard(&["env", "explain", "settled", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    let causes: Vec<&str> = data["earlier"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|given| given["verdict"]["cause"].as_str())
        .collect();
    same("the verdicts that are kept", &causes, &vec!["LimitRange", "QuotaExceeded"])?;
    Ok(told)
}

/// Makes an object in the settled environment's namespace and asks for new pods; then takes it away again.
async fn broken<K>(world: &World, object: &K, cause: Cause) -> Result<(Duration, Verdict)>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Serialize
        + std::fmt::Debug,
    K::DynamicType: Default,
{
    let api = Api::<K>::namespaced(world.client.clone(), &world.namespace("settled"));
    api.create(&PostParams::default(), object).await?;
    let begun = Instant::now();
    world.outboard(&["env", "restart", "settled", "web", "--no-wait"]).await?.ended(Exit::Success)?;
    let found = judged(world, "settled", cause, false, begun).await?;
    same("cause", &found.1.cause, &cause)?;
    let explained = world.outboard(&["env", "explain", "settled"]).await?.ended(Exit::Success)?;
    contains(&explained.stdout, &found.1.message)?;
    contains(&explained.stdout, &found.1.fix)?;
    contains(&explained.stdout, &format!("exit code {}", cause.exit().code()))?;
    api.delete(&object.name_any(), &DeleteParams::default()).await?;
    // It goes on by itself.
    world.ready("settled", LONGEST).await?;
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn who_waits_for_room_is_not_told_to_give_up_while_a_node_is_being_added() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = project(json!({"resources": {"memory": "900Gi"}}))).await?;
        world.outboard(&["env", "create", "qa", "--no-wait"]).await?.ended(Exit::Success)?;
        let namespace = world.namespace("qa");
        let pod = until("a pod", LONGEST, async || Ok(world.pods("qa").await?.into_iter().next())).await?;
        let say = async |reason: &str, message: &str| {
            let event: Event = made(json!({
                "metadata": {"name": format!("{}.{}", pod.name_any(), reason.to_lowercase()), "namespace": namespace},
                "involvedObject": {"kind": "Pod", "namespace": namespace, "name": pod.name_any(), "uid": pod.uid()},
                "reason": reason, "message": message, "type": "Normal",
                "source": {"component": "cluster-autoscaler"},
                "firstTimestamp": jiff::Timestamp::now().to_string(), "lastTimestamp": jiff::Timestamp::now().to_string(),
            }))?;
            Api::<Event>::namespaced(world.client.clone(), &namespace).create(&PostParams::default(), &event).await?;
            Ok::<_, anyhow::Error>(())
        };
        say("TriggeredScaleUp", "pod triggered scale-up: [{workers 3->4 (max: 10)}]").await?;
        let waits = until("a verdict that a node is added", LONGEST, async || {
            let status = world.environments().get("qa").await?.status;
            Ok(status.and_then(|status| status.verdict).filter(|verdict| verdict.message.contains("a node is being added")))
        })
        .await?;
        ensure!(!waits.terminal, "waiting was given up: {waits:?}");
        // The autoscaler gives up a moment later: by whole seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        say("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached").await?;
        let verdict = until("a verdict", LONGEST, async || world.verdict("qa").await).await?;
        same("cause", &verdict.cause, &Cause::Unschedulable)?;
        contains(&verdict.evidence.join("\n"), "max node group size reached")
    })
    .await
}

/// The first verdict that ends the waiting, or the expected one if that is one that passes.
async fn judged(
    world: &World,
    environment: &str,
    cause: Cause,
    passes: bool,
    begun: Instant,
) -> Result<(Duration, Verdict)> {
    until("a verdict", LONGEST, async || {
        let found = world.environments().get(environment).await?;
        let verdict = found.status.and_then(|status| status.verdict);
        let counts = |verdict: &Verdict| verdict.terminal || (passes && verdict.cause == cause);
        Ok(verdict.filter(counts).map(|verdict| (begun.elapsed(), verdict)))
    })
    .await
}

fn right(fault: &Fault, verdict: &Verdict) -> Result<()> {
    let whole = format!("{}\n{}", verdict.message, verdict.evidence.join("\n"));
    ensure!(verdict.cause == fault.cause, "{:?}: {whole}", verdict.cause);
    same("about", &verdict.about.as_str(), &fault.about)?;
    contains(&whole, fault.says)?;
    ensure!(
        !verdict.fix.is_empty() && !verdict.evidence.is_empty() || fault.cause == Cause::NodeGone,
        "no evidence"
    );
    Ok(())
}

fn line(name: &str, took: Duration, verdict: &Verdict) {
    println!(
        "{name:<28} {:>6.1} s  {:?}: {}: {}",
        took.as_secs_f32(),
        verdict.cause,
        verdict.about,
        verdict.message
    );
}

fn made<K: DeserializeOwned>(value: Value) -> Result<K> {
    Ok(serde_json::from_value(value)?)
}

fn nodes(world: &World) -> Api<Node> {
    Api::all(world.client.clone())
}

fn volumes(world: &World) -> Api<PersistentVolume> {
    Api::all(world.client.clone())
}

/// A node whose kubelet has gone away: it has room, and says that it is not ready.
async fn node(world: &World) -> Result<()> {
    let name = lost(world);
    // Nobody else's pods may be given to it.
    let node: Node = made(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {"taints": [{"key": "story", "effect": "NoSchedule"}]},
    }))?;
    nodes(world).create(&PostParams::default(), &node).await?;
    let room = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    let silent = json!({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."});
    let status = json!({"status": {"capacity": room, "allocatable": room, "conditions": [silent]}});
    nodes(world).patch_status(&name, &PatchParams::default(), &Patch::Merge(&status)).await?;
    Ok(())
}

/// A volume of the environment's on a node that there is no more.
async fn volume(world: &World, environment: &str) -> Result<()> {
    let node = format!("lost-for-good-{}", world.name);
    let selected = json!([{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]);
    let volume: PersistentVolume = made(json!({
        "metadata": {"name": lost(world)},
        "spec": {
            "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "directory",
            "persistentVolumeReclaimPolicy": "Retain", "local": {"path": "/nothing"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": selected}},
            "claimRef": {"namespace": world.namespace(environment), "name": CLAIM},
        },
    }))?;
    volumes(world).create(&PostParams::default(), &volume).await?;
    Ok(())
}

/// What a component's first replica calls the claim of its volume.
const CLAIM: &str = "data-web-0";
