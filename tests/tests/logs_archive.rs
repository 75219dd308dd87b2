//! Logs that were shipped and logs that are live, searched as one; and those of an environment that is gone.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stories::{Cloud, Server, World, contains, light, rights, same, story, until};

const SOON: Duration = Duration::from_secs(60);
/// Nobody checks them.
const IDENTITY: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "stories"), ("AWS_SECRET_ACCESS_KEY", "stories")];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_query_finds_what_is_live_and_what_was_shipped_also_once_the_environment_is_destroyed() -> Result<()>
{
    story(async |world| {
        let cloud = Cloud::begin(world).await?;
        cloud.make_bucket("shop-logs").await?;
        world.apply(|spec| *spec = with_archive(&cloud, "shop-logs")).await?;
        world.create("qa", &["--class", "qa"]).await?;
        world.get("qa", "/checkout").await?;
        let live = until("a request in the log", SOON, async || {
            let live = lines(&search(world, &["--no-follow"]).await?)?;
            Ok(live.iter().any(|line| text(line).contains(" /checkout ")).then_some(live))
        })
        .await?;
        deliver(world, &cloud, &live).await?;

        // What is live and shipped is told once, in order of time, with what only the archive has before it.
        let found = search(world, &["--since", "2d", "--query", "checkout"]).await?;
        let all = lines(&found)?;
        let texts: Vec<&str> = all.iter().map(text).collect();
        ensure!(
            texts[..2] == ["level=error msg=\"checkout 1 failed\"", "level=warn msg=\"checkout 2 slow\""],
            "{texts:?}"
        );
        ensure!(texts.iter().filter(|text| text.contains(" /checkout ")).count() == 1, "{texts:?}");
        let result = &found.last()?["result"];
        ensure!(result["archive"]["both"].as_u64() > Some(0), "{result}");
        ensure!(result["archive"]["skipped"]["foreign"] == 1, "{result}");
        ensure!(found.events()?.iter().any(|event| event["event"] == "seam"), "no seam:\n{}", found.stdout);

        // As people type it.
        let typed = world
            .outboard_with(&IDENTITY, &["logs", "qa", "--since", "2h", "level:>=error checkout"])
            .await?;
        let typed = typed.ended(Exit::Success)?;
        contains(&typed.stdout, "checkout 1 failed")?;
        contains(&typed.stdout, "── archive complete up to")?;
        ensure!(!typed.stdout.contains("slow"), "{}", typed.stdout);

        // In pages, and as counts.
        let first = search(world, &["--since", "2d", "--limit", "1", "--query", "checkout"]).await?;
        let cursor = first.last()?["result"]["cursor"].as_str().context("no cursor")?.to_owned();
        let second =
            search(world, &["--since", "2d", "--limit", "1", "--cursor", &cursor, "--query", "checkout"])
                .await?;
        let newest = |page: &[Value]| page.first().map(|line| line["time"].clone());
        let (first, second) = (lines(&first)?, lines(&second)?);
        ensure!(
            first.len() == 1 && second.len() == 1 && newest(&first) != newest(&second),
            "{first:?} {second:?}"
        );
        let counted =
            search(world, &["--since", "2d", "--histogram", "--query", "checkout"]).await?.last()?;
        let counted: u64 = counted["result"]["steps"]
            .as_array()
            .context("no steps")?
            .iter()
            .filter_map(|step| step["lines"].as_u64())
            .sum();
        ensure!(counted == all.len() as u64, "{counted} of {}", all.len());

        // A change of where logs lie is none of the environment's.
        world
            .apply(|spec| {
                *spec = with_archive(&cloud, "shop-logs");
                spec["logs"]["archive"]["buffer"] = json!("5m");
            })
            .await?;
        let shown = world.outboard(&["env", "show", "qa", "-o", "json"]).await?.ended(Exit::Success)?;
        ensure!(!shown.stdout.contains("\"ProjectOutdated\",\"status\":\"True\""), "{}", shown.stdout);
        let plan = world.outboard(&["env", "update", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
        println!("{}{}", plan.stdout, plan.stderr);

        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        let after = search(world, &["--since", "2d", "--query", "checkout"]).await?;
        ensure!(after.last()?["result"]["destroyed"] == true, "{}", after.stdout);
        let told = lines(&after)?;
        ensure!(told.iter().map(text).eq(texts.iter().copied()), "{told:?}");
        // Without a query, too.
        let plain =
            world.outboard_with(&IDENTITY, &["logs", "qa", "--since", "2d"]).await?.ended(Exit::Success)?;
        contains(&plain.stdout, "checkout 2 slow")?;
        contains(&plain.stderr, "does not exist any more")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_search_that_cannot_be_made_says_why_and_what_to_do() -> Result<()> {
    story(async |world| {
        let cloud = Cloud::begin(world).await?;
        world.apply(|spec| *spec = light()).await?;
        // There was no such environment, and nothing that could know of one.
        let unknown = world.outboard(&["logs", "qa", "checkout now"]).await?.ended(Exit::NotFound)?;
        contains(&unknown.stderr, "has no archive of logs")?;

        world.create("qa", &["--class", "qa"]).await?;
        let only_live = world.outboard(&["logs", "qa", "*"]).await?.ended(Exit::Success)?;
        contains(&only_live.stderr, "only what nodes still have was searched")?;
        let broken =
            world.outboard(&["logs", "qa", "checkout AND (level:loud)"]).await?.ended(Exit::Usage)?;
        contains(&broken.stderr, "`loud` is no level\n  checkout AND (level:loud)\n                      ^")?;
        contains(&broken.stderr, "trace, debug, info, warn, error, fatal")?;
        world.outboard(&["logs", "qa", "wbe", "--query", "x"]).await?.ended(Exit::NotFound)?;
        world.outboard(&["logs", "qa", "--cursor", "nonsense"]).await?.ended(Exit::Usage)?;

        world.apply(|spec| *spec = with_archive(&cloud, "no-such-bucket")).await?;
        let missing =
            world.outboard_with(&IDENTITY, &["logs", "qa", "checkout*"]).await?.ended(Exit::NotFound)?;
        contains(&missing.stderr, "bucket `no-such-bucket`: it does not exist")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn whoever_may_read_logs_finds_what_was_shipped_at_the_server_also_once_the_environment_is_destroyed()
-> Result<()> {
    story(async |world| {
        let cloud = Cloud::begin(world).await?;
        cloud.make_bucket("shop-logs").await?;
        let shop = |spec: &mut Value| {
            *spec = with_archive(&cloud, "shop-logs");
            spec["access"] = json!({"viewer": {"users": ["oidc:vera@example.com"]}});
        };
        world.apply(shop).await?;
        world.create("qa", &["--class", "qa"]).await?;
        deliver(world, &cloud, &[]).await?;
        let rights = rights(world).await?;
        let archive = format!(
            "--log-archive={0}/{0}=s3://shop-logs/fals/?region=eu-west-1&endpoint={1}",
            world.name,
            cloud.endpoint()
        );
        let nobody = |_: &str| json!({"issuers": []}).to_string();
        let server = Server::start_with(world, nobody, &[&archive], None).await?;
        let told = Box::pin(shown_to_whom_it_may_be(world, &server)).await;
        server.end().await?;
        rights.withdraw().await?;
        told
    })
    .await
}

async fn shown_to_whom_it_may_be(world: &World, server: &Server) -> Result<()> {
    let signed = async |name: &str| {
        server.sign_in(name).await?.map_err(|page| anyhow::anyhow!("{name} did not come in: {page:?}"))
    };
    let (vera, sam) = (signed("vera").await?, signed("sam").await?);
    let place = format!("/environments/{}/qa/logs?q=checkout&since=2d", world.name);
    let page = until("her rights are bound", SOON, async || {
        let page = server.see(&place, &vera).await?;
        Ok((page.status == 200 && page.body.contains("checkout 1 failed")).then_some(page))
    })
    .await?;
    contains(&page.body, "checkout 2 slow")?;
    let counted = server.see(&format!("{place}&histogram=1"), &vera).await?;
    contains(&counted.body, "2 lines, 1 error, 1 warning")?;
    ensure!(!server.see(&place, &sam).await?.body.contains("checkout 1"), "sam may read nothing of it");

    world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
    let gone = server.see(&place, &vera).await?;
    same("logs of what is gone", &gone.status, &200)?;
    contains(&gone.body, "checkout 1 failed")?;
    ensure!(!server.see(&place, &sam).await?.body.contains("checkout 1"), "sam may read nothing of it");
    Ok(())
}

fn with_archive(cloud: &Cloud, bucket: &str) -> Value {
    let mut spec = light();
    spec["logs"] = json!({"archive": {
        "bucket": bucket, "prefix": "fals/", "region": "eu-west-1", "endpoint": cloud.endpoint(), "buffer": "15m",
    }});
    spec
}

/// What Firehose would have delivered: the live lines, and those of a pod that is gone.
async fn deliver(world: &World, cloud: &Cloud, live: &[Value]) -> Result<()> {
    let now = Timestamp::now();
    let record = |line: &Value| {
        let time: Timestamp = line["time"].as_str().unwrap_or_default().parse()?;
        let mut record = json!({
            "Project": world.name, "Env": "qa", "Component": line["component"], "Text": line["text"],
            "Timestamp": time.as_second(), "Time": time.to_string(), "Pod": line["pod"], "Container": line["container"],
            "Stream": "stdout",
        })
        .to_string();
        record.push('\n');
        anyhow::Ok(record)
    };
    let older = |minutes: i64, text: &str| {
        let time = now - SignedDuration::from_mins(minutes);
        json!({"time": time.to_string(), "component": "web", "text": text, "pod": "web-gone", "container": "web"})
    };
    let mut newest = live.iter().map(record).collect::<Result<String>>()?;
    newest.push_str(r#"{"tool": "another", "says": "checkout of qa in "#);
    newest.push_str(&format!("{}\"}}\n", world.name));
    let old = record(&older(50, "level=error msg=\"checkout 1 failed\""))?
        + &record(&older(40, "level=warn msg=\"checkout 2 slow\""))?;
    let mut packed = GzEncoder::new(vec![], Compression::fast());
    packed.write_all(old.as_bytes())?;
    let old_hour = now - SignedDuration::from_mins(50);
    cloud
        .put_object("shop-logs", &format!("fals/{}/a.gz", old_hour.strftime("%Y/%m/%d/%H")), packed.finish()?)
        .await?;
    cloud
        .put_object("shop-logs", &format!("fals/{}/b", now.strftime("%Y/%m/%d/%H")), newest.into_bytes())
        .await
}

async fn search(world: &World, arguments: &[&str]) -> Result<stories::Output> {
    let arguments = [&["logs", "qa", "-o", "json"], arguments].concat();
    world.outboard_with(&IDENTITY, &arguments).await?.ended(Exit::Success)
}

/// The lines among what was told.
fn lines(output: &stories::Output) -> Result<Vec<Value>> {
    Ok(output.events()?.into_iter().filter(|event| event.get("event").is_none()).collect())
}

fn text(line: &Value) -> &str {
    line["text"].as_str().unwrap_or_default()
}
