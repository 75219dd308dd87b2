//! Redis, copied while it is written to: keys of every type with their ends, groups and all, sixteen databases, large
//! keys; masked, renamed, killed and taken up again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::{Value, json};
use stories::pantry::{self, Writer, differences};
use stories::redis_server::{RedisServer, words};
use stories::{CopyJob, number, same, size, until};

/// `KEYS=200000` for the full size.
fn keys() -> Result<u64> {
    size("KEYS", 20_000)
}

/// Elements of a large key: they take more than a megabyte.
const LARGE: u64 = 30_000;

/// Commands that change a key.
const WRITES: &[&str] = &[
    "restore",
    "set",
    "unlink",
    "del",
    "rename",
    "hset",
    "sadd",
    "zadd",
    "rpush",
    "xadd",
    "append",
    "pexpireat",
];

fn none_differ(differing: &[String]) -> Result<()> {
    let first: Vec<&String> = differing.iter().take(5).collect();
    ensure!(differing.is_empty(), "{} keys differ: {first:#?}", differing.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn keys_of_every_type_are_copied_while_they_are_written_to_and_another_run_writes_nothing() -> Result<()>
{
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, keys()?).await?;
    pantry::large(&source, LARGE).await?;
    let writer = Writer::start(&source).await?;
    until("the writer writes", Duration::from_secs(30), async || {
        Ok((writer.writes.load(std::sync::atomic::Ordering::Relaxed) > 500).then_some(()))
    })
    .await?;
    let mut job = CopyJob::redis(&source, &target)?;
    let report = job.run()?.report()?;
    println!("{report:#}");
    let writes = writer.stop().await?;
    same("passes", &report["passes"], &json!(2))?;
    same("path", &report["path"], &json!("payloads"))?;
    same("large keys", &(number(&report, "large")? >= 20), &true)?;
    same("functions", &report["functions"], &json!(1))?;
    ensure!(number(&report, "changed")? > 0 && writes > 0, "{report:#}");
    ensure!(number(&report, "peakMemoryBytes")? < 200 << 20, "{report:#}");
    // What nobody wrote to is the same to the servers themselves.
    none_differ(&differences(&source, &target, "hot:").await?)?;
    same("a function", &target.ask::<i64>(words("FCALL twice 0 21")).await?, &42)?;

    // Once it is quiet another run takes the rest, and the next one finds nothing to do.
    job.job["existing"] = json!("wipe");
    job.run()?.report()?;
    none_differ(&differences(&source, &target, "").await?)?;
    // Nothing ends between the two.
    let before = target.asked(WRITES).await?;
    let report = job.run()?.report()?;
    println!("nothing to do: {report:#}");
    same("copied", &report["copied"], &json!(0))?;
    same("removed", &report["removed"], &json!(0))?;
    same("writes", &report["targetAsked"]["writes"], &json!(0))?;
    same("passes", &report["passes"], &json!(1))?;
    // Its turn, its job and what it tries out are all that it wrote.
    ensure!(target.asked(WRITES).await? - before < 100, "it wrote something");
    let trips = number(&report["sourceAsked"], "roundTrips")?;
    ensure!(trips < number(&report, "keys")? / 10, "{trips} round trips for {} keys", report["keys"]);
    let left: Vec<String> = target.ask(words("KEYS outboard:*")).await?;
    same("nothing of the copy is left", &left, &vec![])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_copy_that_is_killed_ten_times_is_right_in_the_end() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, keys()?).await?;
    pantry::large(&source, LARGE).await?;
    let writer = Writer::start(&source).await?;
    let mut job = CopyJob::redis(&source, &target)?.limits(json!({"keysPerSecond": keys()? / 8}));
    job.job["existing"] = json!("wipe");
    for round in 0..10 {
        let looks = { rand::rng().random_range(1..4) };
        let mut copy = job.start(&[])?;
        for _ in 0..looks {
            let looked = |event: &Value| event["event"] == "progress" || event["event"] == "report";
            if copy.until("progress", looked)?["event"] == "report" {
                break;
            }
        }
        // And not only where it tells something.
        let moment = { rand::rng().random_range(0..400) };
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let events = copy.kill()?;
        println!("round {round}: {}", events.last().context("no event")?);
    }
    writer.stop().await?;
    let report = job.limits(json!({})).run()?.report()?;
    println!("{report:#}");
    ensure!(number(&report, "equal")? > keys()? / 20, "nothing was taken up: {report:#}");
    none_differ(&differences(&source, &target, "").await?)?;
    let left: Vec<String> = target.ask(words("KEYS outboard:*")).await?;
    same("nothing of the copy is left", &left, &vec![])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn what_differs_is_repaired_and_what_is_too_many_goes_only_if_it_is_asked_for() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 2_000).await?;
    let mut job = CopyJob::redis(&source, &target)?;
    job.run()?.report()?;
    for command in
        ["SET text:0 other", "LPUSH list:80 more", "HSET user:48 email x", "PERSIST text:0", "SET extra 1"]
    {
        target.ask::<redis::Value>(words(command)).await?;
    }
    target.ask::<redis::Value>(words("XADD feed:128 * a b")).await?;

    job.job["existing"] = json!("skip");
    let report = job.run()?.report()?;
    ensure!(number(&report, "skipped")? > 1_000 && number(&report, "copied")? == 0, "{report:#}");
    same("it was left", &target.ask::<String>(words("GET text:0")).await?, &"other".to_owned())?;

    job.job["existing"] = json!("replace");
    let report = job.run()?.report()?;
    ensure!(number(&report, "copied")? == 4, "{report:#}");
    none_differ(&differences(&source, &target, "extra").await?)?;
    same("it stays", &target.ask::<i64>(words("EXISTS extra nothing")).await?, &1)?;

    job.job["existing"] = json!("wipe");
    let report = job.run()?.report()?;
    ensure!(number(&report, "removed")? >= 1, "{report:#}");
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn some_keys_are_copied_under_other_names_and_the_rest_is_let_alone() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 2_000).await?;
    target.ask::<redis::Value>(words("MSET qa:old 1 other 2")).await?;
    source.ask::<redis::Value>(words("MSET user:twice 1 qa:twice 2")).await?;
    let mut job = CopyJob::redis(&source, &target)?;
    job.job["databases"] = json!([0]);
    job.job["keys"] =
        json!({"include": ["user:*", "session:*", "qa:*"], "exclude": ["*0"], "rename": {"user:": "qa:"}});
    job.job["existing"] = json!("wipe");
    let report = job.run()?.report()?;
    same(
        "not copied",
        &report["notCopied"],
        &json!(["database 0: user:twice would become qa:twice, as another"]),
    )?;
    let names: Vec<String> = target.ask(words("KEYS *")).await?;
    ensure!(
        names.iter().any(|name| name.starts_with("qa:"))
            && names.iter().any(|name| name.starts_with("session:")),
        "{names:?}"
    );
    ensure!(!names.iter().any(|name| name.starts_with("user:") || name.starts_with("text:")), "{names:?}");
    ensure!(!names.contains(&"qa:old".to_owned()) && names.contains(&"other".to_owned()), "{names:?}");
    let renamed = names.iter().filter_map(|name| name.strip_prefix("qa:")).filter(|name| *name != "twice");
    for name in renamed.take(20) {
        let (there, here): (Vec<String>, Vec<String>) = (
            source.ask(words(&format!("HMGET user:{name} email name visits"))).await?,
            target.ask(words(&format!("HMGET qa:{name} email name visits"))).await?,
        );
        same("a hash under another name", &here, &there)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn masked_values_are_the_same_wherever_they_stand_and_in_every_run() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 4_000).await?;
    let mail = pantry::email(51);
    for command in [
        format!("SET session:same {{\"email\":\"{mail}\",\"gone\":null}}"),
        format!("SET mail:3 {mail}"),
        format!("SADD mails {mail} {}", pantry::email(52)),
        "HSET user:nothing name x".to_owned(),
        "EXPIRE mail:3 5000".to_owned(),
    ] {
        source.ask::<redis::Value>(words(&command)).await?;
    }
    let rules = json!([
        {"keys": "user:*", "field": "email", "mask": "email"},
        {"keys": "user:*", "field": "name", "mask": "name"},
        {"keys": "session:*", "mask": {"json": {"$.email": "email", "$.items[*].note": "hash"}}},
        {"keys": "mail:*", "mask": "email"},
        {"keys": "mails", "mask": "email"},
        {"keys": "feed:*", "field": "who", "mask": "email"},
    ]);
    let mut job = CopyJob::redis(&source, &target)?.mask_values(&rules);
    let report = job.run()?.report()?;
    println!("{report:#}");
    ensure!(number(&report, "masked")? > 500 && number(&report, "valuesLookedFor")? > 500, "{report:#}");
    let hash: String = target.ask_in(3, words("HGET user:51 email")).await?;
    let document: Value = serde_json::from_str(&target.ask::<String>(words("GET session:same")).await?)?;
    ensure!(hash.ends_with("@example.com") && hash != mail, "{hash}");
    same("in a document", &document, &json!({"email": hash, "gone": null}))?;
    same("in a string", &target.ask::<String>(words("GET mail:3")).await?, &hash)?;
    same("in a set", &target.ask::<bool>(words(&format!("SISMEMBER mails {hash}"))).await?, &true)?;
    same("its end", &(target.ask::<i64>(words("TTL mail:3")).await? > 4_000), &true)?;
    same("nothing stays nothing", &target.ask::<i64>(words("HEXISTS user:nothing email")).await?, &0)?;
    let there: redis::Value = source.ask_in(8, words("XPENDING feed:136 mail")).await?;
    same("groups stay", &target.ask_in::<redis::Value>(8, words("XPENDING feed:136 mail")).await?, &there)?;

    // Another run finds all of it as it should be; another server has the same.
    job.job["existing"] = json!("replace");
    let report = job.run()?.report()?;
    same("copied again", &report["copied"], &json!(0))?;
    let other = RedisServer::start(&[]).await?;
    CopyJob::redis(&source, &other)?.mask_values(&rules).run()?.report()?;
    none_differ(&differences(&target, &other, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn what_no_rule_names_stays_behind_if_the_job_says_so_and_goes_if_it_was_there() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 2_000).await?;
    let rules = json!([
        {"keys": "user:*", "field": "email", "mask": "email"},
        {"keys": "list:*", "mask": "keep"},
    ]);
    let mut job = CopyJob::redis(&source, &target)?.mask_values(&rules);
    job.job["masks"]["deny"] = json!(true);
    job.job["existing"] = json!("wipe");
    // As a copy without masks left it.
    target.ask_in::<redis::Value>(2, words("SET session:34 x")).await?;
    let report = job.run()?.report()?;
    println!("{report:#}");
    ensure!(number(&report, "leftOut")? > 500 && number(&report, "removed")? >= 1, "{report:#}");
    let others: Vec<String> = target.ask_in(2, words("KEYS [^ul]*")).await?;
    same("others", &others, &vec![])?;
    let user: Vec<String> = target.ask_in(1, words("HVALS user:49")).await?;
    ensure!(user.len() == 3 && user.iter().filter(|value| value.is_empty()).count() == 2, "{user:?}");
    let list: Vec<String> = target.ask_in(1, words("LRANGE list:81 0 -1")).await?;
    same("a list", &list, &source.ask_in(1, words("LRANGE list:81 0 -1")).await?)?;
    let again = job.run()?.report()?;
    same("copied again", &again["copied"], &json!(0))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_masked_value_that_stands_elsewhere_is_found_and_does_not_get_there() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 1_000).await?;
    let mail = pantry::email(51);
    for command in
        [format!("SET note:1 call_{mail}_back"), format!("SET seen:{mail} 1"), format!("RPUSH log a {mail}")]
    {
        source.ask_in::<redis::Value>(2, words(&command)).await?;
    }
    let rules = json!([
        {"keys": "user:*", "field": "email", "mask": "email"},
        {"keys": "session:*", "mask": {"json": {"$.email": "email"}}},
        {"keys": "feed:*", "field": "who", "mask": "email"},
    ]);
    let ended = CopyJob::redis(&source, &target)?.mask_values(&rules).run()?;
    let ended = ended.failed(
        api::Exit::Invalid,
        &["note:…: 1 rows hold a value of", "names of seen:…: 1 rows hold a value of"],
    )?;
    ensure!(!ended.stderr.contains("example.org"), "it shows the value: {}", ended.stderr);
    let left: u64 = target.ask_in(2, words(&format!("EXISTS note:1 seen:{mail} log"))).await?;
    same("it is not there", &left, &0)?;

    // Masked, left out or said to be meant, it is fine.
    let mut more = rules.as_array().cloned().unwrap_or_default();
    more.push(json!({"keys": "note:*", "mask": "keep"}));
    more.push(json!({"keys": "log", "mask": "hash"}));
    let mut job = CopyJob::redis(&source, &target)?.mask_values(&json!(more));
    job.job["keys"] = json!({"exclude": ["seen:*"]});
    job.run()?.report()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis 8"]
