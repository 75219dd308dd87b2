//! Pages and the API while something that they stand on is away or slow: they say so in time, keep telling what they knew, and go
//! on by themselves afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hyper::Method;
use serde_json::{Value, json};
use stories::{
    Events, Page, Proxy, Server, Ui, World, contains, form_token, light, rights, same, shop, story, until,
    without_operator,
};
use tokio::time::timeout;

const READY: Duration = Duration::from_secs(120);
/// Whoever looks on learns within so long that something is away, or back.
const SOON: Duration = Duration::from_secs(30);
/// Whatever cannot be done is answered within so long.
const ANSWERED: Duration = Duration::from_secs(20);
/// By so much every question to a slow API server is late.
const SLOW: Duration = Duration::from_millis(300);
/// A page asks several, one after the other.
const SLOWLY: Duration = Duration::from_secs(45);
/// An API server that says nothing any more.
const SILENT: Duration = Duration::from_secs(3600);

/// What is looked at while there is no API server.
const PAGES: [&str; 11] = [
    "",
    "/change",
    "/data",
    "/destroy",
    "/diff",
    "/drift",
    "/events",
    "/logs",
    "/passwords",
    "/report",
    "/revisions",
];

fn place(world: &World) -> String {
    format!("/environments/{}/qa", world.name)
}

fn set(world: &World, version: &str) -> Value {
    json!({"namespace": world.name, "change": {"action": "set", "environment": "qa", "versions": {"web": version}}})
}

/// A plan that nobody has carried out yet.
async fn planned(world: &World, ui: &Ui, version: &str) -> Result<String> {
    let plan = ui.api(Method::POST, "/api/v1/plans", Some(&set(world, version))).await?;
    same("a plan", &plan.status, &201)?;
    Ok(plan.json()?["id"].as_str().context("a plan without an id")?.to_owned())
}

/// Something is away: the sentence and what to do, in the shape that programs read.
fn is_problem(what: &str, page: &Page, sentence: &str) -> Result<()> {
    ensure!(page.status == 503, "{what}: {} {}", page.status, page.body);
    same(what, &page.header("content-type"), &Some("application/problem+json"))?;
    let problem = page.json()?;
    contains(problem["detail"].as_str().unwrap_or_default(), sentence)?;
    ensure!(problem["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{what}: {problem}");
    Ok(())
}

/// The same as people read it.
fn is_sentence(what: &str, page: &Page, sentence: &str) -> Result<()> {
    ensure!(page.status == 503, "{what}: {} {}", page.status, page.body);
    contains(&page.body, sentence)?;
    contains(&page.body, "What to do:")
}

/// Does something that has to end in time; what it comes to.
async fn timely<T>(what: &str, at_most: Duration, doing: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let done = doing.await.with_context(|| what.to_owned())?;
    println!("{what}: {:.1} s", begun.elapsed().as_secs_f32());
    ensure!(begun.elapsed() < at_most, "{what} took {:.1} s", begun.elapsed().as_secs_f32());
    Ok(done)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn without_an_operator_nothing_is_planned_and_what_was_planned_waits_for_it() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        let mut ui = Ui::begin(world).await?;
        let (cookie, here) = (ui.enter().await?, place(world));
        let plan = planned(world, &ui, "2").await?;
        without_operator(&world.client, async || {
            let asked = ui.api(Method::POST, "/api/v1/plans", Some(&set(world, "2"))).await?;
            is_problem("a plan", &asked, "operator does not answer")?;
            contains(asked.json()?["hint"].as_str().unwrap_or_default(), "nothing was changed")?;
            let change = format!("{here}/change");
            let token = form_token(&ui.see(&change, &cookie).await?)?;
            let asked = ui.send(&change, &cookie, &format!("token={token}&action=restart")).await?;
            is_sentence("a restart", &asked, "operator does not answer")?;
            contains(&asked.body, "get pods")?;

            // What was planned before is written down, once, and says for whom it waits.
            let carry_out = format!("/plans/{plan}/carry-out");
            for _ in 0..2 {
                let carried = ui.send(&carry_out, &cookie, &format!("token={token}")).await?;
                same("a plan that is carried out", &carried.status, &303)?;
            }
            until("the page says that it waits", SOON, async || {
                let page = ui.see(&here, &cookie).await?;
                same("the page", &page.status, &200)?;
                Ok(page.body.contains("operator has not begun yet").then_some(()))
            })
            .await?;
            contains(&ui.see("/environments", &cookie).await?.body, "Not seen yet")?;
            let shown = ui.api(Method::GET, &format!("/api/v1{here}"), None).await?.json()?;
            same("the state", &shown["summary"]["state"], &json!("unseen"))?;
            contains(shown["summary"]["why"].as_str().unwrap_or_default(), "operator has not looked")
        })
        .await?;
        world.ready("qa", READY).await?;
        same("the version", &world.get("qa", "/version").await?.version, &Some("2".to_owned()))?;
        until("the page says so", SOON, async || {
            let page = ui.see(&here, &cookie).await?;
            Ok((!page.body.contains("operator has not begun yet")).then_some(()))
        })
        .await?;
        // It plans again.
        planned(world, &ui, "1").await?;
        ui.end().await
    })
    .await
}

