//! `outboard server` as a story has it: with a provider where people sign in, and with the rights of its own account only.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use hyper::Method;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
    PostParams,
};
use serde_json::{Value, json};
use testbed::Cache;
use tokio::task::spawn_blocking;

use crate::cluster::kubeconfig_file;
use crate::ui::{Page, visit};
use crate::{World, binary, until};

const START: Duration = Duration::from_secs(30);
const ACCOUNT: &str = "outboard-server";
const NAMESPACE: &str = "outboard-system";
/// Of everybody at the provider.
const PASSWORD: &str = "secret";

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A process that ends with the story.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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

/// Where people of the story sign in.
pub struct Provider {
    pub host: String,
    _process: Process,
}

impl Provider {
    /// `back`: where it sends people who signed in to.
    async fn start(world: &World, back: &str) -> Result<Self> {
        if testbed::tool("oidc").is_err() {
            testbed::tools(&Cache::open()?, &["oidc".to_owned()])?;
        }
        let port = free_port()?;
        let log = File::create(world.directory().join("provider.log"))?;
        let process = Command::new(testbed::tool("oidc")?)
            .args([&port.to_string(), back])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start the provider")?;
        let host = format!("127.0.0.1:{port}");
        let provider = Self { host, _process: Process(process) };
        until("the provider answers", START, async || {
            let asked =
                visit(&provider.host, Method::GET, "/.well-known/openid-configuration", &[], "").await;
            Ok(asked.is_ok_and(|page| page.status == 200).then_some(()))
        })
        .await?;
        Ok(provider)
    }

    async fn form(&self, path: &str, body: &str) -> Result<Page> {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        visit(&self.host, Method::POST, path, &form, body).await
    }

    /// What somebody does at the page of codes.
    pub async fn allow(&self, code: &str, name: &str) -> Result<()> {
        let body = format!("user_code={code}&username={name}&password={PASSWORD}");
        let page = self.form("/device/login", &body).await?;
        let cookie = page.header("set-cookie").context("the provider knows no such code")?.to_owned();
        let cookie = cookie.split(';').next().unwrap_or_default();
        let page =
            visit(&self.host, Method::GET, "/device/confirm?action=allowed", &[("cookie", cookie)], "")
                .await?;
        ensure!(page.status == 200, "the code was not allowed: {page:?}");
        Ok(())
    }
}

/// The server, with its provider.
pub struct Server {
    pub host: String,
    pub provider: Provider,
    /// What reaches Kubernetes as the server's own account.
    pub kubeconfig: PathBuf,
    log: PathBuf,
    process: Process,
}

impl Server {
    /// `issuers`: those for programs, by the address of the server.
    pub async fn start(world: &World, issuers: impl FnOnce(&str) -> String) -> Result<Self> {
        let (host, folder) = (format!("127.0.0.1:{}", free_port()?), world.directory());
        let provider = Provider::start(world, &format!("http://{host}/sign-in/back")).await?;
        let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
        let wanted = TokenRequest { spec: Some(TokenRequestSpec::default()), ..TokenRequest::default() };
        let token = accounts.create_token_request(ACCOUNT, &PostParams::default(), &wanted).await?;
        let token = token.status.context("no token of the account")?.token;
        let kubeconfig = world
            .kubeconfig("server.kubeconfig", |file| file["users"][0]["user"] = json!({"token": token}))?;
        let (key, secret, log) = (folder.join("key"), folder.join("secret"), folder.join("server.log"));
        std::fs::write(&key, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n")?;
        std::fs::write(&secret, "secret\n")?;
        let programs = folder.join("issuers.yaml");
        std::fs::write(&programs, issuers(&format!("http://{host}")))?;
        let process = Command::new(binary::path()?)
            .args(["server", "--url", &format!("http://{host}"), "--listen", &host])
            .args(["--issuer", &format!("http://{}", provider.host), "--client-id", "outboard"])
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
            .env("KUBECONFIG", &kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("failed to start the server")?;
        let mut server = Self { host, provider, kubeconfig, log, process: Process(process) };
        until("the server answers", START, async || {
            let ended = server.process.0.try_wait()?.is_some();
            ensure!(!ended, "it has ended: {}", std::fs::read_to_string(&server.log).unwrap_or_default());
            let asked = visit(&server.host, Method::GET, "/healthz", &[], "").await;
            Ok(asked.is_ok_and(|page| page.status == 200).then_some(()))
        })
        .await?;
        Ok(server)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Signs somebody in as a browser does; the cookie of their session, or the page that says why not.
    pub async fn sign_in(&self, name: &str) -> Result<Result<String, Page>> {
        let html = ("accept", "text/html");
        let away = visit(&self.host, Method::GET, "/sign-in?to=/who", &[html], "").await?;
        let kept = cookie(&away, "outboard-sign-in")?;
        let page = visit(&self.provider.host, Method::GET, &place(&away)?, &[html], "").await?;
        let request = place(&page)?;
        let id = request.split("authRequestID=").nth(1).context("no page to sign in at")?.to_owned();
        let page = self
            .provider
            .form("/login/username", &format!("id={id}&username={name}&password={PASSWORD}"))
            .await?;
        let page = visit(&self.provider.host, Method::GET, &place(&page)?, &[html], "").await?;
        let back = visit(&self.host, Method::GET, &place(&page)?, &[html, ("cookie", &kept)], "").await?;
        Ok(if back.status == 303 { Ok(cookie(&back, "outboard-session")?) } else { Err(back) })
    }

    /// A page, as somebody sees it.
    pub async fn see(&self, path: &str, cookie: &str) -> Result<Page> {
        visit(&self.host, Method::GET, path, &[("accept", "text/html"), ("cookie", cookie)], "").await
    }

    /// Sends a form, as a page of its own does.
    pub async fn send(&self, path: &str, cookie: &str, body: &str) -> Result<Page> {
        let origin = self.url();
        let headers = [
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", cookie),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
        ];
        visit(&self.host, Method::POST, path, &headers, body).await
    }

    /// Ends it as Kubernetes does.
    pub async fn end(mut self) -> Result<()> {
        let id = self.process.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        until("the server ended", START, async || Ok(self.process.0.try_wait()?)).await?;
        Ok(())
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

/// Where a page leads to, without the server.
fn place(page: &Page) -> Result<String> {
    let to = page.header("location").with_context(|| format!("leads nowhere: {page:?}"))?;
    let rest =
        to.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, rest)| format!("/{rest}"));
    Ok(rest.unwrap_or_else(|| to.to_owned()))
}

fn cookie(page: &Page, name: &str) -> Result<String> {
    let all = page.headers.iter().filter(|(said, _)| said == "set-cookie").map(|(_, value)| value.as_str());
    let found = all
        .filter_map(|cookie| cookie.split(';').next())
        .find(|cookie| cookie.starts_with(&format!("{name}=")));
    found.map(str::to_owned).with_context(|| format!("no cookie {name}: {page:?}"))
}

/// The events that a command wrote so far.
pub fn said(text: &str, event: &str) -> Option<Value> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.into_iter().find(|line| line["event"] == event)
}
