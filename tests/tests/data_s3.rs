//! Objects of S3, copied between two endpoints and within one: odd names, headers, metadata, tags, large ones; masked,
//! renamed, killed and taken up again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::{Value, json};
use stories::shelf::{self, none_differ};
use stories::versity::Versity;
use stories::{CopyJob, number, same, size};

/// `OBJECTS=20000` for the full size.
fn objects() -> Result<usize> {
    size("OBJECTS", 3_000)
}

/// `LARGE_MB=6144` for the full size.
fn megabytes() -> Result<usize> {
    size("LARGE_MB", 48)
}

fn requests(report: &Value) -> u64 {
    ["sourceAsked", "targetAsked"].iter().filter_map(|side| report[side]["requests"].as_u64()).sum()
}

/// Nothing is written, and little is asked.
fn nothing_to_do(report: &Value, objects: usize) -> Result<()> {
    println!("nothing to do: {report:#}");
    same("equal", &number(report, "equal")?, &(objects as u64))?;
    same("copied", &number(report, "copied")?, &0)?;
    for side in ["sourceAsked", "targetAsked"] {
        same("writes", &report[side]["writes"], &json!(0))?;
        same("ledger writes", &report[side]["ledgerWrites"], &json!(0))?;
    }
    // A page of each side for each thousand, and what is asked once, each stretch of the ledger, and each scope.
    ensure!(requests(report) < 60 + objects as u64 / 100, "{} requests", requests(report));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn objects_are_copied_between_endpoints_with_all_that_belongs_to_them_and_another_run_writes_nothing()
-> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", objects()?).await?;
    shelf::large(&source, "shop", "large/film.mp4", megabytes()?).await?;
    let job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    let plan = job.start(&["--dry-run"])?.end()?;
    same("way", &plan.first("plan")?["way"], &json!("through"))?;
    same("a dry run", &shelf::count(&target.folder("shop"))?, &0)?;

    let report = job.run()?.report()?;
    println!("{report:#}");
    let all = objects()? + 1;
    same("copied", &number(&report, "copied")?, &(all as u64))?;
    same("proved", &number(&report, "proved")?, &(all as u64))?;
    same("large", &number(&report, "large")?, &1)?;
    ensure!(report["tagged"].as_u64() >= Some(objects()? as u64 / 12), "{report:#}");
    ensure!(number(&report, "peakMemoryBytes")? < 200 << 20, "{report:#}");
    none_differ(&source.folder("shop"), &target.folder("shop"))?;
    nothing_to_do(&job.run()?.report()?, all)?;

    // One in a hundred changed, and one in a hundred gone.
    let client = source.client().await?;
    let mut changed = 0;
    for at in (0..objects()?).step_by(100) {
        client
            .put_object()
            .bucket("shop")
            .key(shelf::name(at))
            .body(b"changed".to_vec().into())
            .send()
            .await?;
        client.delete_object().bucket("shop").key(shelf::name(at + 1)).send().await?;
        changed += 1;
    }
    let report = job.run()?.report()?;
    same("copied again", &number(&report, "copied")?, &changed)?;
    same("on the target alone", &number(&report, "extraneous")?, &changed)?;
    let mut deletes = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    deletes.job["deleteUpTo"] = json!(changed - 1);
    deletes.run()?.failed(api::Exit::Conflict, &["may be removed: none was", "deleteUpTo"])?;
    deletes.job["deleteUpTo"] = json!(changed);
    let report = deletes.run()?.report()?;
    same("removed", &number(&report, "removed")?, &changed)?;
    none_differ(&source.folder("shop"), &target.folder("shop"))?;
    nothing_to_do(&job.run()?.report()?, all - changed as usize)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn one_server_copies_by_itself_large_objects_in_parts() -> Result<()> {
    let server = Versity::start(&["live", "copy"]).await?;
    shelf::fill(&server, "live", objects()? / 3).await?;
    shelf::large(&server, "live", "large/film.mp4", megabytes()?).await?;
    let mut job = CopyJob::s3((&server, "live"), (&server, "copy"))?;
    job.job["parts"] = json!({"byItself": 20_000_000, "bytesByItself": 8_000_000});
    let report = job.run()?.report()?;
    println!("{report:#}");
    let all = objects()? / 3 + 1;
    same("way", &report["way"], &json!("byItself"))?;
    same("proved", &number(&report, "proved")?, &(all as u64))?;
    same("large", &number(&report, "large")?, &1)?;
    none_differ(&server.folder("live"), &server.folder("copy"))?;
    nothing_to_do(&job.run()?.report()?, all)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn prefixes_choose_rename_and_mask() -> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    let client = source.client().await?;
    let put = async |key: &str, kind: &str| {
        let asked = client.put_object().bucket("shop").key(key).content_type(kind).metadata("who", "Ann");
        asked.body(format!("personal data in {key}").into_bytes().into()).send().await
    };
    for key in [
        "a/1",
        "a/2",
        "b/1",
        "tmp/1",
        "passports/ann.png",
        "faces/ann.png",
        "faces/ann.json",
        "old/x",
        "old/deep/y",
    ] {
        let kind = if key.ends_with("png") { "image/png" } else { "application/json" };
        put(key, kind).await?;
    }
    let mut job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    job.job["prefixes"] = json!({"exclude": ["tmp/"], "rename": {"old/": "new/"}});
    job.job["masks"] = json!({"prefixes": {"passports/": "drop", "faces/": "placeholder"}});
    let report = job.run()?.report()?;
    println!("{report:#}");
    same("dropped", &number(&report, "dropped")?, &1)?;
    same("placeholders", &number(&report, "placeholders")?, &2)?;
    let there = target.client().await?;
    let listed = there.list_objects_v2().bucket("shop").send().await?;
    let names: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.starts_with(".outboard-copy/")).collect();
    same(
        "names",
        &names,
        &vec!["a/1", "a/2", "b/1", "faces/ann.json", "faces/ann.png", "new/deep/y", "new/x"],
    )?;
    let face = there.get_object().bucket("shop").key("faces/ann.png").send().await?;
    same("its type", &face.content_type(), &Some("image/png"))?;
    ensure!(face.metadata().is_none_or(std::collections::HashMap::is_empty), "metadata was copied");
    let content = face.body.collect().await?.into_bytes();
    ensure!(content.starts_with(b"\x89PNG"), "{content:?}");
    same("other content", &number(&job.run()?.report()?, "copied")?, &0)?;

    // What is masked by now must not be there from before.
    job.job["existing"] = json!("replace");
    job.job["masks"] = json!({"prefixes": {"a/": "drop", "passports/": "drop", "faces/": "placeholder"}});
    job.run()?.failed(api::Exit::Conflict, &["2 objects that are masked by `drop`", "deleteUpTo"])?;
    job.job["deleteUpTo"] = json!(10);
    same("removed", &number(&job.run()?.report()?, "removed")?, &2)?;

    put("new/z", "text/plain").await?;
    job.run()?.failed(api::Exit::Conflict, &["below `new/`, where renamed ones would lie"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn a_copy_that_is_killed_ten_times_is_taken_up_where_it_was() -> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", objects()?).await?;
    shelf::large(&source, "shop", "large/film.mp4", megabytes()?).await?;
    let all = objects()? + 1;
    // About so long that it can be killed in the middle of everything.
    let rate = (objects()? as u64 / 8).max(50);
    let job = CopyJob::s3((&source, "shop"), (&target, "shop"))?.limits(json!({"requestsPerSecond": rate}));
    let mut written = vec![];
    for kill in 0..10 {
        let mut copy = job.start(&[])?;
        let wait = rand::rng().random_range(0..1500);
        // Once it has its turn, then by chance.
        copy.until("the first object", |event| event["event"] == "first" || event["event"] == "report")?;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        copy.kill()?;
        written.push(shelf::count(&target.folder("shop"))?);
        println!("kill {kill}: {} objects are there", written.last().copied().unwrap_or_default());
    }
    let last = written.last().copied().unwrap_or_default();
    ensure!(last > written[0], "nothing was added: {written:?}");
    let job = job.limits(json!({}));
    let ended = job.run()?;
    ended.first("resumed")?;
    let report = ended.report()?;
    println!("{report:#}");
    none_differ(&source.folder("shop"), &target.folder("shop"))?;
    let kept = number(&report, "equal")?;
    ensure!(kept + number(&report, "copied")? == all as u64, "{report:#}");
    // Of what was there nearly all holds; those that were under way when it was killed are sent again.
    ensure!(kept as usize + 300 >= last, "{kept} of {last} hold: {report:#}");
    nothing_to_do(&job.run()?.report()?, all)?;
    let turn = target.folder("shop").join(".outboard-copy/turn");
    ensure!(!turn.exists(), "it still holds its turn");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn ten_thousand_keys_of_one_beginning_are_listed_by_many_and_the_first_is_there_at_once() -> Result<()>
{
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    // As somebody else would have put them there.
    let folder = source.folder("shop").join("customers/uploads/2026");
    for at in 0..100 {
        std::fs::create_dir_all(folder.join(format!("{at:02}")))?;
        for object in 0..100 {
            std::fs::write(folder.join(format!("{at:02}/{object:03}.txt")), format!("{at} {object}"))?;
        }
    }
    let job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    let report = job.run()?.report()?;
    println!("{report:#}");
    same("copied", &number(&report, "copied")?, &10_000)?;
    same("on the target", &shelf::count(&target.folder("shop"))?, &10_000)?;
    ensure!(number(&report, "ranges")? > 4, "{report:#}");
    let first = report["secondsToFirst"].as_f64().context("no first object")?;
    ensure!(first < 2.0, "the first object was there after {first} s");
    nothing_to_do(&job.run()?.report()?, 10_000)
}
