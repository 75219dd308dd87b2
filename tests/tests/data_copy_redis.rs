//! A Redis is brought from environment to environment beside a database: by the same copy, masked alike, gently, and taken
//! up whoever is killed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use api::datacopy::{
    CopyLimits, CopyPhase, CopyStore, DataCopySpec, KeysReport, ServiceReport, TargetState, ValuePath,
};
use kube::ResourceExt;
use rand::RngExt;
use redis::Value as Answer;
use serde_json::{Value, json};
use stories::goods;
use stories::mariadb::Door;
use stories::pantry::{self, DATABASES, differences_beside};
use stories::redis_server::{RedisDoor, words};
use stories::{World, same, size, story, until};

const LONG: Duration = Duration::from_secs(420);
const SOON: Duration = Duration::from_secs(90);
/// Elements of a large key: they take more than a megabyte.
const LARGE: u64 = 30_000;
/// Keys that masks change, and those that are written to meanwhile.
const NOT_THE_SAME: &[&str] = &["user:", "session:", "feed:", "large:", "hot:"];

/// `KEYS=200000` for the full size.
fn keys() -> Result<u64> {
    size("KEYS", 20_000)
}

fn project(spec: &mut Value) {
    spec["services"]["goods"] =
        json!({"type": "mariadb", "config": {"log-bin": "log", "log-bin-trust-function-creators": "1"}});
    spec["services"]["cache"] = json!({"type": "redis", "config": {"enable-debug-command": "yes"}});
    spec["components"]["web"]["scale"] = json!({"min": 1});
    spec["classes"]["production"] = json!({"protected": true});
    spec["masks"] = json!({
        "goods": {
            "customers.email": "email", "customers.name": "name", "customers.phone": "phone", "customers.born": {"dateShift": 30},
            "reviews.email": "email", "addresses.street": "address",
        },
        "db": {"products.name": "keep"},
        "cache": {"values": [
            {"keys": "user:*", "field": "email", "mask": "email"},
            {"keys": "user:*", "field": "name", "mask": "name"},
            {"keys": "session:*", "mask": {"json": {"$.email": "email"}}},
            {"keys": "feed:*", "field": "who", "mask": "email"},
            {"keys": "large:*", "field": "who", "mask": "email"},
        ]},
    });
}

/// `live`, filled, and `qa`: both Redis.
async fn begin(world: &World) -> Result<(RedisDoor, RedisDoor)> {
    world.apply(project).await?;
    let live = ["env", "create", "live", "--class", "production"];
    let qa = ["env", "create", "qa", "--class", "qa"];
    let (live, qa) = tokio::join!(world.outboard(&live), world.outboard(&qa));
    live?.ended(Exit::Success)?;
    qa?.ended(Exit::Success)?;
    let (source, target) = (world.redis("live", "cache").await?, world.redis("qa", "cache").await?);
    pantry::fill(&source, keys()?).await?;
    pantry::large(&source, LARGE).await?;
    Ok((source, target))
}

fn only_keys() -> DataCopySpec {
    DataCopySpec { services: vec!["cache".to_owned()], ..DataCopySpec::between("live", "qa") }
}

/// What a copy that is done says of the keys.
async fn of_keys(world: &World, name: &str) -> Result<(ServiceReport, KeysReport)> {
    let status = world.copy_done(name, LONG).await?;
    let service =
        status.services.into_iter().find(|service| service.store == CopyStore::Redis).context("no Redis")?;
    same("its target", &service.target, &TargetState::Copied)?;
    let report = service.report.context("no report")?;
    let keys = report.keys.clone().context("nothing is said of keys")?;
    println!("{name}: {report:#?}");
    Ok((report, keys))
}

fn felt(what: &str, report: &ServiceReport, keys: &KeysReport) {
    let percent = 100.0 * keys.source_cpu_seconds / report.seconds.max(0.001);
    println!(
        "{what}: {:.1} s, PING p99 {:.1} ms, main thread {percent:.0} of 100",
        report.seconds, keys.source_ping_p99_millis
    );
}

