//! A module of one's own: the example becomes a cluster, and each way to break its contract is told in words of its own
//! before anything is made. Needs no testbed.

use std::fs;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::json;
use stories::{Construction, Watched, files};

const BUCKET: &str = "outboard-123456789012-eu-west-1";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and the provider"]
async fn the_example_of_a_module_of_ones_own_becomes_a_cluster() -> Result<()> {
    let site = Construction::begin().await?;
    site.write(&site.own())?;
    let made = site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    let created = made.last()?["result"].clone();
    ensure!(created["endpoint"] == "https://api.example.org", "{created}");
    ensure!(created["auth"]["kind"] == "secret" && created["resources"] == 3, "{created}");
    let again = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(again["result"]["changes"] == json!([]), "a second plan would change: {again}");
    let all = site.cluster(&["list", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(all[0]["name"] == "mine" && all[0]["phase"] == "applied", "{all}");
    kubeconfig(&site).await?;
    let receipt = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(receipt["result"]["left"] == 0 && receipt["result"]["destroyed"] == 3, "{receipt}");
    let left = site.behind("left", created["id"].as_str().context("an id")?)?;
    ensure!(left.is_empty(), "left: {left:#?}");
    Ok(())
}

/// It lies where the module says, and is whoever made the cluster's to put there.
async fn kubeconfig(site: &Construction) -> Result<()> {
    let refused = site.cluster(&["kubeconfig"]).await?.ended(Exit::NotFound)?;
    ensure!(refused.stderr.contains("there is no secret arn:aws:secretsmanager:"), "{}", refused.stderr);
    let keep = async |operation: &str, name: &str, text: &str| {
        let body = json!({operation: name, "SecretString": text});
        let called = if operation == "Name" { "CreateSecret" } else { "PutSecretValue" };
        site.cloud.secrets_manager(called, &body).await
    };
    let kept = keep("Name", "mine", "hunter22").await?;
    let arn = kept["ARN"].as_str().context("an ARN")?;
    let mut file = site.own();
    file["spec"]["inputs"]["kubeconfig_arn"] = json!(arn);
    site.write(&file)?;
    site.cluster(&["create", "--yes"]).await?.ended(Exit::Success)?;
    let refused = site.cluster(&["kubeconfig"]).await?.ended(Exit::Invalid)?;
    ensure!(refused.stderr.contains("it is no YAML of kind Config"), "{}", refused.stderr);
    ensure!(!refused.stderr.contains("hunter22"), "what lies there was told: {}", refused.stderr);
    keep("SecretId", arn, "apiVersion: v1\nkind: Config\ncurrent-context: mine\n").await?;
    let told = site.cluster(&["kubeconfig"]).await?.ended(Exit::Success)?.stdout;
    ensure!(told.contains("current-context: mine"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and the provider"]
async fn each_violation_of_the_contract_is_told_in_its_own_words_and_nothing_is_made() -> Result<()> {
    let site = Construction::begin().await?;
    site.write(&site.own())?;
    let path = site.path().join("own/main.tf");
    let right = fs::read_to_string(&path)?;
    let broken = [
        ("output \"outboard\"", "output \"cluster\"", "the module has no output named `outboard`"),
        ("api_version = \"outboard.dev/v1alpha1\"", "api_version = \"v2\"", "`api_version` is \"v2\", not"),
        ("endpoint    = var.endpoint", "endpoint    = \"http://api\"", "does not begin with https://"),
        ("region      = var.region", "region      = \"\"", "`region` is missing or no text"),
        ("subnet_ids  = [aws_subnet.nodes.id]", "subnet_ids  = []", "`subnet_ids` is missing, empty"),
        ("kind = \"secret\"", "kind = \"password\"", "`auth.kind` is `password`, not one of"),
        ("arn  = var.kubeconfig_arn", "name = var.kubeconfig_arn", "`auth.arn` is missing"),
        (
            "arn  = var.kubeconfig_arn",
            "arn  = var.kubeconfig_arn\n      token = \"hunter22\"",
            "`auth.token` is no part of the contract",
        ),
        (
            "load_balancer = null",
            "load_balancer = { dns_name = \"x\" }",
            "`load_balancer` is neither null nor",
        ),
        ("load_balancer = null", "kubeconfig = \"x\"", "`kubeconfig` is no part of the contract"),
    ];
    for (part, instead, words) in broken {
        ensure!(right.contains(part), "the example has no `{part}`:\n{right}");
        fs::write(&path, right.replacen(part, instead, 1))?;
        let told = site.cluster(&["create", "--yes"]).await?.ended(Exit::Invalid)?.stderr;
        ensure!(told.contains(words), "`{instead}` should be told as `{words}`:\n{told}");
        ensure!(!told.contains("hunter22"), "what should be nowhere was told:\n{told}");
    }

    // What is no module, or lacks what it needs, is told as Terraform and the file system put it.
    fs::write(&path, format!("{right}\nresource {{"))?;
    let told = site.cluster(&["create", "--yes"]).await?.ended(Exit::Failure)?.stderr;
    ensure!(told.contains("main.tf"), "{told}");
    fs::write(&path, &right)?;
    let mut file = site.own();
    file["spec"]["inputs"] = json!({"endpoint": "https://api.example.org"});
    site.write(&file)?;
    let told = site.cluster(&["create", "--yes"]).await?.ended(Exit::Failure)?.stderr;
    ensure!(told.contains("kubeconfig_arn"), "{told}");
    file["spec"]["module"] = json!("./nowhere");
    site.write(&file)?;
    let told = site.cluster(&["create", "--yes"]).await?.ended(Exit::Invalid)?.stderr;
    ensure!(told.contains("nowhere"), "{told}");

    let objects = site.cloud.objects(BUCKET).await.unwrap_or_default();
    ensure!(!objects.iter().any(|key| key.ends_with("terraform.tfstate")), "{objects:?}");
    Ok(())
}

/// A variable that its module calls sensitive is in its state, as Terraform has it, and in nothing that is said.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto and the provider"]
async fn what_a_module_calls_sensitive_is_told_by_nothing() -> Result<()> {
    const SECRET: &str = "hunter22-of-the-module";
    let site = Construction::begin().await?;
    let path = site.path().join("own/main.tf");
    let right = fs::read_to_string(&path)?;
    let using =
        right.replacen("tags = { Name = var.name }", "tags = { Name = var.name, Token = var.token }", 1);
    ensure!(using != right, "the example has no tags:\n{right}");
    let variable = "\nvariable \"token\" {\n  type = string\n  sensitive = true\n}\n";
    fs::write(&path, format!("{using}{variable}"))?;
    let mut file = site.own();
    file["spec"]["inputs"]["token"] = json!(SECRET);
    site.write(&file)?;
    let create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    let folder = site.path().to_owned();
    let (status, watched) =
        tokio::task::spawn_blocking(move || Watched::until_end(create, &folder)).await??;
    let (stdout, stderr) = site.begun()?;
    ensure!(status.success(), "{status}: {stderr}");
    // It was there to be told.
    let plans = watched.plans.values().map(|plan| String::from_utf8_lossy(plan).into_owned());
    ensure!(plans.into_iter().any(|plan| plan.contains(SECRET)), "no plan was seen that holds it");
    let argument = watched.arguments.iter().find(|line| line.contains(SECRET));
    ensure!(argument.is_none(), "it was an argument: {argument:?}");
    let mut said = vec![stdout, stderr];
    file["spec"]["inputs"]["token"] = json!(format!("{SECRET}-later"));
    site.write(&file)?;
    for arguments in
        [&["plan"][..], &["plan", "-o", "json"], &["drift"], &["status", "-o", "json"], &["list"]]
    {
        let output = site.cluster(arguments).await?.ended(Exit::Success)?;
        said.extend([output.stdout, output.stderr]);
    }
    ensure!(said.iter().any(|text| text.contains("(secret)")), "the change of it was not told at all");
    let output = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    said.extend([output.stdout, output.stderr]);
    for text in &said {
        ensure!(!text.contains(SECRET), "it was told: {text}");
    }
    // What stays on this machine afterwards does not hold it either.
    for path in files(&site.path().join("state"))? {
        ensure!(!String::from_utf8_lossy(&fs::read(&path)?).contains(SECRET), "{} holds it", path.display());
    }
    Ok(())
}
