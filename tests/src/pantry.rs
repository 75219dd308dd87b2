//! Keys of every type for stories about copies of Redis, a writer that never rests, and a look at two servers by Redis'
//! own means.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Result;
use rand::RngExt;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, Value};
use tokio::task::JoinHandle;

use crate::redis_server::{RedisDoor, words};

pub const DATABASES: u64 = 16;

const LIBRARY: &str =
    "#!lua name=shop\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)";

/// The e-mail of a customer.
pub fn email(at: u64) -> String {
    format!("customer{at}@mail{}.example.org", at % 7)
}

fn command(name: &str, arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd(name);
    arguments.iter().for_each(|argument| {
        command.arg(*argument);
    });
    command
}

async fn run(conn: &mut MultiplexedConnection, commands: Vec<Cmd>) -> Result<Vec<Value>> {
    let mut pipeline = Pipeline::new();
    let count = commands.len();
    commands.into_iter().for_each(|command| {
        pipeline.add_command(command);
    });
    Ok(Box::pin(conn.send_packed_commands(&pipeline, 0, count)).await?)
}

/// The commands that make one key.
fn key(at: u64) -> Vec<Cmd> {
    let (n, mail) = (at.to_string(), email(at));
    let mut commands = match (at / DATABASES) % 10 {
        0 => vec![command("SET", &[&format!("text:{n}"), &format!("a value of {n}")])],
        1 => vec![command("SET", &[&format!("count:{n}"), &n])],
        2 => {
            let json = format!(r#"{{"email":"{mail}","seen":{n},"items":[{{"note":"n{n}"}}]}}"#);
            vec![command("SET", &[&format!("session:{n}"), &json])]
        }
        3 => vec![command(
            "HSET",
            &[&format!("user:{n}"), "email", &mail, "name", &format!("Given Family{n}"), "visits", &n],
        )],
        4 => vec![command(
            "HSET",
            &[&format!("page:{n}"), "body", &"long words ".repeat(20), "n", &n, "b", "", "c", "1.5"],
        )],
        5 => vec![command("RPUSH", &[&format!("list:{n}"), &n, "two", &"x".repeat(100), "-7", "70000", ""])],
        6 if at.is_multiple_of(2) => {
            vec![command("SADD", &[&format!("tags:{n}"), "red", "green", &n, &"y".repeat(80)])]
        }
        6 => vec![command("SADD", &[&format!("ids:{n}"), &n, "7", "-70000", "5000000000"])],
        7 => vec![command(
            "ZADD",
            &[&format!("rank:{n}"), &format!("{n}.25"), "ann", "-inf", "bob", "0.1", &"z".repeat(70)],
        )],
        8 => stream(&format!("feed:{n}"), 6, |_| "bought".to_owned()),
        _ => vec![command("SET", &[&format!("blob:{n}"), &"many of the same ".repeat(30)])],
    };
    if at.is_multiple_of(3)
        && let Some(name) = commands.first().and_then(name)
    {
        // Some end while they are copied, most do not.
        let millis = if at.is_multiple_of(30) { 1_000 + at % 15_000 } else { 3_600_000 + at };
        commands.push(command("PEXPIRE", &[&name, &millis.to_string()]));
    }
    commands
}

/// The key that a command is about.
fn name(command: &Cmd) -> Option<String> {
    match command.args_iter().nth(1) {
        Some(redis::Arg::Simple(bytes)) => String::from_utf8(bytes.to_vec()).ok(),
        _ => None,
    }
}

/// With two groups; one consumer has what it never acknowledged, one has nothing; entries were deleted.
fn stream(name: &str, entries: u64, what: fn(u64) -> String) -> Vec<Cmd> {
    let mut commands: Vec<Cmd> = (1..=entries)
        .map(|at| command("XADD", &[name, &format!("{at}-{at}"), "who", &email(at), "what", &what(at)]))
        .collect();
    commands.extend([
        command("XGROUP", &["CREATE", name, "mail", "0"]),
        command("XGROUP", &["CREATE", name, "audit", "2-2"]),
        command("XREADGROUP", &["GROUP", "mail", "ann", "COUNT", "3", "STREAMS", name, ">"]),
        command("XREADGROUP", &["GROUP", "mail", "bob", "COUNT", "1", "STREAMS", name, ">"]),
        command("XACK", &[name, "mail", "1-1"]),
        command("XGROUP", &["CREATECONSUMER", name, "audit", "idle"]),
        command("XDEL", &[name, &format!("{entries}-{entries}")]),
    ]);
    commands
}

/// So many keys in 16 databases, and a library of functions. Sixteen in a row are of one type.
pub async fn fill(server: &RedisDoor, keys: u64) -> Result<()> {
    for database in 0..DATABASES {
        let mut conn = server.connect(database.try_into()?).await?;
        let mine: Vec<u64> = (0..keys).filter(|at| at % DATABASES == database).collect();
        for some in mine.chunks(500) {
            run(&mut conn, some.iter().flat_map(|at| key(*at)).collect()).await?;
        }
    }
    server.ask::<Value>(command("FUNCTION", &["LOAD", LIBRARY])).await?;
    Ok(())
}

/// Not like any other, so that a snapshot cannot make much less of them.
fn unlike(at: u64) -> String {
    let part = |part: u64| {
        let mut hasher = DefaultHasher::new();
        (at, part).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    (0..4).map(part).collect()
}

/// 20 keys of so many elements.
pub async fn large(server: &RedisDoor, elements: u64) -> Result<()> {
    for number in 0..20u64 {
        let mut conn = server.connect((number % 4).try_into()?).await?;
        let name = format!("large:{number}");
        if number % 5 == 4 {
            run(&mut conn, stream(&name, elements, unlike)).await?;
            continue;
        }
        for from in (0..elements).step_by(1000) {
            let mut add = match number % 5 {
                0 => command("HSET", &[&name]),
                1 => command("SADD", &[&name]),
                2 => command("ZADD", &[&name]),
                _ => command("RPUSH", &[&name]),
            };
            for at in from..(from + 1000).min(elements) {
                let element = format!("element {at} of {name}: {}", unlike(at));
                match number % 5 {
                    0 => add.arg(element).arg(at),
                    2 => add.arg(at as f64 / 3.0).arg(element),
                    _ => add.arg(element),
                };
            }
            run(&mut conn, vec![add]).await?;
        }
    }
    Ok(())
}

/// Changes, adds and removes keys that are called `hot:…`, and pushes to a large list, until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    pub writes: Arc<AtomicU64>,
    task: JoinHandle<Result<()>>,
}

impl Writer {
    pub async fn start(server: &RedisDoor) -> Result<Self> {
        let (stop, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut conns = vec![];
        for database in 0..3 {
            conns.push(server.connect(database).await?);
        }
        let task = tokio::spawn({
            let (stop, writes) = (stop.clone(), writes.clone());
            async move {
                let mut pace = tokio::time::interval(std::time::Duration::from_millis(5));
                while !stop.load(Ordering::Relaxed) {
                    pace.tick().await;
                    for conn in &mut conns {
                        let commands: Vec<Cmd> = (0..5).map(|_| some_write()).collect();
                        writes.fetch_add(commands.len() as u64, Ordering::Relaxed);
                        run(conn, commands).await?;
                    }
                }
                Ok(())
            }
        });
        Ok(Self { stop, writes, task })
    }

    pub async fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await??;
        Ok(self.writes.load(Ordering::Relaxed))
    }
}

fn some_write() -> Cmd {
    let mut random = rand::rng();
    let (n, value) =
        (random.random_range(0..300u32).to_string(), random.random_range(0..1_000_000u32).to_string());
    match random.random_range(0..8u32) {
        0 => command("SET", &[&format!("hot:text:{n}"), &value]),
        1 => command("HSET", &[&format!("hot:hash:{n}"), &value, &n]),
        2 => command("RPUSH", &[&format!("hot:list:{n}"), &value]),
        3 => command("LPOP", &[&format!("hot:list:{n}")]),
        4 => command("XADD", &[&format!("hot:feed:{n}"), "*", "v", &value]),
        5 => command("DEL", &[&format!("hot:text:{n}")]),
        6 => command("PEXPIRE", &[&format!("hot:hash:{n}"), "60000"]),
        _ => command("RPUSH", &["hot:large", &"pushed again and again ".repeat(60)]),
    }
}

/// Every key of a database: digest by Redis' own means, end, and what groups of streams know.
pub async fn contents(server: &RedisDoor, database: i64) -> Result<BTreeMap<Vec<u8>, String>> {
    let mut conn = server.connect(database).await?;
    let (mut cursor, mut found) = ("0".to_owned(), BTreeMap::new());
    loop {
        let (next, keys): (String, Vec<Vec<u8>>) =
            Box::pin(command("SCAN", &[&cursor, "COUNT", "1000"]).query_async(&mut conn)).await?;
        let mut asked = vec![];
        for key in &keys {
            asked.push(redis::cmd("DEBUG").arg("DIGEST-VALUE").arg(key).to_owned());
            asked.push(redis::cmd("PEXPIRETIME").arg(key).to_owned());
            asked.push(redis::cmd("TYPE").arg(key).to_owned());
        }
        let answers = if asked.is_empty() { vec![] } else { run(&mut conn, asked).await? };
        for (key, facts) in keys.into_iter().zip(answers.chunks(3)) {
            let mut told = format!("{facts:?}");
            // It ended between two questions.
            if told.contains("none") {
                continue;
            }
            if told.contains("stream") {
                told += &groups(&mut conn, &key).await?;
            }
            // Redis 8 writes scores in fewer digits, which makes its digest another one.
            if told.contains("zset") {
                let Some(scores) = scores(&mut conn, &key).await? else { continue };
                told = format!("{:?} {scores}", facts.get(1..));
            }
            if told.contains("no such key") {
                continue;
            }
            found.insert(key, told);
        }
        if next == "0" {
            return Ok(found);
        }
        cursor = next;
    }
}

/// None: it ended.
async fn scores(conn: &mut MultiplexedConnection, key: &[u8]) -> Result<Option<u64>> {
    let mut range = redis::cmd("ZRANGE");
    let pairs: Vec<(Vec<u8>, f64)> =
        Box::pin(range.arg(key).arg(0).arg(-1).arg("WITHSCORES").query_async(conn)).await?;
    if pairs.is_empty() {
        return Ok(None);
    }
    let mut hasher = std::hash::DefaultHasher::new();
    for (member, score) in pairs {
        (member, score.to_bits()).hash(&mut hasher);
    }
    Ok(Some(hasher.finish()))
}

async fn groups(conn: &mut MultiplexedConnection, key: &[u8]) -> Result<String> {
    let ask = |words: &[&str], more: &[&str]| {
        let mut command =
            command(words.first().copied().unwrap_or_default(), words.get(1..).unwrap_or_default());
        command.arg(key);
        more.iter().for_each(|word| {
            command.arg(*word);
        });
        command
    };
    let mut told = String::new();
    let stream = run(conn, vec![ask(&["XINFO", "STREAM"], &[])]).await?;
    for name in ["last-generated-id", "max-deleted-entry-id", "entries-added", "length"] {
        told += &format!("{name}={:?} ", fact(stream.first(), name));
    }
    let answer = run(conn, vec![ask(&["XINFO", "GROUPS"], &[])]).await?;
    told += &format!("{answer:?}");
    if let Some(Value::Array(groups)) = answer.first() {
        for group in groups {
            let Some(Value::BulkString(name)) = fact(Some(group), "name") else { continue };
            let name = String::from_utf8_lossy(&name).into_owned();
            let waits = run(conn, vec![ask(&["XPENDING"], &[&name, "-", "+", "100000"])]).await?;
            if let Some(Value::Array(waits)) = waits.first() {
                for wait in waits {
                    // Its third fact is for how long.
                    if let Value::Array(parts) = wait {
                        told += &format!("{:?}{:?}{:?}", parts.first(), parts.get(1), parts.get(3));
                    }
                }
            }
            let consumers = run(conn, vec![ask(&["XINFO", "CONSUMERS"], &[&name])]).await?;
            if let Some(Value::Array(consumers)) = consumers.first() {
                for consumer in consumers {
                    told +=
                        &format!("{:?}{:?}", fact(Some(consumer), "name"), fact(Some(consumer), "pending"));
                }
            }
        }
    }
    Ok(told)
}

fn fact(answer: Option<&Value>, name: &str) -> Option<Value> {
    let Some(Value::Array(facts)) = answer else { return None };
    facts.chunks(2).find(|pair| pair.first() == Some(&Value::BulkString(name.into())))?.get(1).cloned()
}

/// What differs between two servers, but for keys that begin with `ignored` and those that ended meanwhile.
pub async fn differences(source: &RedisDoor, target: &RedisDoor, ignored: &str) -> Result<Vec<String>> {
    let ignored: &[&str] = if ignored.is_empty() { &[] } else { &[ignored] };
    differences_beside(source, target, ignored).await
}

/// The same, but for keys that begin with any of these.
pub async fn differences_beside(
    source: &RedisDoor,
    target: &RedisDoor,
    ignored: &[&str],
) -> Result<Vec<String>> {
    let mut differences = vec![];
    for database in 0..DATABASES.try_into()? {
        // The copy first: what ends meanwhile is then missing on the source, and looked at no more.
        let here = contents(target, database).await?;
        let there = contents(source, database).await?;
        let mind = |key: &&Vec<u8>| !ignored.iter().any(|prefix| key.starts_with(prefix.as_bytes()));
        for (key, told) in there.iter().filter(|(key, _)| mind(key)) {
            if here.get(key) != Some(told) {
                differences.push(format!(
                    "db{database} {}: {told}\n  and {:?}",
                    key.escape_ascii(),
                    here.get(key)
                ));
            }
        }
        let now: Vec<u64> = source.ask(words("TIME")).await?;
        for (key, told) in here.iter().filter(|(key, _)| mind(key) && !there.contains_key(*key)) {
            if !ended(told, now.first().copied().unwrap_or(0)) {
                differences.push(format!("db{database} {} is too many: {told}", key.escape_ascii()));
            }
        }
    }
    Ok(differences)
}

/// By what was told of it: its end has come, or is about to.
fn ended(told: &str, seconds: u64) -> bool {
    let ends: Option<u64> = told.split("int(").nth(1).and_then(|rest| rest.split(')').next()?.parse().ok());
    ends.is_some_and(|ends| ends / 1000 <= seconds + 1)
}
