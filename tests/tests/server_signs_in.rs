//! `outboard server` with a real provider: people sign in, and do what Kubernetes lets them, in a browser and in a terminal that
//! has no kubeconfig.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams};
use oidc_fake::Fake;
use serde_json::{Value, json};
use stories::{
    Audited, Running, Server, Terminal, World, contains, form_token, issuers, light, records, rights, same,
    shop, story, until,
};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn people_do_what_kubernetes_lets_them() -> Result<()> {
    story(async |world| {
        let audited = Audited::begin(world).await?;
        world.apply(shop).await?;
        let rights = rights(world).await?;
        let github = Fake::start().await;
        let server = Server::start(world, |url| issuers(&github.issuer(), url)).await?;

        // In a terminal, by a code.
        let dora = Terminal::of(world, &server, "dora").await?;
        let created = until("her rights are bound", SOON, async || {
            let made = dora.outboard(&["env", "create", "qa"]).await?;
            Ok((made.code != i32::from(Exit::Forbidden.code())).then_some(made))
        })
        .await?;
        contains(&created.ended(Exit::Success)?.stdout, "qa")?;
        let owner = world.environments().get("qa").await?.spec.owner;
        same("the owner", &owner.as_deref(), &Some("oidc:dora@example.com"))?;
        contains(&dora.outboard(&["env", "list"]).await?.ended(Exit::Success)?.stdout, "qa")?;
        dora.outboard(&["logs", "qa", "web"]).await?.ended(Exit::Success)?;
        // Inside, over a connection that changes its protocol.
        let inside = ["exec", "qa", "web", "--", "sh", "-c", "echo inside"];
        until("she may get inside", SOON, async || {
            let output = dora.outboard(&inside).await?;
            Ok((output.code == 0 && output.stdout.contains("inside")).then_some(()))
        })
        .await?;

        // Who may look on looks on, and changes nothing.
        let vera = Terminal::of(world, &server, "vera").await?;
        contains(&vera.outboard(&["env", "list"]).await?.ended(Exit::Success)?.stdout, "qa")?;
        for refused in [
            &["env", "destroy", "qa", "--yes"][..],
            &["env", "create", "qa-2"],
            &["env", "restart", "qa"],
            &inside,
        ] {
            let refused = vera.outboard(refused).await?.ended(Exit::Forbidden)?;
            contains(&refused.stderr, "oidc:vera@example.com")?;
        }
        // What is not listed is not there, whoever asks: not by `install` either.
        let barred = dora.outboard(&["install", "--no-wait"]).await?;
        ensure!(barred.code != 0, "an installation went through: {}", barred.stdout);

        in_a_browser(world, &server).await?;
        by_a_program(world, &server, &github).await?;

        dora.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        let out = dora.outboard(&["logout"]).await?.ended(Exit::Success)?;
        contains(&out.stdout, "signed out")?;
        ensure!(dora.outboard(&["env", "list"]).await?.code != 0, "she is still signed in");

        its_own_rights_are_narrow(&server).await?;
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
        let made = format!("create environments.outboard.dev {}/qa", world.name);
        ensure!(by("dora@example.com", &made, 201), "no record of the environment: {kept:#?}");
        ensure!(by("vera@example.com", "environments", 403), "no record of a refusal: {kept:#?}");
        ensure!(by("sam@example.com", "signed in", 303), "no record of a sign-in: {kept:#?}");
        ensure!(by("github:shop/shop", "delete environments", 200), "no record of CI: {kept:#?}");
        let log = std::fs::read_to_string(log)?;
        ensure!(!log.contains("eyJ"), "a token is in the log");
        as_kubernetes_saw_it(world, &audited.events()?)?;
        rights.withdraw().await
    })
    .await
}

