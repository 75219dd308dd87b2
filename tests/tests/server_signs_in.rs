//! `outboard server` with a real provider: people sign in, and do what Kubernetes lets them, in a browser and in a terminal that
//! has no kubeconfig.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use kube::ResourceExt;
use kube::api::{Api, ListParams, ObjectMeta, PostParams};
use stories::{Output, Running, Server, World, contains, rights, same, story, until};

const SOON: Duration = Duration::from_secs(30);

/// A role for a group or somebody, as an administrator gives it.
async fn bind(world: &World, namespace: &str, role: &str, kind: &str, name: &str) -> Result<()> {
    let binding = RoleBinding {
        metadata: ObjectMeta { generate_name: Some("story-".into()), ..ObjectMeta::default() },
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".into()),
            kind: "ClusterRole".into(),
            name: role.into(),
        },
        subjects: Some(vec![Subject {
            api_group: Some("rbac.authorization.k8s.io".into()),
            kind: kind.into(),
            name: name.into(),
            namespace: None,
        }]),
    };
    Api::<RoleBinding>::namespaced(world.client.clone(), namespace)
        .create(&PostParams::default(), &binding)
        .await?;
    Ok(())
}

/// A terminal without a kubeconfig, in which somebody signed in.
struct Terminal<'a> {
    world: &'a World,
    home: String,
}

impl<'a> Terminal<'a> {
    async fn of(world: &'a World, server: &Server, name: &str) -> Result<Self> {
        let home = world.directory().join(format!("home-{name}")).display().to_string();
        let terminal = Self { world, home };
        let mut login =
            Running::begin_with(world, &terminal.variables(), &["login", &server.url(), "-o", "json"])?;
        let code = login
            .says("a code", |said| Some(stories::said(said, "code")?["code"].as_str()?.to_owned()))
            .await?;
        server.provider.allow(&code, name).await?;
        let output = login.ended().await?.ended(Exit::Success)?;
        same("who signed in", &output.last()?["result"]["user"], &format!("oidc:{name}@example.com").into())?;
        Ok(terminal)
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        vec![("KUBECONFIG", ""), ("HOME", &self.home), ("XDG_CONFIG_HOME", &self.home)]
    }

    async fn outboard(&self, arguments: &[&str]) -> Result<Output> {
        self.world.outboard_with(&self.variables(), arguments).await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn people_do_what_kubernetes_lets_them() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        rights(world).await?;
        bind(world, &world.name, "outboard-developer", "Group", "oidc:shop-developers").await?;
        bind(world, &world.name, "outboard-viewer", "User", "oidc:vera@example.com").await?;
        let server = Server::start(world).await?;

        // In a terminal, by a code.
        let dora = Terminal::of(world, &server, "dora").await?;
        let made = dora.outboard(&["env", "create", "qa"]).await?.ended(Exit::Success)?;
        contains(&made.stdout, "qa")?;
        let owner = world.environments().get("qa").await?.spec.owner;
        same("the owner", &owner.as_deref(), &Some("oidc:dora@example.com"))?;
        dora.outboard(&["env", "list"]).await?.ended(Exit::Success)?;
        let logs = dora.outboard(&["logs", "qa", "web"]).await?;
        same("logs", &logs.code, &0)?;

        // Inside: refused by Kubernetes, then allowed by it, over a connection that changes its protocol.
        let inside = ["exec", "qa", "web", "--", "sh", "-c", "echo inside"];
        let refused = dora.outboard(&inside).await?.ended(Exit::Forbidden)?;
        contains(&refused.stderr, "oidc:dora@example.com")?;
        bind(world, &world.namespace("qa"), "admin", "User", "oidc:dora@example.com").await?;
        until("she may", SOON, async || {
            let output = dora.outboard(&inside).await?;
            Ok((output.code == 0 && output.stdout.contains("inside")).then_some(()))
        })
        .await?;

        // Who may look on looks on, and changes nothing.
        let vera = Terminal::of(world, &server, "vera").await?;
        let seen = vera.outboard(&["env", "list"]).await?.ended(Exit::Success)?;
        contains(&seen.stdout, "qa")?;
        let refused = vera.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Forbidden)?;
        contains(&refused.stderr, "oidc:vera@example.com")?;
        // What is not listed is not there, whoever asks: not by `install` either.
        let barred = dora.outboard(&["install", "--no-wait"]).await?;
        ensure!(barred.code != 0, "an installation went through: {}", barred.stdout);

