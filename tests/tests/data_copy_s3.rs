//! A bucket is brought from environment to environment beside a database and a Redis: by the same copy, masked, gently,
//! paused, and taken up whoever is killed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use api::datacopy::{
    CopiedService, CopyKeys, CopyLimits, CopyPhase, CopyStore, DataCopySpec, ObjectsReport, ServiceReport,
    TargetState,
};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use rand::RngExt;
use redis::Value as Answer;
use serde_json::{Value, json};
use stories::redis_server::words;
use stories::shelf::{self, Shelf};
use stories::{World, goods, pantry, same, size, story, until};

const LONG: Duration = Duration::from_secs(420);
const SOON: Duration = Duration::from_secs(90);
/// What masks change, and what is written to meanwhile.
const NOT_THE_SAME: &[&str] = &["passports/", "faces/", "hot/"];
const TURN: &str = ".outboard-copy/turn";

/// `OBJECTS=20000` for the full size.
fn objects() -> Result<usize> {
    size("OBJECTS", 2_000)
}

/// `LARGE_MB=512` for more.
fn megabytes() -> Result<usize> {
    size("LARGE_MB", 24)
}

fn project(spec: &mut Value) {
    spec["services"]["uploads"] = json!({"type": "s3", "storage": "4Gi"});
    spec["components"]["web"]["scale"] = json!({"min": 1});
    spec["classes"]["production"] = json!({"protected": true});
    spec["masks"] = json!({
        "db": {"products.name": "keep"},
        "uploads": {"prefixes": {"passports/": "drop", "faces/": "placeholder"}},
    });
}

/// With a second database and a Redis.
fn with_others(spec: &mut Value) {
    project(spec);
    spec["services"]["goods"] =
        json!({"type": "mariadb", "config": {"log-bin": "log", "log-bin-trust-function-creators": "1"}});
    spec["services"]["cache"] = json!({"type": "redis", "config": {"enable-debug-command": "yes"}});
    spec["masks"]["goods"] = json!({
        "customers.email": "email", "customers.name": "name", "customers.phone": "phone", "customers.born": {"dateShift": 30},
        "reviews.email": "email", "addresses.street": "address",
    });
    spec["masks"]["cache"] = json!({"deny": true, "values": [{"keys": "*", "mask": "keep"}]});
}

/// `live`, filled, and `qa`: both buckets.
async fn begin(world: &World, project: fn(&mut Value)) -> Result<(Shelf, Shelf)> {
    world.apply(project).await?;
    let live = ["env", "create", "live", "--class", "production"];
    let qa = ["env", "create", "qa", "--class", "qa"];
    let (live, qa) = tokio::join!(world.outboard(&live), world.outboard(&qa));
    live?.ended(Exit::Success)?;
    qa?.ended(Exit::Success)?;
    let (source, target) = (world.shelf("live", "uploads").await?, world.shelf("qa", "uploads").await?);
    source.fill(objects()?).await?;
    source.large("large/film.mp4", megabytes()?).await?;
    Ok((source, target))
}

fn only_objects() -> DataCopySpec {
    DataCopySpec { services: vec!["uploads".to_owned()], ..DataCopySpec::between("live", "qa") }
}

/// So slow that it can be met in the middle of everything.
fn slowly() -> Result<CopyLimits> {
    let requests_per_second = Some((objects()? as u64 / 10).max(50));
    Ok(CopyLimits { requests_per_second, ..CopyLimits::default() })
}

/// What a copy that is done says of the objects.
async fn of_objects(world: &World, name: &str) -> Result<(ServiceReport, ObjectsReport)> {
    let status = world.copy_done(name, LONG).await?;
    let service =
        status.services.into_iter().find(|service| service.store == CopyStore::S3).context("no S3")?;
    same("its target", &service.target, &TargetState::Copied)?;
    let report = service.report.context("no report")?;
    let objects = report.objects.clone().context("nothing is said of objects")?;
    println!("{name}: {report:#?}");
    Ok((report, objects))
}

