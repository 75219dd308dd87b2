//! A cluster from its file to its receipt: planned with a price, made with real Terraform and a real provider, found as it
//! should be, changed behind its back, destroyed, and nothing left. Needs no testbed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::Value;
use stories::{Construction, PLANTED, Watched, files};

const BUCKET: &str = "outboard-123456789012-eu-west-1";
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
    ensure!(site.cloud.objects(BUCKET).await.is_err(), "a bucket was made by planning");
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
    let create = site.begin_cluster(&["create", "--plan", hash, "-o", "json"])?;
    let folder = site.path().to_owned();
    let (status, watched) =
        tokio::task::spawn_blocking(move || Watched::until_end(create, &folder)).await??;
    let (stdout, stderr) = site.begun()?;
    ensure!(status.success(), "{status}: {stderr}");
    let mut said = vec![planned.stdout, planned.stderr, stdout.clone(), stderr];
    let events: Vec<Value> =
        serde_json::Deserializer::from_str(&stdout).into_iter().collect::<Result<_, _>>()?;
    let looks: Vec<&Value> = events.iter().filter(|event| event["event"] == "progress").collect();
    ensure!(looks.len() > 20, "only {} looks at its progress", looks.len());
    let done: Vec<u64> = looks.iter().filter_map(|look| look["done"].as_u64()).collect();
    ensure!(done.is_sorted() && done.last() == Some(&count), "{done:?}");
    ensure!(looks.iter().any(|look| look["remaining"].is_u64()), "nobody said how long the rest may take");
    let created = events.last().context("an end")?["result"].clone();
    ensure!(created["endpoint"] == "https://api.qa.outboard.internal:6443", "{created}");
    println!("made in {} s: {} resources", created["seconds"], created["resources"]);

    let again = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(again["result"]["changes"] == serde_json::json!([]), "a second plan would change: {again}");
    let status = site.cluster(&["status", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(status["phase"] == "applied" && status["resources"].as_u64() == Some(count), "{status}");
    let all = site.cluster(&["list", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(all[0]["name"] == "qa" && all[0]["phase"] == "applied", "{all}");

    let id = created["id"].as_str().context("an id")?;
    let secrets = secrets(&site, id).await?;
    unseen(&site, &watched, id, &secrets).await?;
    diagnosed(&site, id).await?;
    drift(&site, id).await?;
    site.write(&site.file())?;
    site.cluster(&["create", "--yes"]).await?.ended(Exit::Success)?;
    let mended = site.cluster(&["drift", "--exit-code", "-o", "json"]).await?.ended(Exit::Success)?;
    let report = mended.last()?["result"].clone();
    ensure!(report["drifted"] == serde_json::json!([]), "after it was mended: {report}");
    said.extend([mended.stdout, mended.stderr]);

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

    // Whoever reads along, or looks at this machine afterwards, has learned none.
    said.extend([destroyed.stdout, destroyed.stderr]);
    for text in &said {
        for (name, secret) in &secrets {
            ensure!(!text.contains(secret), "{name} was told");
        }
    }
    nowhere(&site.path().join("state"), &secrets)
}

/// What nobody may find anywhere: the keys that were drawn, as Parameter Store has them, and the key to AWS. By a part of each that no
/// way of quoting changes.
async fn secrets(site: &Construction, id: &str) -> Result<Vec<(String, String)>> {
    let mut found = vec![("the key to AWS".to_owned(), PLANTED.to_owned())];
    for name in ["ca.key", "sa.key", "front-proxy-ca.key", "etcd/ca.key", "encryption"] {
        let name = format!("/outboard/{id}/pki/{name}");
        let asked = serde_json::json!({"Name": name, "WithDecryption": true});
        let told = site.cloud.parameter_store("GetParameter", &asked).await?;
        let value = told["Parameter"]["Value"].as_str().context("a value")?;
        let secret = match serde_json::from_str::<Value>(value) {
            Ok(encryption) => {
                let key = &encryption["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"];
                key.as_str().context("a key")?.to_owned()
            }
            Err(_) => value.lines().nth(1).context("a key in PEM")?.to_owned(),
        };
        ensure!(secret.len() > 30, "{name} is short");
        found.push((name, secret));
    }
    Ok(found)
}

/// Not where they could have been: arguments, saved plans, the state and everything else in the bucket, what machines start with.
async fn unseen(
    site: &Construction,
    watched: &Watched,
    id: &str,
    secrets: &[(String, String)],
) -> Result<()> {
    ensure!(watched.arguments.iter().any(|line| line.contains(" apply ")), "Terraform was not seen at work");
    ensure!(
        watched.plans.keys().any(|path| path.ends_with("tfplan")),
        "no plan was seen: {:?}",
        watched.plans.keys()
    );
    let mut all: Vec<(String, Vec<u8>)> = watched
        .arguments
        .iter()
        .map(|line| (format!("argument {line}"), line.clone().into_bytes()))
        .collect();
    all.extend(watched.plans.iter().map(|(path, plan)| (path.display().to_string(), plan.clone())));
    let objects = site.cloud.objects(BUCKET).await?;
    for wanted in ["terraform.tfstate", "applied.json", "node.sh"] {
        ensure!(objects.iter().any(|key| key.ends_with(wanted)), "no {wanted} in {objects:?}");
    }
    for key in objects {
        let content = site.cloud.object(BUCKET, &key).await?;
        all.push((key, content.to_vec()));
    }
    let started = site.behind("userdata", id)?.join("\n");
    ensure!(started.contains("outboard-node.service"), "machines start with something else: {started}");
    all.push(("user data".to_owned(), started.into_bytes()));
    for (place, content) in &all {
        for (name, secret) in secrets {
            ensure!(!holds(content, secret), "{place} holds {name}");
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
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
        site.cluster(&["drift", "--exit-code", "-o", "json"]).await?.ended(Exit::Drifted)?.last()?["result"]
            .clone();
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

    // What may differ is counted and no more; that the file says so is no change to the cluster.
    let mut file = site.file();
    let ignored = ["module.cluster.module.network.aws_vpc.this", "module.cluster.aws_launch_template.*"];
    file["spec"]["drift"] = serde_json::json!({"ignore": [
        {"address": ignored[0], "attributes": ["tags", "tags_all"]}, {"address": ignored[1]}]});
    site.write(&file)?;
    let report =
        site.cluster(&["drift", "-o", "json"]).await?.ended(Exit::Success)?.last()?["result"].clone();
    let may = report["ignored"].as_array().context("a list")?;
    ensure!(may.contains(&ignored[0].into()) && report["pending"].is_null(), "{report:#}");
    let left = report["drifted"].as_array().context("a list")?;
    ensure!(left.len() == found.len() - may.len(), "{report:#}");
    ensure!(!left.iter().any(|one| one["address"] == ignored[0]), "{report:#}");
    Ok(())
}

/// The list of what is dropped is a file that people review.
fn golden(site: &Construction) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LOST);
    let lost: String = site.lost.iter().map(|line| format!("{line}\n")).collect();
    println!("not known to provider 3.39.0, and left out for it:\n{lost}");
    if std::env::var_os("UPDATE_DROPPED").is_some() {
        fs::write(&path, &lost)?;
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    ensure!(lost == known, "UPDATE_DROPPED=1 writes {} anew; now it would be:\n{lost}", path.display());
    Ok(())
}

/// No file below a folder holds one of them.
fn nowhere(folder: &Path, secrets: &[(String, String)]) -> Result<()> {
    for path in files(folder)? {
        let bytes = fs::read(&path)?;
        for (name, secret) in secrets {
            ensure!(!holds(&bytes, secret), "{} holds {name}", path.display());
        }
    }
    Ok(())
}
