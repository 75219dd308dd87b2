//! Clusters whose making is interrupted, killed and locked: the same command again ends right. Needs no testbed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use stories::{Construction, until};

const LATE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, the provider and some minutes"]
async fn whatever_is_killed_the_same_command_again_ends_right() -> Result<()> {
    let site = Construction::begin().await?;

    // Ctrl-C: Terraform is asked once, finishes what it has begun, and what is there is in the state.
    let mut create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    applying(&site, 12).await?;
    kill(Pid::from_raw(i32::try_from(create.id())?), Signal::SIGINT)?;
    let ended = tokio::task::spawn_blocking(move || create.wait()).await??;
    let said = std::fs::read_to_string(site.path().join("begun.err"))?;
    ensure!(ended.code() == Some(i32::from(Exit::Interrupted.code())), "{ended}: {said}");
    ensure!(said.contains("stopped cleanly after"), "{said}");
    let status = site.cluster(&["status", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(status["phase"] == "incomplete" && status["lock"].is_null(), "{status}");

    // outboard is killed: Terraform goes on, and the next one follows it to its end.
    let mut create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    applying(&site, 5).await?;
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
    let key = "clusters/qa/terraform.tfstate.tflock";
    site.cloud.put_object(bucket, key, serde_json::to_vec(&lock)?).await?;
    let refused = site.cluster(&["destroy", "--yes"]).await?.ended(Exit::Conflict)?;
    for word in ["eve@elsewhere", "2026-11-26T00:00:00Z", "unlock --id 0000-1111"] {
        ensure!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    site.cluster(&["unlock", "--id", "2222"]).await?.ended(Exit::Conflict)?;
    site.cluster(&["unlock", "--id", "0000-1111"]).await?.ended(Exit::Success)?;

    // Terraform itself is killed while it destroys: its lock is an orphan, which is proved and told.
    let mut destroy = site.begin_cluster(&["destroy", "--yes", "-o", "json"])?;
    applying(&site, 6).await?;
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
    told(
        &|file| file["spec"]["terraform"]["override"] = json!("none.tf.json"),
        Exit::Invalid,
        &["none.tf.json"],
    )
    .await?;
    let objects = site.cloud.objects("outboard-123456789012-eu-west-1").await.unwrap_or_default();
    ensure!(!objects.iter().any(|key| key.ends_with("terraform.tfstate")), "{objects:?}");
    Ok(())
}

/// Waits until Terraform has done so many things.
async fn applying(site: &Construction, count: usize) -> Result<()> {
    let begun = Instant::now();
    until("Terraform at work", LATE, async || {
        let told = std::fs::read_to_string(site.path().join("begun.out"))?;
        let done = told.lines().filter(|line| line.contains("\"event\":\"done\"")).count();
        Ok((done >= count).then_some(()))
    })
    .await
    .with_context(|| std::fs::read_to_string(site.path().join("begun.err")).unwrap_or_default())?;
    println!("{count} things done after {} s", begun.elapsed().as_secs());
    Ok(())
}

/// The process that outboard has written down.
fn engine(site: &Construction) -> Result<i32> {
    let folder = site.path().join("state/outboard/clusters");
    let entry = std::fs::read_dir(folder)?.next().context("a cluster's folder")??;
    let record: Value = serde_json::from_slice(&std::fs::read(entry.path().join("run.json"))?)?;
    Ok(i32::try_from(record["pid"].as_i64().context("a process")?)?)
}

fn notes(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .filter(|event| event["event"] == "note")
        .filter_map(|event| Some(event["text"].as_str()?.to_owned()))
        .collect()
}
