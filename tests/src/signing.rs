//! `outboard server` as a story has it: with a provider where people sign in, and with the rights of its own account only.

mod behind;
mod people;
mod process;
mod provider;
mod site;
mod terminal;
mod way;

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::ResourceExt;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
    PostParams,
};
use serde_json::{Value, json};
use testbed::Cache;
use tokio::task::spawn_blocking;

use process::Process;
use way::Way;

use crate::cluster::kubeconfig_file;
use crate::{Proxy, World, binary, until};

pub use behind::{Behind, behind_the_gateway};
pub use people::{issuers, shop};
pub use provider::Provider;
pub use site::{Site, form_token};
pub use terminal::Terminal;

const START: Duration = Duration::from_secs(30);
const ACCOUNT: &str = "outboard-server";
const NAMESPACE: &str = "outboard-system";

/// One that was free a moment ago.
fn free_port(address: &str) -> Result<u16> {
    Ok(std::net::TcpListener::bind((address, 0))?.local_addr()?.port())
}

/// Gives the server's account the rights that an installation gives it, with the policy about them, and nothing else of an
/// installation. They are withdrawn by hand: other stories install without a server.
pub async fn rights(world: &World) -> Result<Rights> {
    let flags = ["--with-server", "outboard.example.com", "--server-issuer", "https://id.example.com"];
    let arguments =
        [&["install", "--dry-run", "-o", "json", "--server-client-id", "outboard"], &flags[..]].concat();
    let manifests = world.outboard(&arguments).await?.ended(Exit::Success)?.last()?;
    let all = manifests.as_array().context("no list of objects")?;
    let ours = all.iter().filter(|object| {
        let kind = object["kind"].as_str().unwrap_or_default();
        let named = ["Role", "ValidatingAdmissionPolicy"].iter().any(|part| kind.contains(part));
        object["metadata"]["name"] == ACCOUNT && (kind == "ServiceAccount" || named)
    });
    let mut given = vec![];
    for object in ours {
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let types = object.types.clone().context("an object without a kind")?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(world.client.clone(), &namespace, &resource),
            None => Api::all_with(world.client.clone(), &resource),
        };
        api.patch(&object.name_any(), &PatchParams::apply("stories").force(), &Patch::Apply(&object)).await?;
        given.push((api, object.name_any()));
    }
    let applied = given.len();
    ensure!(
        applied == 7,
        "an account, two roles, a policy and their bindings were expected, not {applied} objects"
    );
    Ok(Rights(given))
}

/// What the server's account may.
pub struct Rights(Vec<(Api<DynamicObject>, String)>);

impl Rights {
    pub async fn withdraw(self) -> Result<()> {
        for (api, name) in self.0 {
            api.delete(&name, &DeleteParams::default()).await?;
        }
        Ok(())
    }
}

/// The server, with its provider.
pub struct Server {
    site: Site,
    /// What reaches Kubernetes as the server's own account.
    pub kubeconfig: PathBuf,
    log: PathBuf,
    process: Process,
}

impl Server {
    /// `issuers`: those for programs, by the address of the server.
    pub async fn start(world: &World, issuers: impl FnOnce(&str) -> String) -> Result<Self> {
        Self::start_with(world, issuers, &[], None).await
    }

