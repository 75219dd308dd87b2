//! Backups: a database, a Redis and a bucket are stored so that they are read without outboard, and come back whole, into
//! what was overwritten and into what was destroyed, whoever is killed meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::datacopy::{CopyEnd, CopyLimits, CopyPhase, DataCopySpec, DataCopyStatus, TargetState};
use api::{Cause, DataCopy, Exit};
use aws_sdk_s3::primitives::ByteStream;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};
use stories::goods::{self, checksums, consistent};
use stories::mariadb::Door;
use stories::redis_server::{RedisDoor, words};
use stories::shelf::Shelf;
use stories::{HostOperator, World, backups, pantry, same, size, story, until, without_operator};

const LONG: Duration = Duration::from_secs(420);
const SOON: Duration = Duration::from_secs(90);
const ITEMS: &str = "app.order_items";
/// Of a Redis.
const DATABASES: i64 = 16;
const SERVICES: [&str; 3] = ["cache", "goods", "uploads"];

/// `ROWS=1000000` for more.
fn rows() -> Result<u64> {
    size("ROWS", 20_000)
}

/// `live` is of a protected class, `qa` of none; backups lie in a bucket that a third environment runs.
fn project(world: &World) -> impl Fn(&mut Value) + use<> {
    let place = backups::place(world);
    move |spec| {
        spec["services"]["goods"] =
            json!({"type": "mariadb", "config": {"log-bin": "log", "log-bin-trust-function-creators": "1"}});
        spec["services"]["cache"] = json!({"type": "redis", "config": {"enable-debug-command": "yes"}});
        spec["services"]["uploads"] = json!({"type": "s3", "storage": "2Gi"});
        spec["components"]["web"]["scale"] = json!({"min": 1});
        spec["classes"]["production"] = json!({"protected": true});
        spec["classes"]["store"] = json!({"network": "open"});
        spec["masks"] = json!({
            "goods": {
                "customers.email": "email", "customers.name": "name", "customers.phone": "phone", "customers.born": {"dateShift": 30},
                "reviews.email": "email", "addresses.street": "address",
            },
            "cache": {"deny": true}, "uploads": {"deny": true}, "db": {"products.name": "keep"},
        });
        spec["backups"] = place.clone();
    }
}

struct Data {
    goods: Door,
    cache: RedisDoor,
    uploads: Shelf,
}

/// What there is of it, as servers and stores tell it themselves.
#[derive(Debug, PartialEq)]
struct Told {
    tables: Vec<(String, Option<u64>)>,
    /// Of the table with a FLOAT, of which a dump keeps six digits: what a client reads of it.
    items: Option<u64>,
    keys: Vec<BTreeMap<Vec<u8>, String>>,
    objects: BTreeMap<String, Option<String>>,
}

impl Data {
    async fn of(world: &World, environment: &str) -> Result<Self> {
        Ok(Self {
            goods: world.door(environment, "goods").await?,
            cache: world.redis(environment, "cache").await?,
            uploads: world.shelf(environment, "uploads").await?,
        })
    }

    async fn fill(&self) -> Result<()> {
        goods::fill(&self.goods, rows()?).await?;
        pantry::fill(&self.cache, 2_000).await?;
        self.uploads.fill(500).await?;
        self.uploads.large("large/film.mp4", 24).await?;
        until("what ends soon has ended", SOON, async || Ok(self.ends_soon().await?.eq(&0).then_some(())))
            .await
    }

    /// Keys that could be gone between a backup and a look.
    async fn ends_soon(&self) -> Result<u64> {
        const SCRIPT: &str = "local n = 0; for _, key in ipairs(redis.call('KEYS', '*')) do local left = redis.call('PTTL', key); \
                              if left >= 0 and left < 60000 then n = n + 1 end end; return n";
        let mut count = 0;
        for database in 0..DATABASES {
            let mut conn = self.cache.connect(database).await?;
            count += Box::pin(redis::cmd("EVAL").arg(SCRIPT).arg(0).query_async::<u64>(&mut conn)).await?;
        }
        Ok(count)
    }

