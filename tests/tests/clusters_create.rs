//! A cluster from its file to its receipt: planned with a price, made with real Terraform and a real provider, found as it
//! should be, changed behind its back, destroyed, and nothing left. Needs no testbed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::Value;
use stories::{Construction, PLANTED};

/// What the provider at hand does not know of our modules.
const LOST: &str = "../terraform/schema/dropped-for-3.39.0.txt";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, the provider and some minutes"]
async fn a_cluster_is_made_found_changed_mended_and_destroyed_to_the_last_thing() -> Result<()> {
    let site = Construction::begin().await?;
    golden(&site)?;

    // Before anything is made: nothing of it is there, and planning makes nothing, not even a bucket.
    let status = site.cluster(&["status", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(status["phase"] == "absent", "{status}");
    let planned = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?;
    let plan = planned.last()?["result"].clone();
    let count = plan["create"].as_u64().context("a number")?;
    ensure!(count > 60 && plan["update"] == 0 && plan["delete"] == 0, "{plan}");
    ensure!(plan["cost"]["monthly"].as_f64().is_some_and(|cost| cost > 100.0), "{}", plan["cost"]);
    for checked in ["engine", "account", "state"] {
        ensure!(
            planned.events()?.iter().any(|event| event["what"] == checked),
            "{checked} was not looked at"
        );
    }

    // Another plan than the one that was agreed to is not carried out.
    site.cluster(&["create", "--plan", "000000000000"]).await?.ended(Exit::Conflict)?;
    let hash = plan["hash"].as_str().context("a hash")?;
    let made = site.cluster(&["create", "--plan", hash, "-o", "json"]).await?.ended(Exit::Success)?;
    let events = made.events()?;
    let looks: Vec<&Value> = events.iter().filter(|event| event["event"] == "progress").collect();
    ensure!(looks.len() > 20, "only {} looks at its progress", looks.len());
    let done: Vec<u64> = looks.iter().filter_map(|look| look["done"].as_u64()).collect();
    ensure!(done.is_sorted() && done.last() == Some(&count), "{done:?}");
    let created = made.last()?["result"].clone();
    ensure!(created["endpoint"] == "https://api.qa.outboard.internal:6443", "{created}");
    println!("made in {} s: {} resources", created["seconds"], created["resources"]);

    let again = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(again["result"]["changes"] == serde_json::json!([]), "a second plan would change: {again}");
    let status = site.cluster(&["status", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(status["phase"] == "applied" && status["resources"].as_u64() == Some(count), "{status}");
    let all = site.cluster(&["list", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(all[0]["name"] == "qa" && all[0]["phase"] == "applied", "{all}");

    let id = created["id"].as_str().context("an id")?;
    diagnosed(&site, id).await?;
    drift(&site, id).await?;
    site.cluster(&["create", "--yes"]).await?.ended(Exit::Success)?;
    let report =
        site.cluster(&["drift", "-o", "json"]).await?.ended(Exit::Success)?.last()?["result"].clone();
    ensure!(report["drifted"] == serde_json::json!([]), "after it was mended: {report}");

    // What Kubernetes made for Services and volumes goes with it.
    site.behind("made", id)?;
    let destroyed = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    let receipt = destroyed.last()?["result"].clone();
    println!("destroyed in {} s", receipt["seconds"]);
    ensure!(receipt["left"] == 0 && receipt["destroyed"].as_u64() == Some(count), "{receipt}");
    let swept = serde_json::json!({"loadBalancers": 3, "volumes": 1, "others": 2});
    ensure!(receipt["swept"] == swept, "{receipt}");
    let left = site.behind("left", id)?;
    ensure!(left.is_empty(), "left: {left:#?}");
    site.cluster(&["destroy", "--yes"]).await?.ended(Exit::Success)?;

    // What everybody may read holds no secret.
    for output in [&planned, &made, &destroyed] {
        ensure!(!output.stdout.contains(PLANTED) && !output.stderr.contains(PLANTED), "a secret was told");
    }
    nowhere(&site.path().join("state"), PLANTED)
}

/// What a machine says of itself is told.
async fn diagnosed(site: &Construction, id: &str) -> Result<()> {
    let all = site.cluster(&["diagnose", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    let machines = all.as_array().context("a list")?;
    ensure!(machines.len() == 4 && machines.iter().all(|one| one["state"] == "running"), "{all:#}");
    let instance = machines[0]["id"].as_str().context("an instance")?;
    let said = serde_json::json!({
        "Name": format!("/outboard/{id}/progress/{instance}"), "Type": "String",
        "Value": "2026-11-26T00:00:00Z worker Failed kubeadm join failed: see journalctl -u kubelet"});
    site.cloud.parameter_store("PutParameter", &said).await?;
    let all = site.cluster(&["diagnose", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    let cause = "kubeadm join failed: see journalctl -u kubelet";
    ensure!(all[0]["id"] == instance && all[0]["cause"] == cause, "{all:#}");
    Ok(())
}

/// Nine kinds of changes behind its back, each found and named.
async fn drift(site: &Construction, id: &str) -> Result<()> {
    site.behind("drift", id)?;
    let report =
        site.cluster(&["drift", "-o", "json"]).await?.ended(Exit::Success)?.last()?["result"].clone();
    let found = report["drifted"].as_array().context("a list")?;
    let expected = [
        ("module.network.aws_vpc.this", "changed"),
        ("aws_security_group_rule.ingress_between[\"worker_kubelet\"]", "deleted"),
        ("aws_autoscaling_group.worker[\"general\"]", "changed"),
        ("aws_s3_bucket_object.boot[\"worker.sh\"]", "deleted"),
        ("aws_iam_role_policy.node[\"worker\"]", "changed"),
        ("aws_lb_listener.api", "deleted"),
        ("aws_route53_record.api", "deleted"),
        ("module.network.aws_route.private_nat[\"eu-west-1a\"]", "deleted"),
        ("aws_launch_template.node[\"worker-general\"]", "changed"),
    ];
    for (address, difference) in expected {
        let address = format!("module.cluster.{address}");
        let one = found.iter().find(|drifted| drifted["address"] == address.as_str());
        ensure!(one.is_some_and(|one| one["difference"] == difference), "{address}: {report:#}");
    }
    ensure!(report["pending"].is_null(), "{report:#}");
    Ok(())
}

/// The list of what is dropped is a file that people review.
fn golden(site: &Construction) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LOST);
    let lost: String = site.lost.iter().map(|line| format!("{line}\n")).collect();
    if std::env::var_os("UPDATE_DROPPED").is_some() {
        fs::write(&path, &lost)?;
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    ensure!(lost == known, "UPDATE_DROPPED=1 writes {} anew; now it would be:\n{lost}", path.display());
    Ok(())
}

/// No file below a folder holds it.
fn nowhere(folder: &Path, secret: &str) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            nowhere(&path, secret)?;
            continue;
        }
        let bytes = fs::read(&path)?;
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        ensure!(!found, "{} holds a secret", path.display());
    }
    Ok(())
}
