//! Clusters: `outboard cluster create` and `destroy` beside bare Terraform with the very files that outboard wrote, on AWS as moto
//! plays it. Needs no cluster.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use api::Exit;
use stories::Construction;

use crate::setting;
use crate::table::Table;

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(measure()))
}

async fn measure() -> Result<()> {
    testbed::tools(&testbed::Cache::open()?, &["moto".to_owned(), "aws-provider".to_owned()])?;
    let mut table = Table::new(&["round", "", "init and plan s", "apply s", "create in all s", "destroy s"]);
    for round in 1..=setting("RUNS", 3) {
        let site = Construction::begin().await?;
        let ours = ours(&site).await?;
        let bare = bare(&site)?;
        let ratio = |index: usize| format!("{:.2}", ours[index] / bare[index]);
        for (name, times) in [("outboard", &ours), ("terraform", &bare)] {
            let cells = times.iter().map(|seconds| format!("{seconds:.1}"));
            table.row([round.to_string(), name.to_owned()].into_iter().chain(cells));
        }
        table.row([round.to_string(), "ratio".to_owned()].into_iter().chain((0..4).map(ratio)));
    }
    println!("{table}");
    Ok(())
}

/// Keeps aside what outboard wrote for Terraform. What is left of `create` when its apply is taken away is everything else:
/// preflight, keys, init, plan.
async fn ours(site: &Construction) -> Result<[f64; 4]> {
    let begun = Instant::now();
    let made = site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    let create = begun.elapsed().as_secs_f64();
    let apply = made.last()?["result"]["seconds"].as_f64().context("seconds")?;
    let folder =
        fs::read_dir(site.path().join("state/outboard/clusters"))?.next().context("a folder")??.path();
    copy(&folder, &site.path().join("bare"))?;
    let begun = Instant::now();
    site.cluster(&["destroy", "--yes"]).await?.ended(Exit::Success)?;
    Ok([create - apply, apply, create, begun.elapsed().as_secs_f64()])
}

fn bare(site: &Construction) -> Result<[f64; 4]> {
    let folder = site.path().join("bare");
    let timed = |arguments: &[&str]| -> Result<f64> {
        let engine = site.variable("OUTBOARD_TERRAFORM").context("an engine")?;
        let mut command = Command::new(engine);
        command.args(arguments).current_dir(&folder).envs(site.variables()).env("CHECKPOINT_DISABLE", "1");
        let begun = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        let took = begun.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(took)
    };
    let prepare = timed(&["init", "-input=false"])? + timed(&["plan", "-input=false", "-out=plan.bin"])?;
    let apply = timed(&["apply", "-input=false", "plan.bin"])?;
    let destroy = timed(&["apply", "-destroy", "-auto-approve", "-input=false"])?;
    Ok([prepare, apply, prepare + apply, destroy])
}

/// The files that Terraform reads, without what it made of them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
        if path.is_dir() && name != ".terraform" {
            copy(&path, &to.join(&name))?;
        } else if path.is_file() && is_read(&name, from) {
            fs::copy(&path, to.join(&name))?;
        }
    }
    Ok(())
}

/// Everything of the modules, and of the folder itself the root alone.
fn is_read(name: &str, folder: &Path) -> bool {
    folder.components().any(|step| step.as_os_str() == "modules") || name.ends_with(".tf.json")
}
