//! Clusters whose making is interrupted, killed and locked: the same command again ends right. Needs no testbed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use stories::{Construction, until};

const LATE: Duration = Duration::from_secs(200);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, the provider and some minutes"]
async fn whatever_is_killed_the_same_command_again_ends_right() -> Result<()> {
    let site = Construction::begin().await?;

    // Ctrl-C: Terraform is asked once, finishes what it has begun, and what is there is in the state.
    let mut create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    site.applying(12).await?;
    kill(Pid::from_raw(i32::try_from(create.id())?), Signal::SIGINT)?;
    let ended = tokio::task::spawn_blocking(move || create.wait()).await??;
    let said = std::fs::read_to_string(site.path().join("begun.err"))?;
    ensure!(ended.code() == Some(i32::from(Exit::Interrupted.code())), "{ended}: {said}");
    ensure!(said.contains("stopped cleanly after"), "{said}");
    let status = site.cluster(&["status", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(status["phase"] == "incomplete" && status["lock"].is_null(), "{status}");

    // outboard is killed: Terraform goes on, and the next one follows it to its end.
    let mut create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    site.applying(5).await?;
    create.kill()?;
    create.wait()?;
    let again = site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    let notes = notes(&again.events()?);
    ensure!(notes.iter().any(|note| note.contains("following it")), "{notes:#?}");
    let created = again.last()?["result"].clone();
    let id = created["id"].as_str().context("an id")?.to_owned();

    // Somebody else's lock is told and not broken, unless somebody says so.
    let bucket = "outboard-123456789012-eu-west-1";
    let lock = json!({"ID": "0000-1111", "Operation": "OperationTypeApply", "Info": "", "Who": "eve@elsewhere",
        "Version": "1.11.4", "Created": "2026-11-26T00:00:00Z", "Path": "x"});
    let key = format!("clusters/{id}/terraform.tfstate.tflock");
    site.cloud.put_object(bucket, &key, serde_json::to_vec(&lock)?).await?;
    let refused = site.cluster(&["destroy", "--yes"]).await?.ended(Exit::Conflict)?;
    for word in ["eve@elsewhere", "2026-11-26T00:00:00Z", "unlock --id 0000-1111"] {
        ensure!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    site.cluster(&["unlock", "--id", "2222"]).await?.ended(Exit::Conflict)?;
    site.cluster(&["unlock", "--id", "0000-1111"]).await?.ended(Exit::Success)?;

    // Terraform itself is killed while it destroys: its lock is an orphan, which is proved and told.
    let mut destroy = site.begin_cluster(&["destroy", "--yes", "-o", "json"])?;
    site.applying(6).await?;
    kill(Pid::from_raw(engine(&site)?), Signal::SIGKILL)?;
    let ended = tokio::task::spawn_blocking(move || destroy.wait()).await??;
    ensure!(!ended.success(), "it took no notice");
    let receipt = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    let notes = self::notes(&receipt.events()?);
    ensure!(notes.iter().any(|note| note.contains("released the lock of")), "{notes:#?}");
    let left = site.behind("left", &id)?;
    ensure!(left.is_empty(), "left: {left:#?}");
    Ok(())
}

/// Ten kills with SIGKILL, of outboard or of Terraform, at moments that a seed draws: five while it is made, five while it is destroyed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, the provider and some minutes"]
async fn ten_kills_at_random_moments_leave_nothing_twice_and_nothing_behind() -> Result<()> {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().context("SEED is not a number")?,
        Err(_) => rand::rng().random_range(0..u64::from(u32::MAX)),
    };
    println!("SEED={seed}");
    let mut draw = StdRng::seed_from_u64(seed);
    let site = Construction::begin().await?;
    let plan = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?.last()?["result"].clone();
    let count = plan["create"].as_u64().context("a number")?;

    for _ in 0..5 {
        killed(&site, "create", &mut draw).await?;
    }
    let made = site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    for note in notes(&made.events()?) {
        println!("  {note}");
    }
    let created = made.last()?["result"].clone();
    ensure!(created["resources"].as_u64() == Some(count), "{created}");
    let id = created["id"].as_str().context("an id")?.to_owned();
    let again = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(again["result"]["changes"] == json!([]), "a second plan would change: {again}");
    let twice = twice(&site.behind("left", &id)?);
    ensure!(twice.is_empty(), "there is more of it than was planned: {twice:#?}");

    for _ in 0..5 {
        killed(&site, "destroy", &mut draw).await?;
    }
    let receipt = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(receipt["result"]["left"] == 0, "{receipt}");
    let left = site.behind("left", &id)?;
    ensure!(left.is_empty(), "left: {left:#?}");
    Ok(())
}

/// Begins, and kills outboard or what it runs once so many things are done, or before anything is.
async fn killed(site: &Construction, what: &str, draw: &mut StdRng) -> Result<()> {
    let (count, terraform) = (draw.random_range(0..18_usize), draw.random_bool(0.5));
    let mut child = site.begin_cluster(&[what, "--yes", "-o", "json"])?;
    applying_or_ended(site, count, &mut child).await?;
    // Not at the moment of a line: somewhere between two.
    tokio::time::sleep(Duration::from_millis(draw.random_range(0..1500))).await;
    // Before there is a Terraform, outboard is all that can be killed.
    let running = engine(site).ok().filter(|_| terraform);
    println!(
        "{what}: {} killed after {count} things",
        if running.is_some() { "Terraform" } else { "outboard" }
    );
    let victim = running.map_or_else(|| i32::try_from(child.id()), Ok)?;
    // It may have ended just now.
    let _ = kill(Pid::from_raw(victim), Signal::SIGKILL);
    if running.is_some() {
        tokio::task::spawn_blocking(move || child.wait()).await??;
    } else {
        child.wait()?;
    }
    Ok(())
}

async fn applying_or_ended(site: &Construction, count: usize, child: &mut std::process::Child) -> Result<()> {
    until("Terraform at work", LATE, async || {
        let ended = child.try_wait()?.is_some();
        Ok((site.done()? >= count || ended).then_some(()))
    })
    .await
    .with_context(|| site.last_words())
}

/// Kinds of which there is to be one, and that there is more of.
fn twice(left: &[String]) -> Vec<String> {
    let of = |kind: &str| left.iter().filter(|line| line.starts_with(kind)).cloned().collect::<Vec<_>>();
    ["vpc ", "gateway ", "endpoint ", "balancer ", "targets ", "zone "]
        .into_iter()
        .map(of)
        .filter(|found| found.len() > 1)
        .flatten()
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and the provider"]
async fn bad_input_is_told_before_anything_is_made() -> Result<()> {
    let site = Construction::begin().await?;
    let told = async |change: &dyn Fn(&mut Value), exit: Exit, words: &[&str]| -> Result<()> {
        let mut file = site.file();
        change(&mut file);
        site.write(&file)?;
        let output = site.cluster(&["create", "--yes"]).await?.ended(exit)?;
        for word in words {
            ensure!(output.stderr.contains(word), "{word}: {}", output.stderr);
        }
        Ok(())
    };
    told(
        &|file| {
            file["spec"]["contolPlane"] = json!({});
            file["spec"]["region"] = json!(1);
        },
        Exit::Invalid,
        &["cluster.yaml:", "unknown key `contolPlane`", "did you mean `controlPlane`", "expected text"],
    )
    .await?;
    told(
        &|file| {
            file["spec"]["api"]["allow"] = json!(["0.0.0.0/0"]);
            file["spec"]["controlPlane"]["nodes"] = json!(2);
        },
        Exit::Invalid,
        &["the API is not opened to everybody", "2 nodes of the control plane cannot be"],
    )
    .await?;
    told(
        &|file| file["spec"]["account"] = json!("999999999999"),
        Exit::Forbidden,
        &["123456789012", "AWS_PROFILE"],
    )
    .await?;
    // Where its API is to be named.
    let named = |host: &'static str, zone: String| {
        move |file: &mut Value| {
            file["spec"]["api"]["host"] = json!(host);
            file["spec"]["api"]["zoneId"] = json!(zone);
        }
    };
    let zone = site.cloud.hosted_zone("clusters.example.org").await?;
    let nowhere = named("api.clusters.example.org", "ZNOWHERE".to_owned());
    told(&nowhere, Exit::Invalid, &["there is no hosted zone ZNOWHERE", "spec.api.zoneId"]).await?;
    let outside = named("api.example.net", zone.clone());
    told(&outside, Exit::Invalid, &["api.example.net does not lie in hosted zone", &zone]).await?;
    told(
        &|file| file["spec"]["terraform"]["override"] = json!("none.tf.json"),
        Exit::Invalid,
        &["none.tf.json"],
    )
    .await?;
    // A slip in a table of prices, which nobody else would read.
    std::fs::write(site.path().join("prices.json"), r#"{"instances": {"m6i.large": 0.05}, "gp3gib": 0.1}"#)?;
    let priced = |file: &mut Value| file["spec"]["prices"] = json!("prices.json");
    told(&priced, Exit::Invalid, &["prices.json cannot be read", "unknown field `gp3gib`"]).await?;

    // What this machine lacks.
    site.write(&site.file())?;
    let refused = async |name: &str, value: &str, exit: Exit, words: &[&str]| -> Result<()> {
        let output = site.cluster_with(&[(name, value)], &["create", "--yes"]).await?.ended(exit)?;
        for word in words {
            ensure!(output.stderr.contains(word), "{word}: {}", output.stderr);
        }
        Ok(())
    };
    let engine = "OUTBOARD_TERRAFORM";
    refused(engine, "/nowhere/terraform", Exit::Failure, &["/nowhere/terraform cannot be run"]).await?;
    let old = site.path().join("old");
    std::fs::write(&old, "#!/bin/sh\necho '{\"terraform_version\": \"1.9.8\"}'\n")?;
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let old = old.display().to_string();
    refused(engine, &old, Exit::Failure, &["is 1.9.8, and 1.10 is the least", "OUTBOARD_TERRAFORM"]).await?;
    let key = "AWS_SECRET_ACCESS_KEY";
    refused(key, "", Exit::Forbidden, &["learn whose the credentials are", "log in first"]).await?;
    let nobody = "http://127.0.0.1:9";
    refused("AWS_ENDPOINT_URL", nobody, Exit::Unreachable, &["is the network there?"]).await?;

    // A quota that is used up.
    site.behind("crowd", "qa-0")?;
    told(&|_| {}, Exit::Invalid, &["VPCs: 5 are there, 1 more would be made, and at most 5 may be"]).await?;

    let objects = site.cloud.objects("outboard-123456789012-eu-west-1").await.unwrap_or_default();
    ensure!(!objects.iter().any(|key| key.ends_with("terraform.tfstate")), "{objects:?}");
    Ok(())
}

/// The process that outboard has written down, if it runs still.
fn engine(site: &Construction) -> Result<i32> {
    let folder = site.path().join("state/outboard/clusters");
    let entry = std::fs::read_dir(folder)?.next().context("a cluster's folder")??;
    let record: Value = serde_json::from_slice(&std::fs::read(entry.path().join("run.json"))?)?;
    let pid = i32::try_from(record["pid"].as_i64().context("a process")?)?;
    // Another process may have the number by now.
    let place = std::fs::read_link(format!("/proc/{pid}/cwd"))?;
    ensure!(place.starts_with(site.path().canonicalize()?), "{pid} works in {}", place.display());
    Ok(pid)
}

fn notes(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .filter(|event| event["event"] == "note")
        .filter_map(|event| Some(event["text"].as_str()?.to_owned()))
        .collect()
}