    /// The same with further flags. With a proxy it reaches Kubernetes through that.
    pub async fn start_with(
        world: &World,
        issuers: impl FnOnce(&str) -> String,
        more: &[&str],
        through: Option<&Proxy>,
    ) -> Result<Self> {
        let (host, folder) = (format!("127.0.0.1:{}", free_port("127.0.0.1")?), world.directory());
        let provider = Provider::start(world, &format!("http://{host}/sign-in/back")).await?;
        let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
        let wanted = TokenRequest { spec: Some(TokenRequestSpec::default()), ..TokenRequest::default() };
        let token = accounts.create_token_request(ACCOUNT, &PostParams::default(), &wanted).await?;
        let token = token.status.context("no token of the account")?.token;
        let kubeconfig = world.kubeconfig("server.kubeconfig", |file| {
            file["users"][0]["user"] = json!({"token": token});
            if let Some(proxy) = through {
                proxy.leads(file);
            }
        })?;
        let (key, secret, log) = (folder.join("key"), folder.join("secret"), folder.join("server.log"));
        std::fs::write(&key, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n")?;
        std::fs::write(&secret, "secret\n")?;
        let programs = folder.join("issuers.yaml");
        std::fs::write(&programs, issuers(&format!("http://{host}")))?;
        let process = Command::new(binary::path()?)
            .args(["server", "--url", &format!("http://{host}"), "--listen", &host])
            .args(["--issuer", &provider.issuer(), "--client-id", "outboard"])
            .args([
                "--scopes",
                "openid,email,groups",
                "--cli-client-id",
                "outboard-cli",
                "--contact",
                "the platform team",
            ])
            .arg("--session-key-file")
            .arg(&key)
            .arg("--client-secret-file")
            .arg(&secret)
            .arg("--issuers")
            .arg(&programs)
            .args(more)
            .env("KUBECONFIG", &kubeconfig)
            // Nobody checks them.
            .envs([("AWS_ACCESS_KEY_ID", "stories"), ("AWS_SECRET_ACCESS_KEY", "stories")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("failed to start the server")?;
        let site = Site { way: Way::Clear(host), provider };
        let mut server = Self { site, kubeconfig, log, process: Process(process) };
        until("the server answers", START, async || {
            let ended = server.process.0.try_wait()?.is_some();
            ensure!(!ended, "it has ended: {}", std::fs::read_to_string(&server.log).unwrap_or_default());
            let asked = server.site.way.get("/healthz").await;
            Ok(asked.is_ok_and(|page| page.status == 200).then_some(()))
        })
        .await?;
        Ok(server)
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Ends it as Kubernetes does.
    pub async fn end(mut self) -> Result<()> {
        let id = self.process.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        until("the server ended", START, async || Ok(self.process.0.try_wait()?)).await?;
        let said = std::fs::read_to_string(&self.log)?;
        ensure!(!said.contains("panicked"), "something of it panicked: {said}");
        Ok(())
    }
}

impl Deref for Server {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// What the API server has on record of what it did for the server, from now on.
pub struct Audited {
    log: PathBuf,
    from: usize,
}

impl Audited {
    /// One that runs without such a record is started anew.
    pub async fn begin(world: &World) -> Result<Self> {
        let log = testbed::audit_log()?;
        if !log.exists() {
            ensure!(
                kubeconfig_file()? == testbed::kubeconfig_path()?,
                "only the testbed's API server is known to keep a record of who did what"
            );
            spawn_blocking(|| testbed::restart(&Cache::open()?, "apiserver")).await??;
            until("the API server is back", START, async || {
                Ok(world.environments().list(&ListParams::default()).await.ok())
            })
            .await?;
        }
        let from = std::fs::read_to_string(&log).map(|text| text.len()).unwrap_or_default();
        Ok(Self { log, from })
    }

    pub fn events(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(&self.log)?;
        // It may have begun a new file.
        let fresh = text.get(self.from..).unwrap_or(&text);
        Ok(fresh.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }
}

/// What is kept of changes that went through a server, line by line.
pub async fn records(world: &World) -> Result<Vec<Value>> {
    let maps = Api::<ConfigMap>::namespaced(world.client.clone(), NAMESPACE);
    let all = maps.list(&ListParams::default().labels("outboard.dev/audit")).await?;
    let mut records = BTreeMap::new();
    for map in all {
        records.insert(map.name_any(), map.data.unwrap_or_default().remove("lines").unwrap_or_default());
    }
    let lines = records.values().flat_map(|text| text.lines());
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}
