//! Where clusters are made in stories: AWS on this machine, the real engine, the modules as the provider at hand takes them,
//! and one Cluster file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::terraform::fit;
use crate::{Cloud, Output, Proxy, binary, outboard_with, until};

const PROVIDER: &str = "3.39.0";
const LATE: Duration = Duration::from_secs(120);
/// What nobody may find anywhere afterwards.
pub const PLANTED: &str = "planted/secret+of+the+story";

/// What moto cannot do of the module for EKS, and why it is taken out for a story.
pub const NOT_IN_MOTO: [(&str, &str); 4] = [
    ("\n    \"vpc-cni\"                = null", "moto has no add-ons"),
    ("\n    \"kube-proxy\"             = null", "moto has no add-ons"),
    ("\n    \"coredns\"                = null", "moto has no add-ons"),
    ("\n    \"eks-pod-identity-agent\" = null", "moto has no add-ons"),
];

pub struct Construction {
    pub cloud: Cloud,
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// What the provider does not know of our modules.
    pub lost: BTreeSet<String>,
}

impl Construction {
    pub async fn begin() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let cloud = Cloud::for_terraform(folder.path()).await?;
        let endpoint = cloud.endpoint();
        Self::of(folder, cloud, &endpoint)
    }

    /// The same with a network between, which a story cuts.
    pub async fn behind_a_network() -> Result<(Self, Proxy)> {
        let folder = tempfile::tempdir()?;
        let cloud = Cloud::for_terraform(folder.path()).await?;
        let network = Proxy::begin(cloud.address().to_owned()).await?;
        let endpoint = format!("http://{}", network.address());
        Ok((Self::of(folder, cloud, &endpoint)?, network))
    }

    fn of(folder: TempDir, cloud: Cloud, endpoint: &str) -> Result<Self> {
        let at = folder.path();
        let mirror = testbed::tool("aws-provider")?;
        let engine = engine()?;
        let schema = schema(&engine, &mirror, &at.join("schema"))?;
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform");
        let mut lost = BTreeSet::new();
        for module in ["network", "kubeadm", "eks"] {
            lost.extend(fit(&modules.join(module), &at.join("modules").join(module), &schema)?);
        }
        lost.extend(fit(&modules.join("examples/own"), &at.join("own"), &schema)?);
        fs::write(at.join("here.tf.json"), overlay(&schema, endpoint)?.to_string())?;
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIASTORYSTORYSTORY0".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", PLANTED.to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("TF_CLI_CONFIG_FILE", mirror.display().to_string()),
            ("XDG_STATE_HOME", at.join("state").display().to_string()),
            ("OUTBOARD_TERRAFORM", engine.display().to_string()),
            ("OUTBOARD_TERRAFORM_MODULES", at.join("modules").display().to_string()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let site = Self { cloud, folder, variables, lost };
        site.write(&site.file())?;
        Ok(site)
    }

    /// What cluster.yaml says at first.
    pub fn file(&self) -> Value {
        json!({
            "apiVersion": "outboard.dev/v1alpha1",
            "kind": "Cluster",
            "metadata": {"name": "qa"},
            "spec": {
                "region": "eu-west-1",
                "topology": "kubeadm",
                "kubernetes": "1.34.2",
                "image": "ami-760aaa0f",
                "network": {"cidr": "10.20.0.0/16", "zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"]},
                "api": {"allow": ["203.0.113.0/24"]},
                "controlPlane": {"instance": "t3.medium"},
                "workers": {
                    "general": {"instances": ["m6i.large"], "min": 1, "max": 3},
                    "batch": {
                        "instances": ["m6i.large", "m5.large", "m7i.large"], "min": 0, "max": 5, "spot": true,
                        "labels": {"team": "batch"},
                        "taints": [{"key": "batch", "value": "yes", "effect": "NoSchedule"}],
                    },
                },
                "tags": {"team": "stories"},
                // moto boots no machines, so no API ever answers.
                "addons": "none",
                "terraform": {"override": "here.tf.json"},
            },
        })
    }

    /// The same for EKS, without what moto does not have.
    pub fn eks(&self) -> Result<Value> {
        for (part, _) in NOT_IN_MOTO {
            let path = self.folder.path().join("modules/eks/variables.tf");
            let text = fs::read_to_string(&path)?;
            ensure!(text.contains(part), "the module has no `{part}` any more:\n{text}");
            fs::write(&path, text.replace(part, ""))?;
        }
        Ok(json!({
            "apiVersion": "outboard.dev/v1alpha1",
            "kind": "Cluster",
            "metadata": {"name": "managed"},
            "spec": {
                "region": "eu-west-1",
                "topology": "eks",
                "kubernetes": "1.34",
                "network": {"cidr": "10.30.0.0/16", "zones": ["eu-west-1a", "eu-west-1b"], "nat": "single"},
                "admins": ["arn:aws:iam::123456789012:role/admin"],
                "workers": {"general": {"instances": ["m6i.large"], "min": 1, "max": 3}},
                "addons": "none",
                "terraform": {"override": "here.tf.json"},
            },
        }))
    }

    /// The same for the example of a module of one's own, which lies in `own` beside it.
    pub fn own(&self) -> Value {
        json!({
            "apiVersion": "outboard.dev/v1alpha1",
            "kind": "Cluster",
            "metadata": {"name": "mine"},
            "spec": {
                "region": "eu-west-1",
                "topology": "own",
                "module": "./own",
                "inputs": {
                    "endpoint": "https://api.example.org",
                    "kubeconfig_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mine",
                },
                "terraform": {"override": "here.tf.json"},
            },
        })
    }

    /// Writes cluster.yaml: JSON is YAML.
    pub fn write(&self, file: &Value) -> Result<()> {
        Ok(fs::write(self.folder.path().join("cluster.yaml"), serde_json::to_string_pretty(file)?)?)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What is set for whatever works on clusters here.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.variables.iter().cloned()
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// `outboard cluster …`
    pub async fn cluster(&self, arguments: &[&str]) -> Result<Output> {
        self.cluster_with(&[], arguments).await
    }

    /// The same with other values of some variables.
    pub async fn cluster_with(&self, others: &[(&str, &str)], arguments: &[&str]) -> Result<Output> {
        let arguments = [&["cluster"], arguments].concat();
        let mut variables: Vec<(&str, &str)> =
            self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // The last one of a name holds.
        variables.extend(others);
        outboard_with(Path::new("/dev/null"), self.folder.path(), &variables, &arguments).await
    }

    /// The same, begun and left to itself: whoever calls interrupts or kills it.
    pub fn begin_cluster(&self, arguments: &[&str]) -> Result<std::process::Child> {
        let said = |name: &str| fs::File::create(self.folder.path().join(name));
        Command::new(binary()?)
            .arg("cluster")
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("KUBECONFIG")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(said("begun.out")?)
            .stderr(said("begun.err")?)
            .spawn()
            .context("failed to start outboard")
    }

    /// What it said so far that was begun last: on stdout, and on stderr.
    pub fn begun(&self) -> Result<(String, String)> {
        let said = |name: &str| fs::read_to_string(self.folder.path().join(name));
        Ok((said("begun.out")?, said("begun.err")?))
    }

    /// How many things what was begun has done so far.
    pub fn done(&self) -> Result<usize> {
        Ok(self.begun()?.0.lines().filter(|line| line.contains("\"event\":\"done\"")).count())
    }

    /// Its last words, for whoever waits in vain.
    pub fn last_words(&self) -> String {
        let (stdout, stderr) = self.begun().unwrap_or_default();
        let lines: Vec<&str> = stdout.lines().collect();
        format!("{}\n{stderr}", lines[lines.len().saturating_sub(12)..].join("\n"))
    }

    /// Waits until what was begun has done so many things.
    pub async fn applying(&self, count: usize) -> Result<()> {
        let begun = Instant::now();
        until("Terraform at work", LATE, async || Ok((self.done()? >= count).then_some(())))
            .await
            .with_context(|| self.last_words())?;
        println!("{count} things done after {} s", begun.elapsed().as_secs());
        Ok(())
    }

    /// Processes that work on a cluster here and were called by such a name.
    pub fn at_work(&self, name: &str) -> Result<Vec<i32>> {
        let here = self.folder.path().canonicalize()?;
        let mut found = vec![];
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            // One that has just ended has neither.
            let there = fs::read_link(path.join("cwd")).is_ok_and(|place| place.starts_with(&here));
            let called = fs::read_link(path.join("exe")).unwrap_or_default();
            let named = called.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
            let number = path.file_name().and_then(|number| number.to_str()?.parse::<i32>().ok());
            found.extend(number.filter(|_| there && named));
        }
        Ok(found)
    }

    /// From now on nobody's session is valid, or again.
    pub fn expire(&self, expired: bool) -> Result<()> {
        let path = self.folder.path().join("expired");
        if expired {
            fs::write(path, "")?;
        } else {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Does what behind.py says, and returns what it printed.
    pub fn behind(&self, what: &str, id: &str) -> Result<Vec<String>> {
        let script = self.folder.path().join("behind.py");
        fs::write(&script, include_str!("cloud/behind.py"))?;
        let output = Command::new("python3")
            .arg(script)
            .args([&self.cloud.endpoint(), what, id])
            .env("PYTHONPATH", testbed::tool("moto")?.with_file_name("packages"))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect())
    }
}

