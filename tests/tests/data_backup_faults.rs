//! Backups whose store stumbles, whose files are not what was stored, and that are killed: taken up, or told before anything is
//! touched.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::{Value, json};
use stories::pantry::{self, differences};
use stories::redis_server::{self, RedisServer};
use stories::stumbling::{Stumble, Stumbling};
use stories::versity::{self, Versity};
use stories::{CopyJob, same, size, until};

const FOLDER: &str = "outboard/shop/shop/qa/qa-1/";

/// `KEYS=200000` for the full size.
fn keys() -> Result<u64> {
    size("KEYS", 20_000)
}

/// One service's errand beside its job.
struct Errand {
    job: CopyJob,
    said: Value,
}

impl Errand {
    fn new(source: &RedisServer, target: &RedisServer, endpoint: &str) -> Result<Self> {
        let mut job = CopyJob::redis(source, target)?;
        let folder = job.write()?.with_file_name("");
        let secret = folder.join("shelf-secret");
        std::fs::write(&secret, versity::SECRET)?;
        let exchange = folder.join("exchange");
        std::fs::create_dir_all(&exchange)?;
        let said = json!({
            "shelf": {"bucket": "backups", "endpoint": endpoint, "accessKey": versity::KEY, "secretKeyFile": secret},
            "folder": FOLDER, "service": "cache", "store": "redis", "services": ["cache"], "exchange": exchange,
            "source": job.job["source"],
            "about": {
                "backup": "qa-1", "outboard": "0", "install": "outboard", "controlNamespace": "shop", "project": "shop",
                "projectRevision": "p-1", "environment": "qa", "class": "qa",
            },
        });
        // What is brought back comes from a server beside.
        job.job["source"] = json!({"host": "127.0.0.1", "port": 16_000});
        job.job["existing"] = json!("wipe");
        Ok(Self { job, said })
    }

    fn write(&self) -> Result<PathBuf> {
        let folder = self.job.write()?.with_file_name("");
        std::fs::write(folder.join("backup.json"), self.said.to_string())?;
        Ok(folder)
    }

    fn store(&self) -> Result<Value> {
        self.write()?;
        let ended = self.job.start(&["--backup"])?.end()?;
        ensure!(ended.code == Some(0), "{:?}: {}", ended.code, ended.stderr);
        Ok(ended.first("stored")?.clone())
    }

    fn refused(&self, arguments: &[&str], exit: Exit, said: &[&str]) -> Result<()> {
        let folder = self.write()?;
        let _beside = Beside::begin(&folder)?;
        let ended = self.job.start(arguments)?.end()?.failed(exit, said)?;
        println!("{}", ended.stderr.trim());
        Ok(())
    }

    fn restore(&self) -> Result<Value> {
        let folder = self.write()?;
        let _beside = Beside::begin(&folder)?;
        self.job.start(&["--restore"])?.end()?.report()
    }
}

/// What the container beside does, done by a process of the story.
struct Beside(Child);

