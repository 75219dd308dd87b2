//! Passwords of services are changed on both sides, and nobody notices: not one connection is refused, whoever is killed meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::{Exit, Role, RotationPhase};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use rand::RngExt;
use serde_json::json;
use stories::newcomers::{Came, Newcomers, once};
use stories::{HostOperator, World, contains, images, same, story, until, without_operator};
use tokio::sync::watch;

/// The kubelet brings what changed into a pod within two minutes, and there are two such changes.
const ROTATED: &str = "9m";
const SOON: Duration = Duration::from_secs(120);
/// Within which a server that crashed answers again.
const RESTARTED: Duration = Duration::from_secs(60);
/// Milliseconds an operator lives at most before the next kill.
const LONGEST: u64 = 20_000;

/// A shop whose web takes orders into a Redis, too.
async fn shop(world: &World) -> Result<()> {
    let changed = |spec: &mut serde_json::Value| {
        spec["services"]["cache"] = json!({"type": "redis", "storage": "1Gi"});
        spec["services"]["uploads"] = json!({"type": "s3"});
        spec["components"]["web"]["uses"] = json!(["db", "cache"]);
        spec["components"]["web"]["env"]["REDIS_URL"] = json!("${cache.url}");
        spec["classes"]["team"] = json!({"services": {"db": {"from": "data"}}});
    };
    world.apply(changed).await.map(drop)
}

const DB: Newcomers<'static> =
    Newcomers { environment: "qa", component: "web", variable: "DATABASE_URL", server: ("qa", "db") };
