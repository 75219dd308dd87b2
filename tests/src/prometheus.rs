//! Debian's Prometheus on this machine for the time of a story: it asks the installed operator, and judges by rules.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::cluster::kubeconfig_file;
use crate::{World, until};

const START: Duration = Duration::from_secs(60);
/// Through the API server, as whoever has its certificate.
const PATH: &str = "/api/v1/namespaces/outboard-system/services/outboard-operator:http/proxy/metrics";

pub struct Prometheus {
    child: Child,
    address: String,
}

impl Prometheus {
    /// Checks the rules with promtool first.
    pub async fn begin(world: &World, rules: &Value) -> Result<Self> {
        let folder = world.directory().join("prometheus");
        fs::create_dir_all(&folder)?;
        let rules_file = folder.join("rules.json");
        fs::write(&rules_file, rules.to_string())?;
        let program = testbed::tool("prometheus")?;
        let check = Command::new(program.with_file_name("promtool"))
            .args(["check", "rules"])
            .arg(&rules_file)
            .output()?;
        let said =
            String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
        ensure!(check.status.success(), "promtool refuses the rules: {said}");
        println!("{}", said.trim_end());
        fs::write(folder.join("prometheus.json"), config(&folder, &rules_file)?.to_string())?;
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let log = fs::File::create(folder.join("prometheus.log"))?;
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.join("prometheus.json").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start Prometheus")?;
        let prometheus = Self { child, address };
        until("Prometheus has asked the operator", START, async || {
            // It is not there at once.
            let up = prometheus.ask("query?query=outboard_leader").await.ok();
            Ok(up.filter(|up| up["data"]["result"].as_array().is_some_and(|series| !series.is_empty())))
        })
        .await?;
        Ok(prometheus)
    }

    /// One question to its API.
    pub async fn ask(&self, question: &str) -> Result<Value> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let answer = client.get(format!("http://{}/api/v1/{question}", self.address).parse()?).await?;
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }

    /// Alerts that are pending or firing: their labels and state.
    pub async fn alerts(&self) -> Result<Vec<Value>> {
        let alerts = self.ask("alerts").await?;
        alerts["data"]["alerts"].as_array().cloned().context("no list of alerts")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It has usually not ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// JSON is YAML.
fn config(folder: &Path, rules: &Path) -> Result<Value> {
    let kubeconfig: Value = serde_saphyr::from_str(&fs::read_to_string(kubeconfig_file()?)?)?;
    let (cluster, user) = (&kubeconfig["clusters"][0]["cluster"], &kubeconfig["users"][0]["user"]);
    let write = |name: &str, value: &Value| -> Result<String> {
        let bytes: ByteString =
            serde_json::from_value(value.clone()).with_context(|| format!("the kubeconfig has no {name}"))?;
        let path = folder.join(name);
        fs::write(&path, bytes.0)?;
        Ok(path.display().to_string())
    };
    let server = cluster["server"].as_str().context("the kubeconfig has no server")?;
    Ok(json!({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [rules],
        "scrape_configs": [{
            "job_name": "outboard",
            "scheme": "https",
            "metrics_path": PATH,
            "tls_config": {
                "ca_file": write("ca.crt", &cluster["certificate-authority-data"])?,
                "cert_file": write("client.crt", &user["client-certificate-data"])?,
                "key_file": write("client.key", &user["client-key-data"])?,
            },
            "static_configs": [{"targets": [server.trim_start_matches("https://")]}],
        }],
    }))
}