/// `$OUTBOARD_TERRAFORM`, else a Terraform that is there, else the OpenTofu that the testbed has built.
pub fn engine() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("OUTBOARD_TERRAFORM") {
        return Ok(path.into());
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&paths).map(|folder| folder.join("terraform")).find(|path| path.is_file());
    match found {
        Some(path) => Ok(path),
        None => testbed::tool("tofu"),
    }
}

/// What the provider at hand knows.
fn schema(engine: &Path, mirror: &Path, folder: &Path) -> Result<Value> {
    fs::create_dir_all(folder)?;
    let required = json!({"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}}});
    fs::write(folder.join("main.tf.json"), required.to_string())?;
    let run = |arguments: &[&str]| -> Result<Vec<u8>> {
        let mut command = Command::new(engine);
        command.args(arguments).current_dir(folder).env("TF_CLI_CONFIG_FILE", mirror);
        let output = command.env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    };
    run(&["init", "-input=false"])?;
    let told = run(&["providers", "schema", "-json"])?;
    let begin = told.iter().position(|byte| *byte == b'{').context("a schema")?;
    Ok(serde_json::from_slice(&told[begin..])?)
}

/// The provider at hand in place of the one that modules are written for, asking AWS here.
fn overlay(schema: &Value, endpoint: &str) -> Result<Value> {
    let providers = schema["provider_schemas"].as_object().context("a provider's schemas")?;
    let provider = &providers.values().next().context("a provider")?["provider"]["block"];
    let services = &provider["block_types"]["endpoints"]["block"]["attributes"];
    let services = services.as_object().context("the provider's endpoints")?;
    let endpoints: serde_json::Map<String, Value> =
        services.keys().map(|service| (service.clone(), endpoint.into())).collect();
    Ok(json!({
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": PROVIDER}}},
        "provider": {"aws": [{
            "skip_metadata_api_check": true,
            "s3_force_path_style": true,
            "max_retries": 2,
            "endpoints": [endpoints],
        }]},
    }))
}