    async fn told(&self) -> Result<Told> {
        let mut keys = vec![];
        for database in 0..DATABASES {
            keys.push(pantry::contents(&self.cache, database).await?);
        }
        let mut objects = BTreeMap::new();
        for name in self.uploads.names("").await? {
            let about = self.uploads.told(&name).await?;
            if !name.starts_with(".outboard-copy/") {
                objects.insert(name, about);
            }
        }
        let mut tables = checksums(&self.goods, "app").await?;
        tables.retain(|(name, _)| name != ITEMS);
        let items = "SELECT SUM(CAST(CRC32(CONCAT_WS('|', orders, line, product, amount, price)) AS UNSIGNED)) FROM app.order_items";
        Ok(Told { tables, items: self.goods.one(items).await?, keys, objects })
    }

    /// Little of it is left as it was.
    async fn spoil(&self) -> Result<()> {
        self.goods.run(&["USE app", "DELETE FROM reviews", "UPDATE customers SET name = 'nobody'"]).await?;
        self.cache.ask::<()>(words("FLUSHALL")).await?;
        for name in self.uploads.names("").await?.into_iter().take(100) {
            self.uploads.remove(&name).await?;
        }
        self.uploads.put("left/over.txt", "text/plain", "written after the backup").await
    }
}

/// Fails with what differs, and not with all that there is.
fn differ(found: &Told, wanted: &Told) -> Result<()> {
    same("checksums", &found.tables, &wanted.tables)?;
    same("items", &found.items, &wanted.items)?;
    for (database, (here, there)) in found.keys.iter().zip(&wanted.keys).enumerate() {
        let other: Vec<_> = there.iter().filter(|(key, told)| here.get(*key) != Some(told)).take(3).collect();
        let more: Vec<_> = here.keys().filter(|key| !there.contains_key(*key)).take(3).collect();
        ensure!(other.is_empty() && more.is_empty(), "database {database}: {other:?}, and {more:?} too many");
    }
    let other: Vec<_> =
        wanted.objects.iter().filter(|(key, told)| found.objects.get(*key) != Some(told)).take(3).collect();
    let more: Vec<_> =
        found.objects.keys().filter(|key| !wanted.objects.contains_key(*key)).take(3).collect();
    ensure!(other.is_empty() && more.is_empty(), "objects: {other:?}, and {more:?} too many");
    Ok(())
}

async fn begin(world: &World) -> Result<(Data, Shelf)> {
    world.apply(project(world)).await?;
    let qa = ["env", "create", "qa", "--class", "qa"];
    let kept = ["env", "create", "store", "--class", "store"];
    let (qa, kept) = tokio::join!(world.outboard(&qa), world.outboard(&kept));
    qa?.ended(Exit::Success)?;
    kept?.ended(Exit::Success)?;
    let data = Data::of(world, "qa").await?;
    data.fill().await?;
    Ok((data, backups::store(world).await?))
}

fn making() -> DataCopySpec {
    let services = SERVICES.map(str::to_owned).to_vec();
    DataCopySpec { backup: true, services, ..DataCopySpec::between("qa", "qa") }
}

fn bringing(backup: &str, to: &str) -> DataCopySpec {
    let from = CopyEnd { environment: "qa".to_owned(), backup: Some(backup.to_owned()) };
    DataCopySpec { from, services: SERVICES.map(str::to_owned).to_vec(), ..DataCopySpec::between("qa", to) }
}

/// An object's bytes.
async fn object(shelf: &Shelf, key: &str) -> Result<Vec<u8>> {
    let found = Box::pin(shelf.client.get_object().bucket(&shelf.bucket).key(key).send()).await;
    Ok(found.with_context(|| key.to_owned())?.body.collect().await?.to_vec())
}

async fn put(shelf: &Shelf, key: &str, content: Vec<u8>) -> Result<()> {
    let sent = shelf.client.put_object().bucket(&shelf.bucket).key(key).body(ByteStream::from(content));
    Box::pin(sent.send()).await?;
    Ok(())
}