        // In a browser.
        let cookie = server.sign_in("vera").await?.map_err(|page| anyhow::anyhow!("{page:?}"))?;
        contains(&server.see("/who", &cookie).await?.body, "oidc:vera@example.com")?;
        contains(&server.see("/environments", &cookie).await?.body, &format!("{}/qa", world.name))?;
        let cookie = server.sign_in("sam").await?.map_err(|page| anyhow::anyhow!("{page:?}"))?;
        let page = server.see("/environments", &cookie).await?;
        ensure!(!page.body.contains(&format!("{}/qa", world.name)), "sam sees it: {}", page.body);
        contains(&page.body, "the platform team")?;
        let mal = server.sign_in("mal").await?.err().context("a group of Kubernetes' own came in")?;
        same("a group of Kubernetes' own", &mal.status, &401)?;
        contains(&mal.body, "system:masters")?;

        dora.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        let out = dora.outboard(&["logout"]).await?.ended(Exit::Success)?;
        contains(&out.stdout, "signed out")?;
        ensure!(dora.outboard(&["env", "list"]).await?.code != 0, "she is still signed in");

        // Ended, it has written down who did what.
        let log = server.log().to_owned();
        server.end().await?;
        let kept = records(world).await?;
        let by = |who: &str, what: &str, status: u64| {
            kept.iter().any(|line| {
                line["who"] == who
                    && line["status"] == status
                    && line["what"].as_str().is_some_and(|said| said.contains(what))
            })
        };
        ensure!(
            by("dora@example.com", "create environments", 201),
            "no record of the environment: {kept:#?}"
        );
        ensure!(by("vera@example.com", "environments", 403), "no record of a refusal: {kept:#?}");
        ensure!(by("sam@example.com", "signed in", 303), "no record of a sign-in: {kept:#?}");
        let log = std::fs::read_to_string(log)?;
        ensure!(!log.contains("eyJ"), "a token is in the log");
        Ok(())
    })
    .await
}

/// What is kept of the world's changes.
async fn records(world: &World) -> Result<Vec<serde_json::Value>> {
    let maps = Api::<ConfigMap>::namespaced(world.client.clone(), "outboard-system");
    let all = maps.list(&ListParams::default().labels("outboard.dev/audit")).await?;
    let mut records = BTreeMap::new();
    for map in all {
        records.insert(map.name_any(), map.data.unwrap_or_default().remove("lines").unwrap_or_default());
    }
    let lines = records.values().flat_map(|text| text.lines());
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_a_server_lacks_is_told_at_its_start() -> Result<()> {
    story(async |world| {
        let key = world.directory().join("key");
        std::fs::write(&key, "not a key")?;
        let begun = async |flags: &[&str]| {
            let first = [
                "server",
                "--url",
                "https://outboard.example.com",
                "--client-id",
                "outboard",
                "--session-key-file",
            ];
            let file = key.display().to_string();
            let arguments = [&first[..], &[file.as_str()], flags].concat();
            let server = Running::begin_with(world, &[], &arguments)?;
            let output = server.ended().await?;
            ensure!(output.code != 0, "it runs: {}", output.stderr);
            Ok::<_, anyhow::Error>(output.stderr)
        };
        contains(&begun(&["--issuer", "https://id.example.com"]).await?, "line 1 is no key")?;
        contains(&begun(&["--issuer", "http://id.example.com"]).await?, "write https://")?;
        std::fs::write(&key, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=")?;
        contains(
            &begun(&["--issuer", "https://id.example.com", "--scopes", "email"]).await?,
            "`openid` is not among them",
        )?;
        let secret = ["--issuer", "https://id.example.com", "--client-secret-file", "/nowhere"];
        contains(&begun(&secret).await?, "/nowhere")?;
        Ok(())
    })
    .await
}
