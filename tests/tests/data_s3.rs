//! Objects of S3, copied between two endpoints and within one: odd names, headers, metadata, tags, large ones; masked,
//! renamed, killed and taken up again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::{Value, json};
use stories::shelf::{self, none_differ};
use stories::versity::Versity;
use stories::{CopyJob, RunningCopy, number, same, size};

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

/// Files that were put there by hand have none of the attributes that a copy of them has.
fn same_content(source: &Versity, target: &Versity) -> Result<()> {
    let (content, _) = shelf::differing(&source.folder("shop"), &target.folder("shop"))?;
    same("objects that differ", &content, &0)
}

/// Several of one start; what each reports.
fn together(job: &CopyJob, of: usize, start: &str) -> Result<Vec<Value>> {
    let shares = (0..of).map(|index| format!("{index}/{of}@{start}"));
    let copies = shares.map(|share| job.start(&["--share", &share])).collect::<Result<Vec<_>>>()?;
    copies.into_iter().map(|copy| copy.end()?.report()).collect()
}

fn sum(reports: &[Value], name: &str) -> Result<u64> {
    reports.iter().map(|report| number(report, name)).sum()
}

fn writes(reports: &[Value]) -> u64 {
    reports.iter().filter_map(|report| report["targetAsked"]["writes"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn several_copy_the_objects_of_a_bucket_together_and_whoever_is_killed_is_taken_up() -> Result<()> {
    const SEVERAL: usize = 3;
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", objects()?).await?;
    // Where most keys begin alike, and more than a listing tells at once.
    let folder = source.folder("shop").join("many/of/one/beginning");
    std::fs::create_dir_all(&folder)?;
    for at in 0..4_000 {
        std::fs::write(folder.join(format!("{at:05}.txt")), format!("{at}"))?;
    }
    let all = objects()? as u64 + 4_000;
    let mut job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    job.start(&["--share", "0/2@a"])?.end()?.failed(api::Exit::Invalid, &["/existing: has to be said"])?;
    job.job["existing"] = json!("replace");

    // One of them is killed in the middle; in a cluster the others would be ended, too.
    let slow = json!({"requestsPerSecond": all / 8});
    let limited = job.limits(slow);
    let mut copies = (0..SEVERAL)
        .map(|index| limited.start(&["--share", &format!("{index}/{SEVERAL}@first")]))
        .collect::<Result<Vec<_>>>()?;
    for copy in &mut copies {
        copy.until("some objects", |event| {
            event["event"] == "report" || event["copied"].as_u64().is_some_and(|copied| copied > 150)
        })?;
    }
    for copy in copies {
        copy.kill()?;
    }
    let there = shelf::count(&target.folder("shop"))? as u64;
    ensure!(there > 0 && there < all, "{there} objects were there");
    let mut job = limited.limits(json!({}));
    let reports = together(&job, SEVERAL, "second")?;
    println!("{reports:#?}");
    same("objects", &sum(&reports, "objects")?, &all)?;
    same("each once", &(sum(&reports, "copied")? + sum(&reports, "equal")?), &all)?;
    ensure!(sum(&reports, "equal")? > 0, "nothing was taken up");
    for report in &reports {
        // It has cut so finely that nobody has most of it.
        let mine = number(report, "objects")?;
        ensure!(mine > all / 10 && mine < all * 6 / 10, "{mine} of {all}: {report:#}");
    }
    same_content(&source, &target)?;

    // What only the target has goes once, and only if it is no more than was said, of all of them together.
    for at in 0..10 {
        std::fs::write(target.folder("shop").join(format!("left-{at}.txt")), "only here")?;
        std::fs::write(target.folder("shop").join("many/of/one/beginning").join(format!("x{at}")), "here")?;
    }
    job.job["deleteUpTo"] = json!(19);
    let shares = (0..SEVERAL).map(|index| format!("{index}/{SEVERAL}@third"));
    let copies = shares.map(|share| job.start(&["--share", &share])).collect::<Result<Vec<_>>>()?;
    let ended = copies.into_iter().map(RunningCopy::end).collect::<Result<Vec<_>>>()?;
    same("who refuses", &ended.iter().filter(|ended| ended.code != Some(0)).count(), &1)?;
    let refused = ended.into_iter().find(|ended| ended.code != Some(0)).context("nobody refused")?;
    refused.failed(api::Exit::Conflict, &["the target has 20 objects", "19 may be removed: none was"])?;
    job.job["deleteUpTo"] = json!(20);
    let reports = together(&job, SEVERAL, "fourth")?;
    same("removed", &(sum(&reports, "extraneous")?, sum(&reports, "removed")?), &(20, 20))?;
    same_content(&source, &target)?;

    // Nothing to do: no object is written, and little asked.
    let reports = together(&job, SEVERAL, "fifth")?;
    same("nothing to do", &(sum(&reports, "copied")?, sum(&reports, "equal")?), &(0, all))?;
    same("writes", &writes(&reports), &0)?;
    let requests: u64 = reports.iter().map(requests).sum();
    ensure!(requests < 400 + all / 50, "{requests} requests");
    println!("nothing to do, by {SEVERAL}: {requests} requests");

    // Another number of them, and one alone, go on with what these have left.
    same("by two", &sum(&together(&job, 2, "sixth")?, "equal")?, &all)?;
    let report = job.run()?.report()?;
    same("by one", &(number(&report, "equal")?, number(&report, "copied")?), &(all, 0))?;
    let turn = target.folder("shop").join(".outboard-copy/turn");
    ensure!(!turn.exists(), "it still holds its turn");
    Ok(())
}