async fn what_an_older_server_does_not_read_is_copied_by_what_it_means_and_the_plan_says_so() -> Result<()> {
    let (source, target) = (RedisServer::start8(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 4_000).await?;
    pantry::large(&source, LARGE).await?;
    let mut job = CopyJob::redis(&source, &target)?;
    let plan = job.start(&["--dry-run"])?.end()?;
    let notes = plan.first("plan")?["notes"].to_string();
    ensure!(notes.contains("does not read what Redis 8"), "{notes}");
    same("nothing was written", &target.ask::<u64>(words("DBSIZE")).await?, &0)?;
    let report = job.run()?.report()?;
    println!("{report:#}");
    same("path", &report["path"], &json!("commands"))?;
    none_differ(&differences(&source, &target, "").await?)?;
    job.job["existing"] = json!("replace");
    same("copied again", &job.run()?.report()?["copied"], &json!(0))?;

    // The other way it reads them as they are, lives of fields too.
    let newer = RedisServer::start8(&[]).await?;
    source.ask::<redis::Value>(words("HSET lives a 1 b 2")).await?;
    source.ask::<redis::Value>(words("HPEXPIRE lives 5000000 FIELDS 1 a")).await?;
    let report = CopyJob::redis(&source, &newer)?.run()?.report()?;
    same("path", &report["path"], &json!("payloads"))?;
    none_differ(&differences(&source, &newer, "").await?)?;
    let rules = json!([{"keys": "lives", "mask": "hash"}]);
    let mut job = CopyJob::redis(&source, &newer)?.mask_values(&rules);
    job.job["existing"] = json!("replace");
    job.run()?.report()?;
    let ask = || words("HPEXPIRETIME lives FIELDS 2 a b");
    same("lives of fields", &newer.ask::<Vec<i64>>(ask()).await?, &source.ask::<Vec<i64>>(ask()).await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_source_under_load_is_asked_less() -> Result<()> {
    let source = RedisServer::start(&[]).await?;
    // Long enough for it to be felt.
    pantry::fill(&source, keys()?.max(100_000)).await?;
    let mut lines = vec![];
    for (name, limits) in [
        ("without a limit", json!({"latencyMillis": 60_000})),
        ("at most 5 of 100 CPU", json!({"latencyMillis": 60_000, "cpuPercent": 5})),
    ] {
        let target = RedisServer::start(&[]).await?;
        let report = CopyJob::redis(&source, &target)?.limits(limits).run()?.report()?;
        let percent = 100.0 * report["sourceCpuSeconds"].as_f64().unwrap_or(0.0)
            / report["seconds"].as_f64().unwrap_or(1.0);
        let seconds = |fact: &str| report[fact].as_f64().unwrap_or(0.0);
        let ping = report["sourcePingP99Millis"].as_f64().unwrap_or(0.0);
        println!(
            "{name}: {:.1} s, PING p99 {ping:.1} ms, main thread {percent:.0} of 100",
            seconds("seconds")
        );
        lines.push((seconds("seconds"), seconds("throttledSeconds")));
        none_differ(&differences(&source, &target, "").await?)?;
    }
    let [free, held] = lines.as_slice() else { anyhow::bail!("{lines:?}") };
    ensure!(held.0 > free.0 && held.1 > 1.0 && free.1 < 1.0, "{lines:?}");

    // What the job says is the most.
    let target = RedisServer::start(&[]).await?;
    let some = keys()? / 4;
    let job = CopyJob::redis(&source, &target)?.limits(json!({"keysPerSecond": some}));
    let mut copy = job.start(&[])?;
    let event = copy.until("progress", |event| event["event"] == "progress")?;
    ensure!(number(&event, "keys")? < some * 3, "{event}");
    job.limits(json!({})).write()?;
    copy.end()?.report()?;
    none_differ(&differences(&source, &target, "").await?)
}