/// One and the same address in a column, in a hash and in a document.
async fn joined(database: &Door, cache: &RedisDoor) -> Result<usize> {
    let masked = async |customer: u64| -> Result<String> {
        database.one(&format!("SELECT email FROM app.customers WHERE id = {customer}")).await
    };
    let ask = async |customer: u64, question: &str| -> Result<Option<String>> {
        cache.ask_in((customer % DATABASES).try_into()?, words(question)).await
    };
    let mut met = 0;
    for customer in 32..64u64 {
        let found = if customer < 48 {
            let document = ask(customer, &format!("GET session:{customer}")).await?;
            let document = document.map(|text| serde_json::from_str::<Value>(&text)).transpose()?;
            document.and_then(|document| Some(document["email"].as_str()?.to_owned()))
        } else {
            ask(customer, &format!("HGET user:{customer} email")).await?
        };
        // Some ended meanwhile.
        let Some(found) = found else { continue };
        same(&format!("the address of customer {customer}"), &found, &masked(customer).await?)?;
        ensure!(found != pantry::email(customer), "{found} is not masked");
        met += 1;
    }
    Ok(met)
}

async fn none_differ(source: &RedisDoor, target: &RedisDoor) -> Result<()> {
    let differing = differences_beside(source, target, NOT_THE_SAME).await?;
    let first: Vec<&String> = differing.iter().take(5).collect();
    ensure!(differing.is_empty(), "{} keys differ: {first:#?}", differing.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn rows_and_keys_come_together_masked_alike_and_another_copy_writes_nothing() -> Result<()> {
    story(async |world| {
        let (source, target) = begin(world).await?;
        let (rows, copied_rows) = (world.door("live", "goods").await?, world.door("qa", "goods").await?);
        goods::fill(&rows, 20_000).await?;
        target.ask::<Answer>(words("SET left:over 1")).await?;
        let (commits, writer) =
            (goods::Writer::start(&rows, 1).await?, pantry::Writer::start(&source).await?);
        until("the writer writes", SOON, async || {
            Ok((writer.writes.load(Ordering::Relaxed) > 500).then_some(()))
        })
        .await?;
        let copy = ["data", "copy", "--from", "live", "--to", "qa", "--name", "c1"];
        let output = world.outboard(&copy).await?.ended(Exit::Success)?;
        println!("{}", output.stdout);
        let written = writer.stop().await?;
        ensure!(commits.stop().await? > 0 && written > 500, "nobody wrote");

        let status = world.copies().get("c1").await?.status.context("no status")?;
        let stores: Vec<_> = status.services.iter().map(|one| (one.name.as_str(), one.store)).collect();
        same(
            "what was copied",
            &stores,
            &vec![("cache", CopyStore::Redis), ("db", CopyStore::Mariadb), ("goods", CopyStore::Mariadb)],
        )?;
        same("its target", &status.target, &TargetState::Copied)?;
        ensure!(status.notes.iter().any(|note| note.contains("moment of its own")), "{:?}", status.notes);
        ensure!(output.stdout.contains("keys") && output.stdout.contains("one moment"), "{}", output.stdout);
        let (report, found) = of_keys(world, "c1").await?;
        ensure!(found.masked > 0 && report.values_looked_for > 0 && found.large >= 20, "{report:#?}");
        same("path", &found.path, &ValuePath::Snapshot)?;
        ensure!(found.not_copied.is_empty() && found.functions == 1, "{report:#?}");
        ensure!(report.peak_memory_bytes < 300 << 20, "{report:#?}");
        goods::consistent(&copied_rows).await?;
        none_differ(&source, &target).await?;
        same("what only the target had", &target.ask::<u64>(words("EXISTS left:over")).await?, &0)?;
        ensure!(joined(&copied_rows, &target).await? > 10, "too few are there");
        felt("without a limit", &report, &found);

        // Once nobody writes, the next copy takes the rest, and the one after it finds nothing to do.
        world.ask_copy("c2", only_keys()).await?;
        of_keys(world, "c2").await?;
        world.ask_copy("c3", only_keys()).await?;
        let (_, again) = of_keys(world, "c3").await?;
        same("copied", &(again.copied, again.removed, again.target_writes), &(0, 0, 0))?;
        ensure!(again.source_round_trips < again.equal / 10, "{again:#?}");

        // Gently: the same from the start, while the source's main thread has enough to do.
        target.ask::<Answer>(words("FLUSHALL")).await?;
        let limits = CopyLimits { cpu_percent: Some(5), ..CopyLimits::default() };
        world.ask_copy("c4", DataCopySpec { limits, ..only_keys() }).await?;
        let (report, found) = of_keys(world, "c4").await?;
        felt("at most 5 of 100", &report, &found);
        ensure!(joined(&copied_rows, &target).await? > 10, "too few are there");
        same("namespaces of copies", &world.copy_namespaces().await?, &vec![])?;
        world.ready("qa", SOON).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_copy_of_keys_whose_pod_is_killed_again_and_again_is_right_in_the_end() -> Result<()> {
    let kills = size("KILLS", 3)?;
    story(async |world| {
        let (source, target) = begin(world).await?;
        let limits = CopyLimits { bytes_per_second: Some(4_000_000), ..CopyLimits::default() };
        world.ask_copy("c1", DataCopySpec { limits, ..only_keys() }).await?;
        for round in 0..kills {
            // Whatever it has done by then, and not only where it tells something.
            let (bytes, moment) = {
                let mut random = rand::rng();
                (random.random_range(0..6_000_000u64), random.random_range(0..800))
            };
            let status = world
                .copy_until("c1", "it gets on", LONG, |status| {
                    status.services.iter().any(|one| one.tries > 0 && one.bytes > bytes)
                        || matches!(status.phase, CopyPhase::Finishing | CopyPhase::Done)
                })
                .await?;
            if status.phase >= CopyPhase::Finishing {
                break;
            }
            tokio::time::sleep(Duration::from_millis(moment)).await;
            let place = status.namespace.context("it runs nowhere")?;
            println!("round {round}: {} keys, {:?}", status.rows, status.phase);
            world.slay(&place, "cache-", "data-copy").await?;
            let tries = status.services.first().map_or(0, |service| service.tries);
            world
                .copy_until("c1", "it is started again", SOON, |status| {
                    status.services.iter().any(|service| service.tries > tries)
                })
                .await?;
        }
        world.steer_copy("c1", &json!({"limits": {"bytesPerSecond": null}})).await?;
        let (_, found) = of_keys(world, "c1").await?;
        ensure!(found.equal > 0 || kills == 0, "nothing was taken up: {found:#?}");
        none_differ(&source, &target).await?;
        let left: Vec<String> = target.ask(words("KEYS outboard:*")).await?;
        same("nothing of the copy is left", &left, &vec![])?;
        let copies: Vec<String> =
            world.copies().list(&Default::default()).await?.iter().map(ResourceExt::name_any).collect();
        same("copies", &copies, &vec!["c1".to_owned()])
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_is_not_masked_is_no_way_out_of_a_protected_class_and_a_plan_changes_nothing() -> Result<()> {
    story(async |world| {
        let (_, target) = begin(world).await?;
        let copy = ["data", "copy", "--from", "live", "--to", "qa", "--only", "cache", "--dry-run"];
        let planned = world.outboard(&copy).await?.ended(Exit::Success)?;
        ensure!(planned.stdout.contains("would copy about"), "{}", planned.stdout);
        same("keys", &target.ask::<u64>(words("DBSIZE")).await?, &0)?;

        world
            .apply(|spec| {
                project(spec);
                spec["masks"]["cache"] = json!({});
            })
            .await?;
        let refused =
            world.outboard(&["data", "copy", "--from", "live", "--to", "qa", "--only", "cache"]).await?;
        ensure!(refused.code != 0 && refused.stderr.contains("no masks for its cache"), "{}", refused.stderr);

        // What no mask names is left out where the project says so, and leaks elsewhere.
        world
            .apply(|spec| {
                project(spec);
                spec["masks"]["cache"] =
                    json!({"deny": true, "values": [{"keys": "user:*", "field": "email", "mask": "email"}]});
            })
            .await?;
        world.ask_copy("denied", only_keys()).await?;
        let (_, found) = of_keys(world, "denied").await?;
        ensure!(found.left_out > 0 && found.masked > 0, "{found:#?}");
        let others: Vec<String> = target.ask(words("KEYS [^u]*")).await?;
        same("others than users", &others, &vec![])?;
        let user: Vec<String> = target.ask_in(1, words("HVALS user:49")).await?;
        ensure!(user.len() == 3 && user.iter().filter(|value| value.is_empty()).count() == 2, "{user:?}");

        world
            .apply(|spec| {
                project(spec);
                spec["masks"]["cache"] =
                    json!({"values": [{"keys": "user:*", "field": "email", "mask": "email"}]});
            })
            .await?;
        world.ask_copy("leaks", only_keys()).await?;
        let status =
            world.copy_until("leaks", "refused", LONG, |status| status.phase == CopyPhase::Failed).await?;
        let verdict = status.verdict.context("no verdict")?;
        same("the cause", &verdict.cause, &api::Cause::DataLeaked)?;
        same("its target", &status.target, &TargetState::Emptied)?;
        same("keys", &target.ask::<u64>(words("DBSIZE")).await?, &0)
    })
    .await
}
