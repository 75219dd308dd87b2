//! Logs of environments are shipped from their nodes: what containers write and what they write into files, each line
//! once, through a kill, and even if the environment is gone a moment later.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use stories::{Cloud, World, contains, installed_with, light, millis, same, story, until};

/// From a line to its object, on a machine that builds something else meanwhile.
const SHIPPED: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(60);
/// Who ships there, and who reads.
const IDENTITY: &str = "stories-fals";
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "stories"), ("AWS_SECRET_ACCESS_KEY", "stories")];
/// Where the shop's web writes a line for each request, if nobody says otherwise.
const FILE: &str = "/var/log/web/access.log";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn lines_of_output_and_files_are_shipped_once_and_outlive_their_environment() -> Result<()> {
    story(async |world| {
        let cloud = Cloud::begin(world).await?;
        cloud.stream(&world.name).await?;
        let keys: Value = KEYS.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        installed_with(world, &flags(world, &cloud)?, (IDENTITY, keys), async || tell(world, &cloud).await)
            .await
    })
    .await
}

fn flags(world: &World, cloud: &Cloud) -> Result<Vec<String>> {
    Ok(vec![
        format!("--logs=firehose://{}?region=eu-west-1", world.name),
        format!("--logs-env=AWS_ENDPOINT_URL={}", cloud.endpoint()),
        format!("--logs-env-from={IDENTITY}"),
        format!("--pod-logs={}", testbed::pod_logs()?.display()),
    ])
}

async fn tell(world: &World, cloud: &Cloud) -> Result<()> {
    world
        .apply(|spec| {
            *spec = light();
            spec["components"]["web"]["logs"] = json!([FILE]);
            spec["components"]["report"] = json!({
                "image": "registry.testbed:5000/shop/web", "version": "1", "job": "before",
                "command": ["sh", "-c", "echo checkout counted; echo checkout reported >> /var/log/report/a.log"],
                "logs": ["/var/log/report/a.log"],
            });
            spec["logs"] = json!({"archive": {
                "bucket": world.name, "region": "eu-west-1", "endpoint": cloud.endpoint(), "buffer": "15m",
            }});
        })
        .await?;
    world.create("qa", &["--class", "qa"]).await?;

    let begun = Instant::now();
    world.get("qa", "/checkout-first").await?;
    let shown = until("the line of the file in `outboard logs`", SOON, async || {
        let logs = world.outboard(&["logs", "qa"]).await?.ended(Exit::Success)?.stdout;
        let file = logs.lines().find(|line| line.contains("\"path\":\"/checkout-first\""));
        Ok(file.map(str::to_owned))
    })
    .await?;
    ensure!(shown.starts_with("web:access.log "), "{shown}");
    let first = shipped(world, cloud, "/checkout-first").await?;
    println!("from the request to the bucket: {} ms", millis(begun));
    same_as_live(world, &first).await?;
    for text in ["checkout counted", "checkout reported"] {
        shipped(world, cloud, text).await?;
    }

    // Nothing is lost with the process, nor shipped twice in silence.
    kill_shipper(world).await?;
    world.get("qa", "/checkout-second").await?;
    shipped(world, cloud, "/checkout-second").await?;
    let before = search(world).await?;
    let lines: Vec<&str> = before.lines.iter().map(|line| line.text.as_str()).collect();
    for text in ["/checkout-first", "/checkout-second", "checkout counted", "checkout reported"] {
        let times = lines.iter().filter(|line| line.contains(text)).count();
        let wanted = if text.starts_with('/') { 2 } else { 1 };
        ensure!(times == wanted, "{text} was found {times} times: {lines:#?}");
    }
    ensure!(before.both >= lines.len() as u64, "{} of {} are live and archived", before.both, lines.len());

    // Gone a moment after its last words.
    world.get("qa", "/checkout-last").await?;
    let begun = Instant::now();
    world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
    shipped(world, cloud, "/checkout-last").await?;
    println!("destroyed, and its last words in the bucket: {} ms", millis(begun));

    // Of each one that says nothing of a second sending.
    let all = objects(cloud, &world.name).await?;
    for text in ["/checkout-first", "/checkout-second", "/checkout-last"] {
        let of = |file: bool| {
            let found = all.iter().filter(|line| text_of(line).contains(text));
            found.filter(|line| line.get("File").is_some() == file && line.get("Resent").is_none()).count()
        };
        same(&format!("{text} of the output and of the file"), &(of(false), of(true)), &(1, 1))?;
    }
    let after = search(world).await?;
    ensure!(after.destroyed, "the environment is still there");
    same("lines of the environment that is gone", &after.lines.len(), &(lines.len() + 2))?;
    ensure!(after.lines[..lines.len()] == before.lines[..], "{:#?} {:#?}", before.lines, after.lines);
    let typed =
        world.outboard_with(&KEYS, &["logs", "qa", "--since", "2h", "status:>=400 checkout-last"]).await?;
    contains(&typed.ended(Exit::Success)?.stdout, "/checkout-last")
}

