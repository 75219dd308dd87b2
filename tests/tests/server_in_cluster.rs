//! `outboard server` where it belongs: a pod behind the Gateway, installed as the guide says, with people and CI who come by its name.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use hyper::Method;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stories::{
    Behind, Cloud, GATEWAY, PodNetworks, Port, Terminal, World, behind_the_gateway, contains, form_token,
    issuers, same, shop, story, until, visit,
};

const SOON: Duration = Duration::from_secs(60);
/// Who the server is to AWS.
const KEYS: &str = "stories-audit";
const BUCKET: &str = "story-audit";
/// Nobody who asks in these stories.
const LIAR: &str = "203.0.113.7";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn people_and_ci_come_through_the_gateway_and_nobody_else_gets_there() -> Result<()> {
    story(async |world| {
        let cloud = Cloud::begin(world).await?;
        cloud.make_bucket(BUCKET).await?;
        world.apply(shop).await?;
        world.create("qa", &[]).await?;
        let keys = json!({"metadata": {"name": KEYS},
            "stringData": {"AWS_ACCESS_KEY_ID": "story", "AWS_SECRET_ACCESS_KEY": "story"}});
        let secrets =
            Api::<k8s_openapi::api::core::v1::Secret>::namespaced(world.client.clone(), "outboard-system");
        // Of a story that was ended in the middle.
        let _ = secrets.delete(KEYS, &Default::default()).await;
        secrets.create(&PostParams::default(), &serde_json::from_value(keys)?).await?;
        let (bucket, endpoint) =
            (format!("--audit-bucket=s3://{BUCKET}/shop"), format!("AWS_ENDPOINT_URL={}", cloud.endpoint()));
        let more = [
            "--server-flag",
            &bucket,
            "--server-env",
            &endpoint,
            "--server-env",
            "AWS_REGION=eu-west-1",
            "--server-env-from",
            KEYS,
        ];
        let told = behind_the_gateway(world, &more, issuers, async |behind| {
            installing_again_changes_nothing(behind).await?;
            let cookie = in_a_browser(world, behind).await?;
            let dora = behind.terminal("dora")?;
            in_a_terminal(world, behind, &dora).await?;
            in_clear(behind).await?;
            where_from(world, behind, &cookie).await?;
            from_elsewhere(world, behind).await?;

            // Its pod is gone from one moment to the next, and people go on.
            behind.kill().await?;
            // The Gateway may not know of the new pod yet; who had to sign in anew would stay away for good.
            until("she is still signed in", SOON, async || {
                let page = behind.site.see("/who", &cookie).await?;
                Ok((page.status == 200 && page.body.contains("oidc:dora@example.com")).then_some(()))
            })
            .await?;
            contains(&dora.outboard(&["env", "list"]).await?.ended(Exit::Success)?.stdout, "qa")?;
            by_a_program(world, behind).await?;

            it_goes_with_everything_of_it(world, behind).await?;
            stored(world, behind, &cloud).await
        })
        .await;
        secrets.delete(KEYS, &Default::default()).await?;
        told
    })
    .await
}

async fn installing_again_changes_nothing(behind: &Behind<'_>) -> Result<()> {
    let before = behind.pods().await?;
    // The API server sorts managers of the same second anew with the next write, which counts as one.
    behind.install_again(&[]).await?;
    let again = behind.install_again(&[]).await?;
    ensure!(again.stdout.contains("0 created, 0 changed"), "{}{}", again.stdout, again.stderr);
    let uids = |pods: Vec<Pod>| pods.iter().filter_map(ResourceExt::uid).collect::<Vec<_>>();
    same("the server's pods", &uids(behind.pods().await?), &uids(before))
}