/// Nothing is written, and little is asked.
async fn nothing_to_do(world: &World, name: &str) -> Result<()> {
    world.ask_copy(name, only_objects()).await?;
    let (_, found) = of_objects(world, name).await?;
    let written = (found.copied, found.removed, found.target_writes, found.ledger_writes);
    same("written", &written, &(0, 0, 0, 0))?;
    let requests = found.source_requests + found.target_requests;
    println!("{name}: {requests} requests for {} objects", found.equal);
    ensure!(requests < 60 + found.equal / 100, "{requests} requests: {found:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn rows_keys_and_objects_come_together_masked_and_another_copy_writes_nothing() -> Result<()> {
    story(async |world| {
        let (source, target) = begin(world, with_others).await?;
        for key in ["passports/ann.png", "faces/ann.png", "faces/ann.json"] {
            let kind = if key.ends_with("png") { "image/png" } else { "application/json" };
            source.put(key, kind, "personal data").await?;
        }
        target.put("left/over.txt", "text/plain", "only here").await?;
        let (rows, copied_rows) = (world.door("live", "goods").await?, world.door("qa", "goods").await?);
        goods::fill(&rows, 5_000).await?;
        let (cache, copied_cache) = (world.redis("live", "cache").await?, world.redis("qa", "cache").await?);
        pantry::fill(&cache, 2_000).await?;
        let writer = shelf::Writer::start(&source);
        until("the writer writes", SOON, async || {
            Ok((writer.writes.load(Ordering::Relaxed) > 50).then_some(()))
        })
        .await?;
        let copy = ["data", "copy", "--from", "live", "--to", "qa", "--name", "c1"];
        let output = world.outboard(&copy).await?.ended(Exit::Success)?;
        println!("{}", output.stdout);
        ensure!(writer.stop().await? > 100, "nobody wrote");

        let status = world.copies().get("c1").await?.status.context("no status")?;
        let stores: Vec<_> = status.services.iter().map(|one| (one.name.as_str(), one.store)).collect();
        let all = vec![
            ("cache", CopyStore::Redis),
            ("db", CopyStore::Mariadb),
            ("goods", CopyStore::Mariadb),
            ("uploads", CopyStore::S3),
        ];
        same("what was copied", &stores, &all)?;
        same("its target", &status.target, &TargetState::Copied)?;
        ensure!(status.notes.iter().any(|note| note.contains("moment of its own")), "{:?}", status.notes);
        ensure!(
            output.stdout.contains("objects") && output.stdout.contains("one moment"),
            "{}",
            output.stdout
        );
        let (report, found) = of_objects(world, "c1").await?;
        same("masked", &(found.dropped, found.placeholders), &(1, 2))?;
        same("in parts, removed", &(found.large, found.removed), &(1, 1))?;
        ensure!(found.not_copied_count == 0 && found.tagged > 0, "{found:#?}");
        ensure!(report.peak_memory_bytes < 300 << 20, "{report:#?}");
        goods::consistent(&copied_rows).await?;
        ensure!(copied_cache.ask::<u64>(words("DBSIZE")).await? > 0, "no keys");
        let same_objects = source.same_as(&target, NOT_THE_SAME).await?;
        same("objects", &same_objects, &(objects()? + 1))?;
        same("what is dropped", &target.names("passports/").await?, &vec![])?;
        same("what stands in", &target.names("faces/").await?, &source.names("faces/").await?)?;
        let face = target.told("faces/ann.json").await?.context("no face")?;
        ensure!(face.starts_with("3 bytes") && !face.contains("Ann"), "{face}");

        // Once nobody writes, the next copy takes the rest, and the one after it finds nothing to do.
        world.ask_copy("c2", only_objects()).await?;
        of_objects(world, "c2").await?;
        source.same_as(&target, &["passports/", "faces/"]).await?;
        nothing_to_do(world, "c3").await?;
        same("whose turn it is", &target.names(TURN).await?, &vec![])?;
        same("namespaces of copies", &world.copy_namespaces().await?, &vec![])?;
        world.ready("qa", SOON).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_copy_of_objects_whose_pod_is_killed_again_and_again_is_right_in_the_end() -> Result<()> {
    let kills = size("KILLS", 3)?;
    story(async |world| {
        let (source, target) = begin(world, project).await?;
        let all = objects()? as u64 + 1;
        world.ask_copy("c1", DataCopySpec { limits: slowly()?, ..only_objects() }).await?;
        let mut killed = 0;
        for round in 0..kills {
            // Whatever it has done by then, and not only where it tells something.
            let (bytes, moment) = {
                let mut random = rand::rng();
                (random.random_range(0..300_000u64), random.random_range(0..800))
            };
            let status = world
                .copy_until("c1", "it gets on", LONG, |status| {
                    // Bytes are those of the pod that runs: it has its turn, and writes.
                    let writes = |one: &CopiedService| {
                        one.tries > killed && one.phase == CopyPhase::Copying && one.bytes > bytes
                    };
                    status.services.iter().any(writes)
                        || matches!(status.phase, CopyPhase::Finishing | CopyPhase::Done)
                })
                .await?;
            if status.phase >= CopyPhase::Finishing {
                break;
            }
            tokio::time::sleep(Duration::from_millis(moment)).await;
            let place = status.namespace.context("it runs nowhere")?;
            let sent = status.services.first().map_or(0, |service| service.bytes);
            println!("round {round}: {} objects, {sent} bytes by this start", status.rows);
            world.slay(&place, "uploads-", "data-copy").await?;
            killed = status.services.first().map_or(0, |service| service.tries);
            world
                .copy_until("c1", "it is started again", SOON, |status| {
                    status.services.iter().any(|service| service.tries > killed)
                })
                .await?;
        }
        world.steer_copy("c1", &json!({"limits": {"requestsPerSecond": null}})).await?;
        let (_, found) = of_objects(world, "c1").await?;
        println!("killed {killed} times");
        ensure!(killed > 0 || kills == 0, "it was never killed");
        ensure!(found.equal > 0 || kills == 0, "nothing was taken up: {found:#?}");
        same("objects", &(found.equal + found.copied), &all)?;
        source.same_as(&target, &[]).await?;
        same("whose turn it is", &target.names(TURN).await?, &vec![])?;
        nothing_to_do(world, "c2").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_copy_of_objects_pauses_goes_on_faster_and_ends_when_it_is_told_to_holding_nothing() -> Result<()> {
    story(async |world| {
        let (source, target) = begin(world, project).await?;
        let under_way = async |name: &str| {
            let gets_on = |status: &api::DataCopyStatus| status.services.iter().any(|one| one.rows > 100);
            world.copy_until(name, "it gets on", LONG, gets_on).await
        };
        world.ask_copy("c1", DataCopySpec { limits: slowly()?, ..only_objects() }).await?;
        let status = under_way("c1").await?;
        ensure!(status.rows < objects()? as u64, "it was done before it could be paused: {status:#?}");
        world.outboard(&["data", "pause", "c1"]).await?.ended(Exit::Success)?;
        let paused = |status: &api::DataCopyStatus| status.phase == CopyPhase::Paused;
        world.copy_until("c1", "it pauses", SOON, paused).await?;
        same("whose turn it is", &target.names(TURN).await?, &vec![])?;
        world.outboard(&["data", "resume", "c1"]).await?.ended(Exit::Success)?;
        under_way("c1").await?;
        // While it runs: it could not be done so soon as slowly as it was begun.
        world.outboard(&["data", "limit", "c1", "--requests", "none"]).await?.ended(Exit::Success)?;
        let (report, found) = of_objects(world, "c1").await?;
        ensure!(found.equal > 0 && report.throttled_seconds > 0.0, "{report:#?}");
        source.same_as(&target, &[]).await?;

        for name in target.names("").await? {
            target.remove(&name).await?;
        }
        world.ask_copy("c2", DataCopySpec { limits: slowly()?, ..only_objects() }).await?;
        under_way("c2").await?;
        world.outboard(&["data", "cancel", "c2"]).await?.ended(Exit::Success)?;
        let cancelled = |status: &api::DataCopyStatus| status.phase == CopyPhase::Cancelled;
        let status = world.copy_until("c2", "it ends", SOON, cancelled).await?;
        same("its target", &status.target, &TargetState::Incomplete)?;
        same("whose turn it is", &target.names(TURN).await?, &vec![])?;
        world.ask_copy("c3", only_objects()).await?;
        let (_, found) = of_objects(world, "c3").await?;
        ensure!(found.equal > 0, "nothing was taken up: {found:#?}");
        source.same_as(&target, &[]).await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn keys_and_objects_are_chosen_and_renamed_and_what_is_not_masked_stays_in_a_protected_class()
-> Result<()> {
    story(async |world| {
        world.apply(with_others).await?;
        let live = ["env", "create", "live", "--class", "production"];
        let qa = ["env", "create", "qa", "--class", "qa"];
        let (live, qa) = tokio::join!(world.outboard(&live), world.outboard(&qa));
        live?.ended(Exit::Success)?;
        qa?.ended(Exit::Success)?;
        let (source, target) = (world.shelf("live", "uploads").await?, world.shelf("qa", "uploads").await?);
        for key in ["a/1", "a/tmp/1", "b/1", "c/1", "faces/ann.png"] {
            source.put(key, "image/png", "a picture").await?;
        }
        target.put("c/only", "image/png", "not chosen").await?;
        let (cache, copied) = (world.redis("live", "cache").await?, world.redis("qa", "cache").await?);
        for set in ["SET prod:user:1 a", "SET prod:user:1:lock a", "SET other:1 a"] {
            cache.ask::<Answer>(words(set)).await?;
        }
        copied.ask::<Answer>(words("SET stays:1 a")).await?;

        let plan = ["data", "copy", "--from", "live", "--to", "qa", "--only", "uploads", "--dry-run"];
        let planned = world.outboard(&plan).await?.ended(Exit::Success)?;
        ensure!(planned.stdout.contains("would copy 5 objects"), "{}", planned.stdout);
        same("objects", &target.names("").await?, &vec!["c/only".to_owned()])?;

        let copy = ["data", "copy", "--from", "live", "--to", "qa", "--only", "uploads", "--only", "cache"];
        let chosen = [
            ["--include", "uploads=a/"],
            ["--include", "uploads=b/"],
            ["--exclude", "uploads=a/tmp/"],
            ["--rename", "uploads=b/=bills/"],
            ["--include", "cache=prod:*"],
            ["--exclude", "cache=*:lock"],
            ["--rename", "cache=prod:=qa:"],
        ];
        let mut arguments = [copy.as_slice(), chosen.as_flattened()].concat();
        world.outboard(&arguments).await?.ended(Exit::Success)?;
        let names: Vec<String> =
            target.names("").await?.into_iter().filter(|name| !name.starts_with(".outboard-copy/")).collect();
        same("objects", &names, &["a/1", "bills/1", "c/only"].map(str::to_owned).to_vec())?;
        let mut keys: Vec<String> = copied.ask(words("KEYS *")).await?;
        keys.sort();
        same("keys", &keys, &["qa:user:1", "stays:1"].map(str::to_owned).to_vec())?;

        // Everything that cannot be is told at once, before anything is made.
        arguments.extend(["--rename", "uploads=zzz/=x/", "--rename", "cache=a=qa:"]);
        let refused = world.outboard(&arguments).await?;
        for word in ["nothing would be renamed", "stands there twice"] {
            ensure!(refused.code != 0 && refused.stderr.contains(word), "{word}: {}", refused.stderr);
        }

        // What no prefix names is left out where the project says so, and goes nowhere where nothing is said.
        let with = |masks: Value| {
            move |spec: &mut Value| {
                with_others(spec);
                spec["masks"]["uploads"] = masks.clone();
            }
        };
        world.apply(with(json!({}))).await?;
        let only = ["data", "copy", "--from", "live", "--to", "qa", "--only", "uploads"];
        let refused = world.outboard(&only).await?;
        ensure!(
            refused.code != 0 && refused.stderr.contains("no masks for its uploads"),
            "{}",
            refused.stderr
        );
        world.apply(with(json!({"deny": true, "prefixes": {"a/": "keep"}}))).await?;
        let keys =
            [("uploads".to_owned(), CopyKeys { exclude: vec!["a/tmp/".into()], ..CopyKeys::default() })];
        world.ask_copy("denied", DataCopySpec { keys: keys.into(), ..only_objects() }).await?;
        let (_, found) = of_objects(world, "denied").await?;
        same("left out", &found.dropped, &3)?;
        let names: Vec<String> =
            target.names("").await?.into_iter().filter(|name| !name.starts_with(".outboard-copy/")).collect();
        same("objects", &names, &vec!["a/1".to_owned()])
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn several_pods_copy_the_objects_together_and_one_that_is_killed_is_taken_up() -> Result<()> {
    const SEVERAL: u32 = 3;
    story(async |world| {
        let (source, target) = begin(world, project).await?;
        target.put("left/over.txt", "text/plain", "only here").await?;
        let all = objects()? as u64 + 1;
        let spec = || DataCopySpec { workers: Some(SEVERAL), ..only_objects() };
        world.ask_copy("c1", DataCopySpec { limits: slowly()?, ..spec() }).await?;
        let status = world
            .copy_until("c1", "it gets on", LONG, |status| {
                status.services.iter().any(|one| one.phase == CopyPhase::Copying && one.rows > 100)
            })
            .await?;
        let place = status.namespace.context("it runs nowhere")?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &place).list(&ListParams::default()).await?;
        same("pods of one start", &pods.items.len(), &(SEVERAL as usize))?;
        world.slay(&place, "uploads-1-1-", "data-copy").await?;
        world
            .copy_until("c1", "it is started again", SOON, |status| {
                status.services.iter().any(|service| service.tries > 1)
            })
            .await?;
        world.steer_copy("c1", &json!({"limits": {"requestsPerSecond": null}})).await?;
        let (report, found) = of_objects(world, "c1").await?;
        same("objects", &(found.equal + found.copied), &all)?;
        ensure!(found.equal > 0, "nothing was taken up: {found:#?}");
        same("removed", &found.removed, &1)?;
        ensure!(report.notes.iter().any(|note| note.starts_with("3 pods copied it together")), "{report:#?}");
        source.same_as(&target, &[]).await?;

        world.ask_copy("c2", spec()).await?;
        let (_, found) = of_objects(world, "c2").await?;
        same("nothing to do", &(found.copied, found.target_writes, found.equal), &(0, 0, all))?;
        println!("{} requests by {SEVERAL} pods", found.source_requests + found.target_requests);
        same("whose turn it is", &target.names(TURN).await?, &vec![])?;
        same("namespaces of copies", &world.copy_namespaces().await?, &vec![])
    })
    .await
}