async fn in_a_browser(world: &World, server: &Server) -> Result<()> {
    let signed = async |name: &str| {
        server.sign_in(name).await?.map_err(|page| anyhow::anyhow!("{name} did not come in: {page:?}"))
    };
    let here = format!("{}/qa", world.name);
    let cookie = signed("vera").await?;
    contains(&server.see("/who", &cookie).await?.body, "oidc:vera@example.com")?;
    contains(&server.see("/environments", &cookie).await?.body, &here)?;
    // A page of hers, filled in as it should be: Kubernetes says no.
    let place = format!("/environments/{here}/destroy");
    let page = server.see(&place, &cookie).await?;
    let forms = form_token(&page)?;
    let refused = server.send(&place, &cookie, &format!("token={forms}&name=qa")).await?;
    same("a viewer who destroys", &refused.status, &403)?;
    contains(&refused.body, "oidc:vera@example.com")?;
    let forged = server.send(&place, &cookie, "name=qa").await?;
    same("a form that is none of its own", &forged.status, &403)?;
    // Dora asks for new pods, and sees the plan before.
    let cookie = signed("dora").await?;
    let page = server.see(&format!("/environments/{here}/change"), &cookie).await?;
    let forms = form_token(&page)?;
    let body = format!("token={forms}&action=restart&component=web");
    let planned = server.send(&format!("/environments/{here}/change"), &cookie, &body).await?;
    let plan = planned.header("location").with_context(|| format!("no plan: {planned:?}"))?.to_owned();
    let carried = server.send(&format!("{plan}/carry-out"), &cookie, &format!("token={forms}")).await?;
    same("a plan that is carried out", &carried.status, &303)?;
    let restarts = world.environments().get("qa").await?.spec.restarts;
    ensure!(restarts.contains_key("web"), "nothing was restarted: {restarts:?}");
    // Who may do nothing is told whom to ask, and who is called as Kubernetes' own does not come in.
    let cookie = signed("sam").await?;
    let page = server.see("/environments", &cookie).await?;
    ensure!(!page.body.contains(&here), "sam sees it: {}", page.body);
    contains(&page.body, "the platform team")?;
    let mal = server.sign_in("mal").await?.err().context("a group of Kubernetes' own came in")?;
    same("a group of Kubernetes' own", &mal.status, &401)?;
    contains(&mal.body, "system:masters")
}

/// CI has a token of its own issuer, and no secret of ours.
async fn by_a_program(world: &World, server: &Server, github: &Fake) -> Result<()> {
    let of = |branch: &str, audience: &str| {
        github.token(&json!({"aud": audience, "sub": format!("repo:shop/shop:ref:{branch}"),
            "repository": "shop/shop", "repository_owner": "shop", "ref": branch, "event_name": "push"}))
    };
    let url = server.url();
    let run = async |token: &str, arguments: &[&str]| {
        let terminal = Terminal::new(world, "ci")?;
        terminal.with(&[("OUTBOARD_SERVER", &url), ("OUTBOARD_TOKEN", token)]).outboard(arguments).await
    };
    let main = of("refs/heads/main", &url);
    run(&main, &["env", "create", "ci"]).await?.ended(Exit::Success)?;
    let owner = world.environments().get("ci").await?.spec.owner;
    same("the owner", &owner.as_deref(), &Some("oidc:github:shop/shop"))?;
    run(&main, &["env", "destroy", "ci", "--yes"]).await?.ended(Exit::Success)?;
    // The project itself is not among what its role may.
    world.write(|spec| *spec = light())?;
    let apply = run(&main, &["project", "apply"]).await?.ended(Exit::Forbidden)?;
    contains(&apply.stderr, "oidc:github:shop/shop")?;
    // Of another branch, set off by something else, or for somebody else.
    let comment = github.token(&json!({"aud": url, "sub": "repo:shop/shop:ref:refs/heads/main",
        "repository": "shop/shop", "ref": "refs/heads/main", "event_name": "issue_comment"}));
    let comment = run(&comment, &["env", "list"]).await?;
    ensure!(comment.code != 0 && comment.stderr.contains("no rule says"), "{comment:?}");
    let evil = run(&of("refs/heads/evil", &url), &["env", "list"]).await?;
    ensure!(evil.code != 0 && evil.stderr.contains("no rule says"), "{evil:?}");
    let other = run(&of("refs/heads/main", "https://elsewhere.example"), &["env", "list"]).await?;
    contains(&other.ended(Exit::Forbidden)?.stderr, "was for `https://elsewhere.example`")?;
    Ok(())
}