fn is_old(html: &str) -> bool {
    html.contains("The cluster has not answered for") && html.contains("qa")
}

fn is_well(html: &str) -> bool {
    !html.contains("The cluster has not answered for") && html.contains("qa")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn while_the_api_server_is_away_pages_tell_what_they_knew_and_afterwards_all_goes_on() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        let (proxy, kubeconfig) = Proxy::between(world).await?;
        let kubeconfig = kubeconfig.to_str().context("a path that is no text")?;
        let mut ui = Ui::with(world, &["--kubeconfig", kubeconfig]).await?;
        let (host, cookie, here) = (ui.host(), ui.enter().await?, place(world));
        let bearer = format!("Bearer {}", std::fs::read_to_string(ui.token_file())?);
        let (person, program) = ([("cookie", cookie.as_str())], [("authorization", bearer.as_str())]);
        let mut list = Events::open(&host, "/environments/live", &person).await?;
        let mut one = Events::open(&host, &format!("{here}/live"), &person).await?;
        let mut programs = Events::open(&host, &format!("/api/v1{here}/events"), &program).await?;
        list.sees("the list as it is", SOON, is_well).await?;
        one.sees("the environment as it is", SOON, is_well).await?;
        let plan = planned(world, &ui, "2").await?;
        let token = form_token(&ui.see(&format!("{here}/change"), &cookie).await?)?;

        proxy.break_off();
        list.sees("that the list is old", SOON, is_old).await?;
        one.sees("that the environment is old", SOON, is_old).await?;
        for path in ["/environments".to_owned(), here.clone()] {
            let page = timely(&path, ANSWERED, ui.see(&path, &cookie)).await?;
            ensure!(page.status == 200 && is_old(&page.body), "{path}: {} {}", page.status, page.body);
        }
        let around = ["/clusters", "/copies", "/environments/new", "/hostnames"].map(str::to_owned);
        for path in PAGES.map(|rest| format!("{here}{rest}")).into_iter().chain(around) {
            let page = timely(&path, ANSWERED, ui.see(&path, &cookie)).await?;
            if page.status != 200 {
                is_sentence(&path, &page, "cluster at")?;
            }
        }
        let known = ui.api(Method::GET, "/api/v1/environments", None).await?;
        same("what is known", &known.json()?["items"][0]["name"], &json!("qa"))?;
        let carry_out = format!("/api/v1/plans/{plan}/carry-out");
        for (method, path, body) in [
            (Method::GET, "/api/v1/hostnames", None),
            (Method::POST, "/api/v1/plans", Some(set(world, "1"))),
            (Method::POST, carry_out.as_str(), None),
        ] {
            let answer = timely(path, ANSWERED, ui.api(method, path, body.as_ref())).await?;
            is_problem(path, &answer, "cluster at")?;
        }
        let (change, restart) = (format!("{here}/change"), format!("token={token}&action=restart"));
        let refused = timely("a form", ANSWERED, ui.send(&change, &cookie, &restart)).await?;
        is_sentence("a form", &refused, "cluster at")?;

        proxy.mend();
        list.sees("that the list is well", SOON, is_well).await?;
        one.sees("that the environment is well", SOON, is_well).await?;
        // What could not be done is done by the same request, and whoever looked on before sees it.
        let carried = ui.api(Method::POST, &carry_out, None).await?;
        same("the plan, once more", &carried.status, &202)?;
        let changed = |data: &str| {
            let shown = serde_json::from_str::<Value>(data).unwrap_or_default();
            (&shown["summary"]["revision"], &shown["summary"]["state"]) == (&json!(2), &json!("ready"))
        };
        programs.sees("the change", READY, changed).await?;
        let history = world.outboard(&["env", "history", "qa", "-o", "json"]).await?.last()?;
        same("revisions", &history.as_array().map(Vec::len), &Some(2))?;

        // One that says nothing any more, instead of one that is gone.
        proxy.delay(SILENT);
        list.sees("that nobody answers", SOON, is_old).await?;
        let page = timely("the list", ANSWERED, ui.see("/environments", &cookie)).await?;
        ensure!(page.status == 200 && is_old(&page.body), "{} {}", page.status, page.body);
        proxy.mend();
        list.sees("that the list is well again", SOON, is_well).await?;
        ui.end().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn whoever_is_signed_in_waits_for_a_slow_api_server_and_is_told_of_one_that_is_away() -> Result<()> {
    story(async |world| {
        world.apply(shop).await?;
        world.create("qa", &[]).await?;
        let rights = rights(world).await?;
        let (proxy, _) = Proxy::between(world).await?;
        let issuers = |_: &str| json!({"issuers": []}).to_string();
        let server = Server::start_with(world, issuers, &[], Some(&proxy)).await?;
        let told = slow_and_away(world, &server, &proxy).await;
        let ended = server.end().await;
        rights.withdraw().await?;
        told.and(ended)
    })
    .await
}

async fn slow_and_away(world: &World, server: &Server, proxy: &Proxy) -> Result<()> {
    let signed = server.sign_in("dora").await?;
    let cookie = signed.map_err(|page| anyhow!("dora did not come in: {page:?}"))?;
    let (here, change) = (place(world), format!("{}/change", place(world)));
    let there = |page: &Page| page.status == 200 && page.body.contains(&here);
    until("her rights are bound", SOON, async || {
        Ok(there(&server.see("/environments", &cookie).await?).then_some(()))
    })
    .await?;

    proxy.delay(SLOW);
    let pages =
        ["/environments", here.as_str(), change.as_str(), "/copies", "/hostnames", "/environments/new"];
    for path in pages {
        let page = timely(path, SLOWLY, server.see(path, &cookie)).await?;
        ensure!(page.status == 200, "{path}: {} {}", page.status, page.body);
    }
    let token = form_token(&server.see(&change, &cookie).await?)?;
    let restart = format!("token={token}&action=restart&component=web");
    let asked = timely("a plan", SLOWLY, server.send(&change, &cookie, &restart)).await?;
    let plan = asked.header("location").with_context(|| format!("no plan: {asked:?}"))?.to_owned();
    let (path, body) = (format!("{plan}/carry-out"), format!("token={token}"));
    let carried = timely("carrying it out", SLOWLY, server.send(&path, &cookie, &body)).await?;
    same("carrying it out", &carried.status, &303)?;
    proxy.mend();
    world.ready("qa", READY).await?;

    // What she may see is believed for a moment; after that nothing is shown that nobody can say she may see.
    proxy.break_off();
    let told = until("she is told that the cluster is away", 2 * SOON, async || {
        let page = timeout(ANSWERED, server.see("/environments", &cookie)).await??;
        Ok((page.status != 200).then_some(page))
    })
    .await?;
    is_sentence("the list", &told, "cluster at")?;
    ensure!(!told.body.contains(&here), "what nobody says that she may see is shown: {}", told.body);
    let answer = timely("the API", ANSWERED, server.see("/api/v1/environments", &cookie)).await?;
    is_problem("the API", &answer, "cluster at")?;
    let refused = timely("a form", ANSWERED, server.send(&change, &cookie, &restart)).await?;
    is_sentence("a form", &refused, "cluster at")?;

    proxy.mend();
    until("she goes on", SOON, async || Ok(there(&server.see("/environments", &cookie).await?).then_some(())))
        .await
}