impl Beside {
    fn begin(folder: &Path) -> Result<Self> {
        let (exchange, scratch) = (folder.join("exchange"), folder.join("scratch"));
        for old in [&exchange, &scratch] {
            let _ = std::fs::remove_dir_all(old);
            std::fs::create_dir_all(old)?;
        }
        let server = redis_server::program("redis", "redis-server")?;
        let script = format!(
            "cd {}; until [ -p dump ]; do sleep 0.1; done; cat dump >{scratch}/dump.rdb; echo $? >ended; \
             exec {} --port 16000 --bind 127.0.0.1 --dir {scratch} --dbfilename dump.rdb --save '' --appendonly no --enable-debug-command yes",
            exchange.display(),
            server.display(),
            scratch = scratch.display(),
        );
        let child =
            Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What anybody reads with the tools of every machine.
fn sha256(file: &Path) -> Result<String> {
    let output = Command::new("sha256sum").arg(file).output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().next().context("no digest")?.to_owned())
}

async fn none_differ(source: &RedisServer, target: &RedisServer) -> Result<()> {
    let found = differences(source, target, "").await?;
    ensure!(found.is_empty(), "{} keys differ: {:#?}", found.len(), found.iter().take(5).collect::<Vec<_>>());
    Ok(())
}

/// Keys of the sample that end within seconds would end between two looks.
async fn settled(server: &RedisServer) -> Result<()> {
    const SCRIPT: &str = "local n = 0; for _, key in ipairs(redis.call('KEYS', '*')) do local left = redis.call('PTTL', key); \
                          if left >= 0 and left < 60000 then n = n + 1 end end; return n";
    until("what ends soon has ended", Duration::from_secs(60), async || {
        let mut left = 0;
        for database in 0..16 {
            left += server.ask_in::<u64>(database, redis::cmd("EVAL").arg(SCRIPT).arg(0).to_owned()).await?;
        }
        Ok((left == 0).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and versitygw"]
async fn keys_come_back_as_they_were_through_a_store_that_stumbles() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, keys()?).await?;
    pantry::fill(&target, 100).await?;
    settled(&source).await?;
    let shelf = Versity::start(&["backups"]).await?;
    // Every third request is too much, every fifth is not answered to its end.
    let rule = |_: &str, _: &str, asked: u64| match asked {
        asked if asked % 3 == 1 => Stumble::SlowDown,
        asked if asked % 5 == 2 => Stumble::CutAfter(40),
        asked if asked % 7 == 3 => Stumble::InternalError,
        _ => Stumble::No,
    };
    let way = Stumbling::before(shelf.port, Arc::new(rule)).await?;
    let errand = Errand::new(&source, &target, &way.endpoint())?;
    let begun = Instant::now();
    let stored = errand.store()?;
    println!("stored in {:.1} s, stumbled {} times: {stored}", begun.elapsed().as_secs_f32(), way.stumbled());
    ensure!(way.stumbled() > 3, "it stumbled {} times", way.stumbled());
    let folder = shelf.folder("backups").join(FOLDER);
    let file = folder.join("cache.rdb.gz");
    same("its digest", &json!(sha256(&file)?), &stored["sha256"])?;
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json"))?)?;
    println!("{manifest:#}");
    same("what the manifest says", &manifest["services"][0]["sha256"], &stored["sha256"])?;
    let held: u64 = {
        let mut held = 0;
        for database in 0..16 {
            held += source.ask_in::<u64>(database, redis::cmd("DBSIZE")).await?;
        }
        held
    };
    same("keys", &manifest["services"][0]["rows"], &json!(held))?;

    // Asked again, it is not stored again.
    let written = std::fs::metadata(&file)?.modified()?;
    errand.store()?;
    same("when it was stored", &std::fs::metadata(&file)?.modified()?, &written)?;

    let begun = Instant::now();
    let report = errand.restore()?;
    println!("brought back in {:.1} s: {}", begun.elapsed().as_secs_f32(), report["guarantee"]);
    none_differ(&source, &target).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and versitygw"]
async fn what_is_not_what_was_stored_is_refused_and_the_target_is_left_as_it_was() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 2_000).await?;
    let shelf = Versity::start(&["backups"]).await?;
    let errand = Errand::new(&source, &target, &shelf.endpoint())?;
    errand.store()?;
    let there = shelf.folder("backups").join(FOLDER);
    let (file, manifest) = (there.join("cache.rdb.gz"), there.join("manifest.json"));
    let (whole, said) = (std::fs::read(&file)?, std::fs::read_to_string(&manifest)?);
    let client = shelf.client().await?;
    let put = async |name: &str, content: Vec<u8>| -> Result<()> {
        let key = format!("{FOLDER}{name}");
        client.put_object().bucket("backups").key(key).body(content.into()).send().await?;
        Ok(())
    };
    let restore = |said: &[&str]| errand.refused(&["--restore"], Exit::Conflict, said);

    let mut other = whole.clone();
    let middle = other.len() / 2;
    other[middle] ^= 0x40;
    put("cache.rdb.gz", other).await?;
    restore(&["cache.rdb.gz of the backup", "nothing was restored", "restore another backup"])?;
    put("cache.rdb.gz", whole[..middle].to_vec()).await?;
    restore(&["bytes, and had", "nothing was restored"])?;
    put("cache.rdb.gz", whole.clone()).await?;
    put("manifest.json", said.replace("\"sha256\": \"", "\"sha256\": \"0").into_bytes()).await?;
    restore(&["its SHA-256 is another"])?;
    put("manifest.json", said.replace("backup/v1", "backup/v9").into_bytes()).await?;
    restore(&["backup/v9", "a newer one"])?;
    put("manifest.json", said.replace("\"service\": \"cache\"", "\"service\": \"hot\"").into_bytes()).await?;
    restore(&["has no cache: it has hot"])?;
    put("manifest.json", b"{".to_vec()).await?;
    restore(&["cannot be read", "restore another backup"])?;
    client.delete_object().bucket("backups").key(format!("{FOLDER}manifest.json")).send().await?;
    restore(&["it has no manifest.json", "outboard env backups"])?;
    same("keys of the target", &target.ask::<u64>(redis::cmd("DBSIZE")).await?, &0)?;

    let mut nowhere = Errand::new(&source, &target, &shelf.endpoint())?;
    nowhere.said["shelf"]["bucket"] = json!("nowhere");
    nowhere.refused(
        &["--backup"],
        Exit::Failure,
        &["NoSuchBucket", "correct the bucket of the target, or make it"],
    )?;
    let mut stranger = Errand::new(&source, &target, &shelf.endpoint())?;
    stranger.said["shelf"]["accessKey"] = json!("nobody");
    stranger.refused(&["--backup"], Exit::Forbidden, &["refuses user nobody"])?;
    let away = Errand::new(&source, &target, "http://127.0.0.1:1")?;
    away.refused(&["--backup"], Exit::Failure, &["cannot be reached"])?;
    let mut gone = Errand::new(&source, &target, &shelf.endpoint())?;
    gone.said["source"]["port"] = json!(1);
    gone.said["folder"] = json!("outboard/shop/shop/qa/qa-2/");
    gone.refused(&["--backup"], Exit::Failure, &["the source at 127.0.0.1:1 cannot be reached"])?;
    ensure!(!shelf.folder("backups").join("outboard/shop/shop/qa/qa-2/manifest.json").exists(), "a manifest");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and versitygw"]
async fn one_that_is_killed_is_begun_anew_and_leaves_nothing_half() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, keys()?).await?;
    settled(&source).await?;
    let shelf = Versity::start(&["backups"]).await?;
    let mut errand = Errand::new(&source, &target, &shelf.endpoint())?;
    errand.job.job["limits"] = json!({"bytesPerSecond": 200_000});
    errand.write()?;
    let mut running = errand.job.start(&["--backup"])?;
    running.until("keys of it", |event| event["event"] == "progress" && event["rows"].as_u64() > Some(0))?;
    running.kill()?;
    let folder = shelf.folder("backups").join(FOLDER);
    ensure!(
        !folder.join("manifest.json").exists() && !folder.join("cache.rdb.gz").exists(),
        "half of it is there"
    );
    errand.job.job["limits"] = json!({});
    errand.store()?;
    let client = shelf.client().await?;
    let uploads = client.list_multipart_uploads().bucket("backups").send().await?;
    same("unfinished uploads", &uploads.uploads().len(), &0)?;
    errand.restore()?;
    none_differ(&source, &target).await?;
    std::io::stdout().flush()?;
    Ok(())
}