/// The cookie of somebody who may change things.
async fn in_a_browser(world: &World, behind: &Behind<'_>) -> Result<String> {
    let signed = behind.site.sign_in("dora").await?;
    let cookie = signed.map_err(|page| anyhow::anyhow!("dora did not come in: {page:?}"))?;
    ensure!(cookie.starts_with("__Host-"), "another host of the domain could set {cookie}");
    let here = format!("{}/qa", world.name);
    until("her rights are bound", SOON, async || {
        let page = behind.site.see("/environments", &cookie).await?;
        Ok((page.status == 200 && page.body.contains(&here)).then_some(()))
    })
    .await?;
    let page = behind.site.see("/environments", &cookie).await?;
    let secure = page.header("strict-transport-security").context("browsers may come in clear")?;
    contains(secure, "max-age")?;
    contains(&behind.site.see("/who", &cookie).await?.body, "oidc:dora@example.com")?;
    let page = behind.site.see(&format!("/environments/{here}"), &cookie).await?;
    same("the environment's page", &page.status, &200)?;
    // A plan for new pods, and what it does.
    let place = format!("/environments/{here}/change");
    let forms = form_token(&behind.site.see(&place, &cookie).await?)?;
    let body = format!("token={forms}&action=restart&component=web");
    let planned = behind.site.send(&place, &cookie, &body).await?;
    let plan = planned.header("location").with_context(|| format!("no plan: {planned:?}"))?.to_owned();
    let carried = behind.site.send(&format!("{plan}/carry-out"), &cookie, &format!("token={forms}")).await?;
    same("a plan that is carried out", &carried.status, &303)?;
    let line = recorded(behind, &format!("-n {} env restart qa", world.name), "dora@example.com").await?;
    let diff = line["diff"].as_str().with_context(|| format!("nothing differs: {line}"))?;
    contains(diff, "web ")?;
    Ok(cookie)
}

async fn in_a_terminal(world: &World, behind: &Behind<'_>, dora: &Terminal<'_>) -> Result<()> {
    dora.sign_in(&behind.site, "dora").await?;
    contains(&dora.outboard(&["env", "list"]).await?.ended(Exit::Success)?.stdout, "qa")?;
    let set = dora.outboard(&["env", "set", "qa", "--set", "web=2"]).await?;
    contains(&set.ended(Exit::Success)?.stdout, "qa")?;
    let patched = format!("patch environments.outboard.dev {}/qa", world.name);
    let line = recorded(behind, &patched, "dora@example.com").await?;
    contains(line["diff"].as_str().unwrap_or_default(), "versions.web")?;

    // Inside, by a connection that changes its protocol on the way through the Gateway.
    let inside = ["exec", "qa", "web", "--", "sh", "-c", "echo inside"];
    let inside = dora.begin(&inside)?;
    let said = inside.ended().await?.ended(Exit::Success)?;
    contains(&said.stdout, "inside")?;
    forwarded(dora).await?;

    // What it says from now on.
    let mut following = dora.begin(&["logs", "qa", "web", "-f"])?;
    until("a line that came while somebody looked on", SOON, async || {
        world.get("qa", "/version?while=followed").await?;
        let seen = following.says("anything", |text| Some(!text.is_empty())).await?;
        Ok(seen.then_some(()))
    })
    .await?;
    following.signal(Signal::SIGINT)?;
    let ended = following.ended().await?;
    ensure!(!ended.stdout.is_empty(), "it followed nothing: {}", ended.stderr);
    Ok(())
}

/// A port of hers leads into a pod, by connections that change their protocol on the way; each of several at once by its own.
async fn forwarded(dora: &Terminal<'_>) -> Result<()> {
    let mut forward = dora.begin(&["forward", "qa", "web", "0:http", "-o", "json"])?;
    let address = forward
        .says("where it listens", |said| {
            let line = said.lines().next().filter(|_| said.contains('\n'))?;
            let event: Value = serde_json::from_str(line).ok()?;
            Some(event["address"].as_str()?.to_owned())
        })
        .await?;
    ensure!(address.starts_with("127.0.0.1:"), "it listens on {address}");
    let asked = (0..5).map(|_| visit(&address, Method::GET, "/version", &[], ""));
    for page in futures::future::try_join_all(asked).await? {
        same("what web says over the forwarded port", &page.status, &200)?;
    }
    forward.signal(Signal::SIGINT)?;
    forward.ended().await?.ended(Exit::Interrupted)?;
    Ok(())
}