/// What a tool of every machine says of a file.
fn tool(folder: &Path, script: &str) -> Result<String> {
    let output = Command::new("sh").arg("-euc").arg(script).current_dir(folder).output()?;
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

async fn nothing_left(world: &World) -> Result<()> {
    same("namespaces of copies", &world.copy_namespaces().await?, &vec![])?;
    let qa = world.environments().get("qa").await?;
    ensure!(qa.spec.overlays.is_empty(), "{:?}", qa.spec.overlays);
    world.ready("qa", SOON).await
}

fn seconds(status: &DataCopyStatus) -> Vec<(String, f64)> {
    let of = |service: &api::datacopy::CopiedService| {
        Some((service.name.clone(), service.report.as_ref()?.seconds))
    };
    status.services.iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_was_overwritten_and_what_was_destroyed_come_back_from_a_backup() -> Result<()> {
    story(async |world| {
        let (data, shelf) = begin(world).await?;
        let before = data.told().await?;
        let begun = Instant::now();
        let made = world.outboard(&["env", "backup", "qa"]).await?.ended(Exit::Success)?;
        println!("backup: {:.1} s\n{}", begun.elapsed().as_secs_f32(), made.stdout);
        nothing_left(world).await?;

        // What lies there is read without outboard.
        let names = shelf.names("kept/").await?;
        let manifest_key =
            names.iter().find(|name| name.ends_with("manifest.json")).context("no manifest")?;
        let folder = manifest_key.trim_end_matches("manifest.json");
        let text = String::from_utf8(object(&shelf, manifest_key).await?)?;
        println!("{text}");
        let manifest: Value = serde_json::from_str(&text)?;
        ensure!(!text.contains(&data.goods.password) && !text.contains(&data.cache.password), "a secret");
        for service in manifest["services"].as_array().context("no services")? {
            let path = service["path"].as_str().context("no path")?;
            if let Some(sum) = service["sha256"].as_str() {
                let bytes = object(&shelf, &format!("{folder}{path}")).await?;
                std::fs::write(world.directory().join(path), &bytes)?;
                same(
                    "its digest",
                    &tool(world.directory(), &format!("sha256sum {path} | cut -d' ' -f1"))?,
                    &sum.to_owned(),
                )?;
                tool(world.directory(), &format!("gunzip -kf {path}"))?;
            }
        }
        let last = tool(world.directory(), "tail -n 1 goods.sql")?;
        ensure!(last.starts_with("-- Dump completed"), "{last}");
        let head = tool(world.directory(), "head -c 5 cache.rdb")?;
        same("the head of the RDB", &head, &"REDIS".to_owned())?;
        let goods_of = manifest["services"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["service"] == "goods"))
            .context("no goods")?;
        for (table, count) in goods_of["tables"].as_object().context("no tables")? {
            let there: u64 = data.goods.one(&format!("SELECT COUNT(*) FROM app.`{table}`")).await?;
            same(table, &count.as_u64(), &Some(there))?;
        }
        let beside: Vec<_> = names.iter().filter(|name| !name.starts_with(folder)).collect();
        ensure!(
            beside.is_empty() && !names.iter().any(|name| name.contains(".outboard-copy/")),
            "{beside:?}"
        );

        // Into what was overwritten.
        data.spoil().await?;
        ensure!(data.told().await? != before, "nothing was spoilt");
        let begun = Instant::now();
        let back = world
            .outboard(&["env", "restore", "qa", "--backup", "latest", "--yes"])
            .await?
            .ended(Exit::Success)?;
        println!("restore: {:.1} s\n{}", begun.elapsed().as_secs_f32(), back.stdout);
        differ(&data.told().await?, &before)?;
        consistent(&data.goods).await?;
        nothing_left(world).await?;

        // Into what was destroyed.
        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        let listed = world.outboard(&["env", "backups"]).await?.ended(Exit::Success)?;
        println!("{}", listed.stdout);
        ensure!(listed.stdout.contains("qa (destroyed)"), "{}", listed.stdout);
        let begun = Instant::now();
        let back = world
            .outboard(&["env", "restore", "qa", "--backup", "latest", "--yes"])
            .await?
            .ended(Exit::Success)?;
        println!("restore of a destroyed one: {:.1} s\n{}", begun.elapsed().as_secs_f32(), back.stdout);
        let again = Data::of(world, "qa").await?;
        differ(&again.told().await?, &before)?;
        nothing_left(world).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn whoever_is_killed_the_backup_is_made_and_brought_back() -> Result<()> {
    story(async |world| {
        let (data, shelf) = begin(world).await?;
        let before = data.told().await?;
        let place = world.copy_namespace_of("b1");
        without_operator(&world.client, async || {
            let operator =
                HostOperator::begin_with(world, &[&format!("--image={}", operator_image(world).await?)])?;
            let limits = CopyLimits {
                bytes_per_second: Some(400_000),
                requests_per_second: Some(50),
                ..CopyLimits::default()
            };
            world.ask_copy("b1", DataCopySpec { limits, ..making() }).await?;
            let under_way = |status: &DataCopyStatus| {
                status
                    .services
                    .iter()
                    .any(|one| one.name == "goods" && one.phase == CopyPhase::Copying && one.rows > 0)
            };
            world.copy_until("b1", "rows of it", LONG, under_way).await?;
            operator.kill()?;
            world.slay(&place, "goods-", "data-copy").await?;
            let operator =
                HostOperator::begin_with(world, &[&format!("--image={}", operator_image(world).await?)])?;
            world
                .steer_copy("b1", &json!({"limits": {"bytesPerSecond": null, "requestsPerSecond": null}}))
                .await?;
            let made = world.copy_done("b1", LONG).await?;
            let tries = made.services.iter().find(|one| one.name == "goods").map(|one| one.tries);
            println!("made after {tries:?} starts: {:?}", seconds(&made));
            ensure!(tries > Some(1), "nothing was killed");
            let names = shelf.names("kept/").await?;
            same("manifests", &names.iter().filter(|name| name.ends_with("manifest.json")).count(), &1)?;

            data.spoil().await?;
            let slowly = CopyLimits {
                bytes_per_second: Some(300_000),
                requests_per_second: Some(50),
                ..CopyLimits::default()
            };
            world.ask_copy("r1", DataCopySpec { limits: slowly, ..bringing("b1", "qa") }).await?;
            world.copy_until("r1", "rows of it", LONG, under_way).await?;
            operator.kill()?;
            world.slay(&world.copy_namespace_of("r1"), "goods-", "data-copy").await?;
            let operator =
                HostOperator::begin_with(world, &[&format!("--image={}", operator_image(world).await?)])?;
            world
                .steer_copy("r1", &json!({"limits": {"bytesPerSecond": null, "requestsPerSecond": null}}))
                .await?;
            let back = world.copy_done("r1", LONG).await?;
            println!("brought back: {:?}", seconds(&back));
            operator.stop().await
        })
        .await?;
        differ(&data.told().await?, &before)?;
        nothing_left(world).await
    })
    .await
}

async fn operator_image(world: &World) -> Result<String> {
    let arguments = stories::arguments(&world.client).await?;
    let image = arguments.iter().find_map(|flag| flag.strip_prefix("--image="));
    Ok(image.context("an operator without image")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_is_not_whole_is_refused_before_anything_is_touched() -> Result<()> {
    story(async |world| {
        let (data, shelf) = begin(world).await?;
        let failed = async |name: &str, spec: DataCopySpec, said: &str| -> Result<DataCopyStatus> {
            world.ask_copy(name, spec).await?;
            let status =
                world.copy_until(name, "failed", LONG, |status| status.phase == CopyPhase::Failed).await?;
            let verdict = status.verdict.clone().context("no verdict")?;
            println!("{name}: {} ({})", verdict.message, verdict.fix);
            ensure!(verdict.message.contains(said) && !verdict.fix.is_empty(), "{verdict:#?}");
            same("its target", &status.target, &TargetState::Untouched)?;
            Ok(status)
        };
        let only = |spec: DataCopySpec| DataCopySpec { services: vec!["goods".to_owned()], ..spec };
        world.ask_copy("b1", only(making())).await?;
        let made = world.copy_done("b1", LONG).await?;
        let folder = made.backup.context("it lies nowhere")?.folder;
        let key = format!("{folder}goods.sql.gz");
        let whole = object(&shelf, &key).await?;
        let before = checksums(&data.goods, "app").await?;

        let mut other = whole.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        put(&shelf, &key, other).await?;
        failed("r-other", only(bringing("b1", "qa")), "of the backup").await?;
        put(&shelf, &key, whole[..middle].to_vec()).await?;
        failed("r-short", only(bringing("b1", "qa")), "bytes").await?;
        shelf.remove(&key).await?;
        failed("r-gone", only(bringing("b1", "qa")), "is not there any more").await?;
        put(&shelf, &key, whole).await?;
        shelf.remove(&format!("{folder}manifest.json")).await?;
        failed("r-none", only(bringing("b1", "qa")), "it has no manifest.json").await?;
        same("what was there", &checksums(&data.goods, "app").await?, &before)?;

        // A bucket that is not there, one that does not let anybody in, and none at all.
        world
            .apply(|spec| {
                project(world)(spec);
                spec["backups"]["bucket"] = json!("nobodys-bucket");
            })
            .await?;
        let status = failed("b-bucket", only(making()), "bucket").await?;
        same("the cause", &status.verdict.map(|verdict| verdict.cause), &Some(Cause::CopyFailed))?;
        world
            .apply(|spec| {
                project(world)(spec);
                spec["backups"] = Value::Null;
            })
            .await?;
        failed("b-nowhere", only(making()), "does not say where backups lie").await?;
        let events = world.outboard(&["env", "restore", "qa", "--backup", "b2", "--yes"]).await?;
        same("its exit code", &events.code, &i32::from(Exit::NotFound.code()))?;
        nothing_left(world).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_schedule_makes_one_backup_for_each_moment_and_keeps_as_many_as_its_class_says() -> Result<()> {
    story(async |world| {
        let (_, shelf) = begin(world).await?;
        world
            .apply(|spec| {
                project(world)(spec);
                spec["classes"]["qa"]["backup"] = json!({"schedule": "* * * * *", "keep": 1});
            })
            .await?;
        let made = async || -> Result<Vec<(String, CopyPhase)>> {
            let all = world.copies().list(&ListParams::default()).await?;
            let phase = |copy: &DataCopy| copy.status.as_ref().map(|status| status.phase).unwrap_or_default();
            Ok(all.iter().map(|copy| (copy.name_any(), phase(copy))).collect())
        };
        let mut seen = BTreeMap::new();
        let first = until("a backup that was due", LONG, async || {
            let done = made().await?.into_iter().find(|(_, phase)| *phase == CopyPhase::Done);
            Ok(done.map(|(name, _)| name))
        })
        .await?;
        let at_work = Instant::now();
        let second = until("the next one, and the first gone", LONG, async || {
            let now = made().await?;
            let running = now.iter().filter(|(_, phase)| !phase.is_final()).count();
            ensure!(running <= 1, "two at once: {now:?}");
            seen.extend(now.clone());
            let gone = now.iter().all(|(name, _)| *name != first);
            Ok(now.into_iter().find(|(_, phase)| *phase == CopyPhase::Done && gone).map(|(name, _)| name))
        })
        .await?;
        println!("{first}, then {second} after {:.0} s; seen: {seen:?}", at_work.elapsed().as_secs_f32());
        ensure!(seen.keys().all(|name| name.starts_with("qa-2") && name.ends_with("00z")), "{seen:?}");
        let kept = shelf.names("kept/").await?;
        ensure!(kept.iter().all(|name| !name.contains(&first)), "some of {first} is left: {kept:?}");
        ensure!(
            kept.iter().any(|name| name.contains(&second) && name.ends_with("manifest.json")),
            "{kept:?}"
        );

        // Without a schedule what there is stays; and so it does once the environment is gone, until somebody names it.
        world.apply(project(world)).await?;
        until("none under way", LONG, async || {
            Ok(made().await?.iter().all(|(_, phase)| phase.is_final()).then_some(()))
        })
        .await?;
        let left: Vec<String> = made().await?.into_iter().map(|(name, _)| name).collect();
        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        let found = world.outboard(&["gc"]).await?.ended(Exit::Success)?;
        ensure!(left.iter().all(|name| found.stdout.contains(name)), "{left:?}: {}", found.stdout);
        let stays = world.outboard(&["gc", "--yes"]).await?.ended(Exit::Success)?;
        ensure!(stays.stdout.contains("it may be all that is left"), "{}", stays.stdout);
        for name in &left {
            world.outboard(&["gc", name, "--yes"]).await?.ended(Exit::Success)?;
        }
        until("nothing left of them", LONG, async || {
            let objects = shelf.names("kept/").await?;
            Ok((made().await?.is_empty() && objects.is_empty()).then_some(()))
        })
        .await
    })
    .await
}