/// With its own account, and as nobody else, it writes its records and nothing besides.
async fn its_own_rights_are_narrow(server: &Server) -> Result<()> {
    let kubeconfig = kube::config::Kubeconfig::read_from(&server.kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
    let own = kube::Client::try_from(config)?;
    let maps = Api::<ConfigMap>::namespaced(own.clone(), "outboard-system");
    let wanted = |name: &str| ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    // A policy is known a moment after it was written.
    until("its records only", SOON, async || {
        Ok(maps.create(&dry, &wanted("outboard-dns-x")).await.err().filter(is_refusal))
    })
    .await?;
    maps.create(&dry, &wanted("outboard-audit-x")).await?;
    let secrets = Api::<Secret>::namespaced(own.clone(), "outboard-system");
    ensure!(
        secrets.list(&ListParams::default()).await.is_err_and(|error| is_refusal(&error)),
        "it reads Secrets"
    );
    let environments = Api::<api::Environment>::namespaced(own, "default");
    let refused = environments.delete("nothing", &DeleteParams::default()).await;
    ensure!(refused.is_err_and(|error| is_refusal(&error)), "it may delete environments");
    Ok(())
}

fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// Everything that the server did was done as somebody who signed in, by the API server's own record.
fn as_kubernetes_saw_it(world: &World, events: &[Value]) -> Result<()> {
    let made = events.iter().find(|event| {
        let object = &event["objectRef"];
        event["verb"] == "create"
            && object["resource"] == "environments"
            && object["namespace"] == world.name.as_str()
            && event["responseStatus"]["code"] == 201
    });
    let made = made.context("the API server saw no environment created")?;
    let seen = [&made["user"]["username"], &made["impersonatedUser"]["username"]];
    same(
        "who created it, as whom",
        &seen.map(|name| name.as_str().unwrap_or_default()),
        &["system:serviceaccount:outboard-system:outboard-server", "oidc:dora@example.com"],
    )?;
    let groups = made["impersonatedUser"]["groups"].to_string();
    contains(&groups, "oidc:shop-developers")?;
    for event in events {
        let who = event["impersonatedUser"]["username"].as_str();
        let theirs = event["impersonatedUser"]["groups"].as_array().into_iter().flatten();
        let other = theirs
            .filter_map(Value::as_str)
            .find(|group| !(group.starts_with("oidc:") || *group == "system:authenticated"));
        ensure!(
            who.is_none_or(|who| who.starts_with("oidc:")) && other.is_none(),
            "it acted as somebody of Kubernetes' own: {event}"
        );
        let reads = ["get", "list", "watch"].iter().any(|verb| event["verb"] == *verb);
        let object = &event["objectRef"];
        let asks = object["resource"].as_str().is_some_and(|name| name.starts_with("selfsubject"));
        let records = object["resource"] == "configmaps"
            && object["name"].as_str().is_some_and(|name| name.starts_with("outboard-audit-"));
        // What this story tried as that account: refused, or as a dry run.
        let tried =
            event["responseStatus"]["code"] == 403 || event["requestURI"].to_string().contains("dryRun");
        ensure!(
            who.is_some() || reads || asks || records || tried,
            "it changed something by itself: {event}"
        );
    }
    for who in ["oidc:vera@example.com", "oidc:github:shop/shop"] {
        ensure!(events.iter().any(|event| event["impersonatedUser"]["username"] == who), "nothing as {who}");
    }
    Ok(())
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
