//! Copies of S3 that cannot go well, or not at once: told before anything is touched, waited for, or taken up again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::{Value, json};
use stories::shelf::{self, none_differ};
use stories::stumbling::{Rule, Stumble, Stumbling};
use stories::versity::Versity;
use stories::{CopyJob, number, same};

const OBJECTS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn a_store_is_trusted_by_the_certificates_that_the_job_names() -> Result<()> {
    let (source, target) = (Versity::start_tls(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", 100).await?;
    let mut job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    // Nobody whom everybody trusts signed it.
    job.run()?.failed(Exit::Failure, &["the source at https://127.0.0.1", "cannot be reached"])?;
    job.job["source"]["tls"] = json!({"caFile": source.authority().with_file_name("server.key")});
    job.run()?.failed(Exit::Invalid, &["source/tls/caFile", "has no certificate in PEM"])?;
    job.job["source"]["tls"] = json!({"caFile": source.authority()});
    let report = job.run()?.report()?;
    same("copied", &number(&report, "copied")?, &100)?;
    none_differ(&source.folder("shop"), &target.folder("shop"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn what_cannot_go_well_is_told_before_anything_is_touched() -> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", 200).await?;
    let client = target.client().await?;
    client.put_object().bucket("shop").key("precious").body(b"1".to_vec().into()).send().await?;
    let job = || CopyJob::s3((&source, "shop"), (&target, "shop"));

    job()?
        .run()?
        .failed(Exit::Conflict, &["the target is not empty: it has `precious`", "existing: replace"])?;

    let mut nowhere = job()?;
    nowhere.job["source"]["bucket"] = json!("nowhere");
    nowhere
        .run()?
        .failed(Exit::Failure, &["the source failed while listing", "NoSuchBucket", "correct the bucket"])?;

    let mut wrong = job()?;
    wrong.job["source"]["accessKey"] = json!("nobody");
    wrong.run()?.failed(Exit::Forbidden, &["the source refuses user nobody", "InvalidAccessKeyId"])?;

    let mut away = job()?;
    away.job["target"]["endpoint"] = json!("http://127.0.0.1:1");
    away.run()?.failed(Exit::Failure, &["the target at http://127.0.0.1:1/shop cannot be reached"])?;

    // It is there, and somebody else's.
    source.user("stranger", "stranger-secret")?;
    let secret = tempfile::NamedTempFile::new()?;
    std::fs::write(secret.path(), "stranger-secret\n")?;
    let mut of_others = job()?;
    of_others.job["source"]["accessKey"] = json!("stranger");
    of_others.job["source"]["secretKeyFile"] = json!(secret.path());
    of_others
        .run()?
        .failed(Exit::Failure, &["the source failed while listing", "AccessDenied", "s3:ListBucket"])?;

    let skewed = Stumbling::before(target.port, Arc::new(|_, _, _| Stumble::Skewed)).await?;
    let mut late = job()?;
    late.job["target"]["endpoint"] = json!(skewed.endpoint());
    late.run()?.failed(
        Exit::Failure,
        &["RequestTimeTooSkewed", "set the clock of this machine, or that of the target"],
    )?;

    let mut bad = job()?;
    bad.job["limits"] = json!({"transfers": 0});
    bad.job["prefixes"] = json!({"rename": {"a/": "x/", "b/": "x/"}});
    bad.run()?
        .failed(Exit::Invalid, &["has to be between 1 and 1024", "two beginnings would become `x/`"])?;

    let ended = job()?.start(&["--scan"])?.end()?;
    ended.failed(Exit::Conflict, &["masks are proposed for columns"])?;
    same("nothing was touched", &shelf::count(&target.folder("shop"))?, &1)?;

    // Two at once would write over each other.
    let mut slow = job()?.limits(json!({"requestsPerSecond": 20}));
    slow.job["existing"] = json!("replace");
    let mut first = slow.start(&[])?;
    first.until("the first object", |event| event["event"] == "first")?;
    let mut second = job()?;
    second.job["existing"] = json!("skip");
    second.run()?.failed(Exit::Conflict, &["another copy is writing to the target"])?;
    first.kill()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn a_copy_that_is_counted_and_told_to_stop_gives_its_turn_back_and_the_next_one_goes_on_at_once()
-> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", OBJECTS).await?;
    let mut job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    job.job["count"] = json!(true);
    let planned = job.start(&["--dry-run"])?.end()?;
    let plan = planned.first("plan")?;
    same("objects", &(&plan["objectsAtLeast"], &plan["more"]), &(&json!(OBJECTS), &Value::Null))?;

    let job = job.limits(json!({"requestsPerSecond": OBJECTS / 5}));
    let mut copy = job.start(&[])?;
    let counted = copy.until("all are counted", |event| event["listed"] == json!(true))?;
    println!("{counted}");
    same("objects", &number(&counted, "ofObjects")?, &(OBJECTS as u64))?;
    ensure!(
        number(&counted, "objects")? < OBJECTS as u64 && number(&counted, "secondsLeft")? > 0,
        "{counted}"
    );
    // Some of what is under way is in the middle of something.
    let ended = copy.terminate()?.failed(Exit::Interrupted, &[])?;
    ensure!(ended.first("failed").is_err() && ended.first("report").is_err(), "{:#?}", ended.events);
    let turn = target.folder("shop").join(".outboard-copy/turn");
    ensure!(!turn.exists(), "it still holds its turn");

    let report = job.limits(json!({})).run()?.report()?;
    println!("{report:#}");
    ensure!(number(&report, "equal")? > 0, "{report:#}");
    let first = report["secondsToFirst"].as_f64().context("no first object")?;
    ensure!(first < 8.0, "it waited for a turn that nobody has: {first} s");
    none_differ(&source.folder("shop"), &target.folder("shop"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn endpoints_that_go_away_in_the_middle_are_waited_for() -> Result<()> {
    let (mut source, mut target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", OBJECTS).await?;
    shelf::large(&source, "shop", "large/film.mp4", 24).await?;
    let job =
        CopyJob::s3((&source, "shop"), (&target, "shop"))?.limits(json!({"requestsPerSecond": OBJECTS / 2}));
    let mut copy = job.start(&[])?;
    let copied = |event: &Value, least: usize| event["copied"].as_u64() >= Some(least as u64);
    copy.until("objects", |event| copied(event, OBJECTS / 10))?;
    target.crash()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    target.up().await?;
    copy.until("more objects", |event| copied(event, OBJECTS / 4))?;
    source.crash()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    source.up().await?;
    job.limits(json!({})).write()?;
    let report = copy.end()?.report()?;
    println!("{report:#}");
    none_differ(&source.folder("shop"), &target.folder("shop"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn stores_that_stumble_get_less_to_do_and_everything_in_the_end() -> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", OBJECTS).await?;
    // Answers of listings, objects and writes, cut off at any place, refused, or lost.
    let rule: Rule = Arc::new(|method, _, before| match (method, before % 23) {
        (_, 5) if before > 4 => Stumble::SlowDown,
        ("PUT", 7 | 11) => Stumble::CutAfter(0),
        ("GET", 13) => Stumble::CutAfter(150),
        ("GET", 17) => Stumble::CutAfter(900),
        (_, 19) => Stumble::InternalError,
        _ => Stumble::No,
    });
    let before = Stumbling::before(source.port, rule.clone()).await?;
    let behind = Stumbling::before(target.port, rule).await?;
    let mut job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    job.job["source"]["endpoint"] = json!(before.endpoint());
    job.job["target"]["endpoint"] = json!(behind.endpoint());
    let report = job.run()?.report()?;
    println!("{} and {} stumbles: {report:#}", before.stumbled(), behind.stumbled());
    ensure!(before.stumbled() > 50 && behind.stumbled() > 50, "it hardly stumbled");
    ensure!(number(&report, "slowDowns")? > 50, "{report:#}");
    none_differ(&source.folder("shop"), &target.folder("shop"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn objects_that_may_not_be_read_are_told_and_the_others_are_copied() -> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", 300).await?;
    source.user("reader", "reader-secret")?;
    let mut policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["reader"]}, "Action": "s3:*",
         "Resource": ["arn:aws:s3:::shop", "arn:aws:s3:::shop/*"]},
        {"Effect": "Deny", "Principal": {"AWS": ["reader"]}, "Action": "s3:GetObject",
         "Resource": ["arn:aws:s3:::shop/plain/*"]},
    ]});
    let client = source.client().await?;
    client.put_bucket_policy().bucket("shop").policy(policy.to_string()).send().await?;
    let mut job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    job.job["source"]["accessKey"] = json!("reader");
    let secret = tempfile::NamedTempFile::new()?;
    std::fs::write(secret.path(), "reader-secret\n")?;
    job.job["source"]["secretKeyFile"] = json!(secret.path());
    job.run()?.failed(
        Exit::Failure,
        &["25 objects were not copied", "plain/000000.txt: the source: may not be read", "denied: skip"],
    )?;
    same("the others", &shelf::count(&target.folder("shop"))?, &275)?;
    job.job["denied"] = json!("skip");
    let report = job.run()?.report()?;
    same("not copied", &number(&report, "notCopiedCount")?, &25)?;
    same("equal", &number(&report, "equal")?, &275)?;
    // A store that cannot have what another has.
    policy["Statement"].as_array_mut().map(Vec::pop);
    client.put_bucket_policy().bucket("shop").policy(policy.to_string()).send().await?;
    let there = target.client().await?;
    there.put_object().bucket("shop").key("plain").body(b"a file".to_vec().into()).send().await?;
    same("cannot be there", &number(&job.run()?.report()?, "notCopiedCount")?, &25)?;
    there.delete_object().bucket("shop").key("plain").send().await?;
    same("copied by now", &number(&job.run()?.report()?, "copied")?, &25)?;
    none_differ(&source.folder("shop"), &target.folder("shop"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs versitygw"]
async fn objects_that_change_while_they_are_copied_are_taken_as_they_are_then() -> Result<()> {
    let (source, target) = (Versity::start(&["shop"]).await?, Versity::start(&["shop"]).await?);
    shelf::fill(&source, "shop", 600).await?;
    let job = CopyJob::s3((&source, "shop"), (&target, "shop"))?.limits(json!({"requestsPerSecond": 200}));
    let mut copy = job.start(&[])?;
    copy.until("the first object", |event| event["event"] == "first")?;
    // All were listed by then; most were not read.
    let client = source.client().await?;
    let mut gone = 0;
    for at in (0..600).rev().step_by(3) {
        client
            .put_object()
            .bucket("shop")
            .key(shelf::name(at))
            .body(b"changed since".to_vec().into())
            .send()
            .await?;
    }
    for at in (1..600).rev().step_by(40) {
        client.delete_object().bucket("shop").key(shelf::name(at)).send().await?;
        gone += 1;
    }
    job.limits(json!({})).write()?;
    let report = copy.end()?.report()?;
    println!("{gone} removed: {report:#}");
    ensure!(number(&report, "changed")? > 0 && number(&report, "gone")? > 0, "{report:#}");
    let mut job = CopyJob::s3((&source, "shop"), (&target, "shop"))?;
    job.job["deleteUpTo"] = json!(100);
    job.run()?.report()?;
    none_differ(&source.folder("shop"), &target.folder("shop"))
}