async fn by_a_program(world: &World, behind: &Behind<'_>) -> Result<()> {
    let url = behind.site.url();
    let run = async |event: &str, arguments: &[&str]| {
        let token = behind.ci.token(&json!({"aud": url, "sub": "repo:shop/shop:ref:refs/heads/main",
            "repository": "shop/shop", "repository_owner": "shop", "ref": "refs/heads/main", "run_id": "17",
            "event_name": event}));
        let terminal = behind.terminal("ci")?.with(&[("OUTBOARD_SERVER", &url), ("OUTBOARD_TOKEN", &token)]);
        terminal.outboard(arguments).await
    };
    run("push", &["env", "create", "ci"]).await?.ended(Exit::Success)?;
    let owner = world.environments().get("ci").await?.spec.owner;
    same("the owner", &owner.as_deref(), &Some("oidc:github:shop/shop"))?;
    run("push", &["env", "destroy", "ci", "--yes"]).await?.ended(Exit::Success)?;
    let comment = run("issue_comment", &["env", "list"]).await?;
    ensure!(comment.code != 0 && comment.stderr.contains("no rule says"), "{comment:?}");
    Ok(())
}

/// Whoever comes in clear is shown nothing and can do nothing, whatever they say of it.
async fn in_clear(behind: &Behind<'_>) -> Result<()> {
    for lie in [&[][..], &[("x-forwarded-proto", "https")]] {
        for (method, path) in
            [(Method::GET, "/environments"), (Method::GET, "/sign-in"), (Method::POST, "/sign-out")]
        {
            let headers = [&[("host", behind.host()), ("accept", "text/html")], lie].concat();
            let page = visit(GATEWAY, method.clone(), path, &headers, "").await?;
            same(&format!("{method} {path} in clear"), &page.status, &403)?;
            contains(&page.body, "TLS")?;
            ensure!(page.header("set-cookie").is_none(), "a cookie in clear: {page:?}");
        }
    }
    Ok(())
}

/// On record is where a request came from as the Gateway saw it, whatever it says itself.
async fn where_from(world: &World, behind: &Behind<'_>, cookie: &str) -> Result<()> {
    let place = format!("/environments/{}/nothing/destroy", world.name);
    let headers = [("x-forwarded-for", LIAR), ("x-real-ip", LIAR), ("forwarded", "for=203.0.113.7")];
    let refused = behind.site.send_with(&place, cookie, &headers, "name=nothing").await?;
    same("a form that is none of its own", &refused.status, &403)?;
    let honest = recorded(behind, &format!("-n {} env restart qa", world.name), "dora@example.com").await?;
    let lied = until("the lie is on record", SOON, async || {
        let records = behind.records().await?;
        Ok(records.into_iter().find(|line| line["path"] == place.as_str()))
    })
    .await?;
    same("where a liar came from", &lied["from"], &honest["from"])?;
    let from: Ipv4Addr = lied["from"].as_str().unwrap_or_default().parse().context("no address on record")?;
    let proxies = Api::<Pod>::namespaced(world.client.clone(), "envoy-gateway-system");
    for pod in proxies.list(&ListParams::default()).await? {
        ensure!(address(&pod).ok() != Some(from), "on record is the Gateway's own address, {from}");
    }
    Ok(())
}