/// What was shipped of a line, once it is there: from the output and, but for the job's, from the file.
async fn shipped(world: &World, cloud: &Cloud, text: &str) -> Result<Vec<Value>> {
    let wanted = if text.starts_with('/') { 2 } else { 1 };
    until(&format!("`{text}` in the bucket"), SHIPPED, async || {
        let lines = objects(cloud, &world.name).await?;
        let found: Vec<Value> = lines.into_iter().filter(|line| text_of(line).contains(text)).collect();
        Ok((found.len() >= wanted).then_some(found))
    })
    .await
}

/// Everything that lies in the bucket.
async fn objects(cloud: &Cloud, bucket: &str) -> Result<Vec<Value>> {
    let mut lines = Vec::new();
    for name in cloud.objects(bucket).await? {
        let object = cloud.object(bucket, &name).await?;
        let values = serde_json::Deserializer::from_slice(&object).into_iter::<Value>();
        lines.extend(values.collect::<Result<Vec<_>, _>>().context("a record is no JSON")?);
    }
    Ok(lines)
}

fn text_of(record: &Value) -> &str {
    record["Text"].as_str().unwrap_or_default()
}

/// What was shipped says of itself what is said of the line that is live.
async fn same_as_live(world: &World, records: &[Value]) -> Result<()> {
    let live = world.outboard(&["logs", "qa", "web", "-o", "json"]).await?.ended(Exit::Success)?.events()?;
    for record in records {
        let twin = live.iter().find(|line| line["text"] == record["Text"] && line["time"] == record["Time"]);
        let twin = twin.with_context(|| format!("nothing live is {record}: {live:#?}"))?;
        for (shipped, shown) in [
            ("Project", "project"),
            ("Env", "environment"),
            ("Component", "component"),
            ("Pod", "pod"),
            ("Container", "container"),
            ("File", "file"),
        ] {
            same(shown, &record.get(shipped), &twin.get(shown))?;
        }
        same("its container", &record["Container"], &"web".into())?;
    }
    let files: Vec<_> = records.iter().filter_map(|record| record["File"].as_str()).collect();
    same("files", &files, &vec![FILE])
}

/// SIGKILL to the process that ships into this world's stream.
async fn kill_shipper(world: &World) -> Result<()> {
    let ours = format!("--stream={}", world.name);
    let find = || -> Result<Option<i32>> {
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // It may have ended since.
            let words = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<&str> = words.split('\0').collect();
            if words[1..].starts_with(&["fals", "node"]) && words.contains(&ours.as_str()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    };
    let first = find()?.context("nothing ships into the stream")?;
    kill(Pid::from_raw(first), Signal::SIGKILL)?;
    until("what ships to run again", SOON, async || Ok(find()?.filter(|id| *id != first))).await?;
    Ok(())
}

/// A line, and what makes it another than others.
#[derive(Debug, PartialEq)]
struct Line {
    time: String,
    file: Option<String>,
    text: String,
}

struct Found {
    lines: Vec<Line>,
    /// So many were live and archived.
    both: u64,
    destroyed: bool,
}

async fn search(world: &World) -> Result<Found> {
    let arguments = ["logs", "qa", "--since", "2h", "--query", "checkout", "-o", "json"];
    let output = world.outboard_with(&KEYS, &arguments).await?.ended(Exit::Success)?;
    let lines = output.events()?.into_iter().filter(|event| event.get("event").is_none()).map(|line| Line {
        time: line["time"].as_str().unwrap_or_default().to_owned(),
        file: line["file"].as_str().map(str::to_owned),
        text: line["text"].as_str().unwrap_or_default().to_owned(),
    });
    let result = &output.last()?["result"];
    Ok(Found {
        lines: lines.collect(),
        both: result["archive"]["both"].as_u64().unwrap_or_default(),
        destroyed: result["destroyed"] == true,
    })
}