const CACHE: Newcomers<'static> =
    Newcomers { environment: "qa", component: "web", variable: "REDIS_URL", server: ("qa", "cache") };

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn passwords_of_a_database_and_a_redis_change_under_load_without_a_failed_request() -> Result<()> {
    story(async |world| {
        shop(world).await?;
        world.create("qa", &["--class", "qa"]).await?;
        let order = world.order("qa").await?;
        let before =
            (world.uids("qa").await?, url(world, "qa", "db").await?, url(world, "qa", "cache").await?);
        println!("{}", shown(world).await?);

        // Nothing is written unless somebody says so; what cannot be is told with what to do.
        let told = world.outboard(&["env", "rotate", "qa"]).await?.ended(Exit::Usage)?;
        contains(&told.stderr, "say --yes")?;
        let told =
            world.outboard(&["env", "rotate", "qa", "uploads", "--yes"]).await?.ended(Exit::Invalid)?;
        contains(&told.stderr, "knows one key")?;
        let told = world.outboard(&["env", "rotate", "qa", "dv", "--yes"]).await?.ended(Exit::NotFound)?;
        contains(&told.stderr, "`db`")?;
        same("what is asked for", &world.environments().get("qa").await?.spec.rotations.len(), &0)?;

        let (stop, stopped) = watch::channel(false);
        let load = world.load("qa");
        let rotate = async {
            let begun = Instant::now();
            // Asked for twice, it is one.
            world.outboard(&["env", "rotate", "qa", "--yes", "--no-wait"]).await?.ended(Exit::Success)?;
            let again = ["env", "rotate", "qa", "--yes", "-o", "json", "--timeout", ROTATED];
            let told = world.outboard(&again).await?.ended(Exit::Success);
            println!("rotated after {:.1} s", begun.elapsed().as_secs_f32());
            // Those that have the old one would have been refused by now.
            tokio::time::sleep(Duration::from_secs(3)).await;
            let _ = stop.send(true);
            told
        };
        let (told, db, cache) =
            tokio::join!(rotate, DB.come(world, stopped.clone()), CACHE.come(world, stopped.clone()));
        let (told, db, cache, tally) = (told?, db?, cache?, load.end().await?);
        unharmed(&db)?;
        unharmed(&cache)?;
        same("failed requests", &tally.failures, &vec![])?;
        ensure!(db.passwords == 2 && cache.passwords == 2, "nobody had the new one: {db:?}");
        let planned = told.events()?.first().cloned().context("no plan")?;
        same("it was joined", &planned["rotation"]["services"][1]["joins"], &json!(true))?;
        same("what restarts", &planned["rotation"]["services"][1]["restarts"], &json!(["web"]))?;
        let result = told.last()?["result"].clone();
        for service in ["db", "cache"] {
            same("the phase", &result["services"][service]["phase"], &json!("Done"))?;
            ensure!(result["services"][service]["rotatedAt"].is_string(), "no date: {result}");
        }

        // One rollout of what uses them, no new revision, no server restarted, and the old ones are worth nothing.
        world.ready("qa", SOON).await?;
        let found = world.environments().get("qa").await?.status.context("no status")?;
        same("revision", &found.revision, &Some(1))?;
        let after = world.uids("qa").await?;
        let kept: Vec<&str> =
            before.0.keys().filter(|name| after.contains_key(*name)).map(String::as_str).collect();
        same("what was not replaced", &kept, &vec!["cache-0", "db-0", "uploads-0"])?;
        refused(world, "qa", "db", &before.1).await?;
        refused(world, "qa", "cache", &before.2).await?;
        ensure!(world.orders("qa").await?.contains(&order), "the order is gone");
        let secret = secret(world, "qa", "db").await?;
        let keys: Vec<&str> = secret.data.iter().flatten().map(|(key, _)| key.as_str()).collect();
        ensure!(!keys.contains(&"previous") && !keys.contains(&"next"), "one is left: {keys:?}");
        let told = serde_json::to_string(&found)? + &told.stdout + &told.stderr;
        for url in [&before.1, &url(world, "qa", "db").await?] {
            ensure!(!told.contains(password(url)?), "a password was told");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn whoever_is_killed_meanwhile_an_environment_that_shares_the_database_is_never_refused() -> Result<()>
{
    story(async |world| {
        shop(world).await?;
        world.create("data", &["--class", "team"]).await?;
        world.create("ann", &["--class", "team"]).await?;
        let before = url(world, "data", "db").await?;
        let pods = world.uids("ann").await?;
        let told = world.outboard(&["env", "rotate", "ann", "db", "--yes"]).await?.ended(Exit::Invalid)?;
        contains(&told.stderr, "outboard env rotate data db")?;
        without_operator(&world.client, async || {
            let (stop, stopped) = watch::channel(false);
            let of = |environment| Newcomers { environment, server: ("data", "db"), ..DB };
            let rotate = async {
                let begun = Instant::now();
                let wanted = ["env", "rotate", "data", "db", "--yes", "--timeout", ROTATED];
                let told = world.outboard(&wanted).await?.ended(Exit::Success);
                println!("rotated after {:.1} s", begun.elapsed().as_secs_f32());
                tokio::time::sleep(Duration::from_secs(3)).await;
                let _ = stop.send(true);
                told
            };
            let (told, kills, crashed, own, other) = tokio::join!(
                rotate,
                kill_again_and_again(world, stopped.clone()),
                crash(world, stopped.clone()),
                of("data").come(world, stopped.clone()),
                of("ann").come(world, stopped.clone())
            );
            let (told, own, other) = (told?, own?, other?);
            let (at, doing) = crashed?;
            println!("{} kills of the operator, the server crashed while {doing}", kills?);
            contains(&told.stderr, "web of ann gets new pods")?;
            for came in [&own, &other] {
                enough(came)?;
                let back = at + RESTARTED;
                let others = came.unanswered.iter().filter(|(when, _)| !(at..=back).contains(when));
                same("not answered, and not by the crash", &others.collect::<Vec<_>>(), &vec![])?;
                ensure!(came.passwords == 2, "nobody had the new one: {came:?}");
            }
            Ok(())
        })
        .await?;
        refused(world, "data", "db", &before).await?;
        let after = world.uids("ann").await?;
        ensure!(
            pods.keys().filter(|name| name.starts_with("web-")).all(|name| !after.contains_key(name)),
            "old pods"
        );
        world.order("ann").await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_mysql_takes_both_passwords_until_nobody_needs_the_old_one() -> Result<()> {
    images(&["library/mysql:debian"]).await?;
    story(async |world| {
        world.apply(|spec| spec["services"]["db"] = json!({"type": "mysql", "version": "debian"})).await?;
        world.create("qa", &[]).await?;
        let before = url(world, "qa", "db").await?;
        let (stop, stopped) = watch::channel(false);
        let load = world.load("qa");
        let rotate = async {
            let begun = Instant::now();
            let told = world
                .outboard(&["env", "rotate", "qa", "--yes", "--timeout", ROTATED])
                .await?
                .ended(Exit::Success);
            println!("rotated after {:.1} s", begun.elapsed().as_secs_f32());
            tokio::time::sleep(Duration::from_secs(3)).await;
            let _ = stop.send(true);
            told
        };
        let (told, came) = tokio::join!(rotate, DB.come(world, stopped.clone()));
        told?;
        unharmed(&came?)?;
        same("failed requests", &load.end().await?.failures, &vec![])?;
        refused(world, "qa", "db", &before).await
    })
    .await
}

/// Nobody was refused, and enough came to say so.
fn unharmed(came: &Came) -> Result<()> {
    same("not answered", &came.unanswered, &vec![])?;
    enough(came)
}

fn enough(came: &Came) -> Result<()> {
    same("refused", &came.refused, &vec![])?;
    same("pods that were never clients", &came.shut, &vec![])?;
    ensure!(came.connections > 500, "only {} came", came.connections);
    Ok(())
}

/// Operators that are killed after random times, until it is done; the last one is stopped in peace.
async fn kill_again_and_again(world: &World, mut stopped: watch::Receiver<bool>) -> Result<usize> {
    let mut kills = 0;
    loop {
        let operator = HostOperator::begin(world)?;
        let lifetime = Duration::from_millis(rand::rng().random_range(2_000..LONGEST));
        tokio::select! {
            () = tokio::time::sleep(lifetime) => {
                operator.kill()?;
                kills += 1;
            }
            _ = stopped.wait_for(|stop| *stop) => {
                operator.stop().await?;
                return Ok(kills);
            }
        }
    }
}

/// The server dies once everybody is to get the new password; when, and what it was doing then, for people.
async fn crash(world: &World, stopped: watch::Receiver<bool>) -> Result<(Instant, String)> {
    let doing = until("pods get the new password", Duration::from_secs(500), async || {
        let status = world.environments().get("data").await?.status.unwrap_or_default();
        let phase = status.rotations.get("db").map(|rotation| rotation.phase);
        let runs = status.parts.iter().any(|part| part.role == Role::Service);
        Ok((*stopped.borrow() || runs && phase == Some(RotationPhase::Replacing))
            .then(|| format!("{phase:?}")))
    })
    .await?;
    let at = Instant::now();
    world.slay(&world.namespace("data"), "db-0", "mariadbd").await?;
    Ok((at, doing))
}

async fn shown(world: &World) -> Result<String> {
    Ok(world.outboard(&["env", "rotate", "qa", "--dry-run"]).await?.ended(Exit::Success)?.stdout)
}

async fn secret(world: &World, environment: &str, service: &str) -> Result<Secret> {
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.namespace(environment));
    Ok(secrets.get(&format!("{service}-credentials")).await?)
}

/// As whom one gets in now.
async fn url(world: &World, environment: &str, service: &str) -> Result<String> {
    let data = secret(world, environment, service).await?.data.context("no data")?;
    let password = String::from_utf8(data["password"].0.clone())?;
    let scheme = if service == "cache" { "redis" } else { "mysql" };
    let user = data.get("user").map(|user| String::from_utf8_lossy(&user.0).into_owned()).unwrap_or_default();
    Ok(format!("{scheme}://{user}:{password}@{service}"))
}

fn password(url: &str) -> Result<&str> {
    Ok(url.split_once('@').and_then(|(left, _)| left.rsplit_once(':')).context("no password")?.1)
}

/// The old password is worth nothing any more, and the new one is.
async fn refused(world: &World, environment: &str, service: &str, old: &str) -> Result<()> {
    let pods = world.pods(environment).await?;
    let server = pods.iter().find(|pod| pod.metadata.name.as_deref() == Some(&format!("{service}-0")));
    let address = server.and_then(|pod| pod.status.as_ref()?.pod_ip.clone()).context("no address")?;
    let now = url(world, environment, service).await?;
    ensure!(now != old, "the password is what it was");
    once(&now, &address).await.context("the new password is refused")?;
    ensure!(once(old, &address).await.is_err(), "the old password still opens {service}");
    Ok(())
}