/// Only the Gateway's own pods reach it.
async fn from_elsewhere(world: &World, behind: &Behind<'_>) -> Result<()> {
    let server = behind.pods().await?;
    let server = address(server.first().context("no pod of the server")?)?;
    let networks = PodNetworks::all()?;
    let elsewhere = world.pods("qa").await?;
    let elsewhere = address(elsewhere.first().context("no pod elsewhere")?)?;
    ensure!(
        networks.reaches(elsewhere, server, Port::Tcp(8091))?,
        "nobody reaches where it says that it is well"
    );
    ensure!(!networks.reaches(elsewhere, server, Port::Tcp(8090))?, "a pod of an environment reaches it");
    // In the namespace of the Gateway, too, there is but one who speaks for people.
    let theirs = Api::<Pod>::namespaced(world.client.clone(), "envoy-gateway-system");
    let (mut proxies, mut others) = (0, 0);
    for pod in theirs.list(&ListParams::default()).await? {
        let runs = pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
        let Some(pod_address) = address(&pod).ok().filter(|_| runs) else { continue };
        let owns = pod.labels().contains_key("gateway.envoyproxy.io/owning-gateway-name");
        let reaches = networks.reaches(pod_address, server, Port::Tcp(8090))?;
        same(&format!("{} reaches it", pod.name_any()), &reaches, &owns)?;
        *(if owns { &mut proxies } else { &mut others }) += 1;
    }
    ensure!(proxies > 0 && others > 0, "{proxies} proxies and {others} other pods");
    Ok(())
}

async fn it_goes_with_everything_of_it(world: &World, behind: &Behind<'_>) -> Result<()> {
    let kinds = [
        ("gateway.networking.k8s.io", "HTTPRoute"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("apps", "Deployment"),
        ("", "Service"),
        ("", "ServiceAccount"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ];
    let there = async || {
        let mut there = BTreeSet::new();
        for (group, kind) in kinds {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
            let narrow = !(kind.starts_with("Cluster") || kind.starts_with("Validating"));
            let api: Api<DynamicObject> = match narrow {
                true => Api::namespaced_with(world.client.clone(), "outboard-system", &resource),
                false => Api::all_with(world.client.clone(), &resource),
            };
            if api.get_opt("outboard-server").await?.is_some() {
                there.insert(kind);
            }
        }
        Ok::<_, anyhow::Error>(there)
    };
    same("what there is of it", &there().await?.len(), &kinds.len())?;
    contains(&behind.remove().await?.stdout, &format!("{} removed", kinds.len()))?;
    same("what is left of it", &there().await?, &BTreeSet::new())?;
    until("its pod is gone", SOON, async || Ok(behind.pods().await?.is_empty().then_some(()))).await
}

/// The day's lines lie in the bucket, too, each once.
async fn stored(world: &World, behind: &Behind<'_>, cloud: &Cloud) -> Result<()> {
    let maps = Api::<ConfigMap>::namespaced(world.client.clone(), "outboard-system");
    let mut stored = vec![];
    for name in cloud.objects(BUCKET).await? {
        ensure!(name.starts_with("shop/20") && name.ends_with(".jsonl"), "{name}");
        let text = String::from_utf8(cloud.object(BUCKET, &name).await?.to_vec())?;
        let map = name.rsplit('/').next().and_then(|name| name.strip_suffix(".jsonl")).context("no name")?;
        let map = maps.get(map).await?;
        ensure!(map.labels().contains_key("outboard.dev/audit-stored"), "{name} is not marked as stored");
        same(&name, &map.data.unwrap_or_default().get("lines"), &Some(&text))?;
        stored.extend(text.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?);
    }
    let here = |line: &&Value| line["path"].as_str().is_some_and(|path| path.contains(&world.name));
    // Who told the last pod to end let it store what it wrote; that of the one before, which was killed, waits for its hour.
    let kept = behind.records().await?;
    let after_kill = stored.iter().filter(here).count();
    ensure!(after_kill > 0, "nothing of this story was stored; kept are {}", kept.len());
    ensure!(stored.iter().all(|line| kept.contains(line)), "something stored is not what was kept");
    Ok(())
}

/// A line that is on record, once it is.
async fn recorded(behind: &Behind<'_>, what: &str, who: &str) -> Result<Value> {
    until(&format!("`{what}` is on record"), SOON, async || {
        let said = |line: &Value| line["what"].as_str().is_some_and(|said| said.contains(what));
        let records = behind.records().await?;
        // The newest: other stories may have left some.
        Ok(records.into_iter().rev().find(|line| line["who"] == who && said(line)))
    })
    .await
}

fn address(pod: &Pod) -> Result<Ipv4Addr> {
    let address = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref());
    Ok(address.context("a pod without an address")?.parse()?)
}
