//! What a server is, what it can read, and what its user may do: asked before anything is copied, so that what cannot go
//! well is told at once.

use std::collections::BTreeMap;

use redis::Value;

use super::link::{End, Link, bytes, cluster, command, int, list, refusal, text};
use super::plan::names::OURS;
use super::report::Path;
use crate::error::{Error, Result, Side};

#[derive(Clone, Debug, Default)]
pub struct Server {
    facts: BTreeMap<String, String>,
    /// Fields of hashes can have a life of their own.
    pub field_lives: bool,
}

impl Server {
    pub async fn ask(link: &mut Link) -> Result<Self> {
        let doing = "asking what it is";
        // Managed servers do not let everybody ask for everything at once.
        let sections = ["server", "memory", "replication", "cluster", "keyspace", "cpu", "stats"];
        let asked = sections.iter().map(|section| command("INFO", &[section.as_bytes()])).collect();
        let mut facts = BTreeMap::new();
        for answer in link.sure(doing, asked).await? {
            facts.extend(told(&text(answer)));
        }
        let known = link.all(doing, vec![command("COMMAND", &[b"INFO", b"HPEXPIRETIME"])]).await?;
        let known = known.into_iter().flat_map(list).any(|answer| matches!(answer, Value::Array(_)));
        Ok(Self { facts, field_lives: known })
    }

    #[cfg(test)]
    pub fn knowing(info: &str) -> Self {
        Self { facts: told(info).collect(), field_lives: false }
    }

    fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    pub fn number(&self, name: &str) -> f64 {
        self.fact(name).parse().unwrap_or(0.0)
    }

    /// Another after each start.
    pub fn run(&self) -> &str {
        self.fact("run_id")
    }

    pub fn name(&self) -> String {
        match self.fact("valkey_version") {
            "" => format!("Redis {}", self.fact("redis_version")),
            version => format!("Valkey {version}"),
        }
    }

    fn version(&self) -> (u32, u32) {
        let mut numbers = self.fact("redis_version").split('.').map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    pub fn accept(&self, side: Side) -> Result<()> {
        if self.version() < (7, 0) {
            return Err(Error::Refused {
                message: format!("{side} is {}, which cannot be copied yet", self.name()),
                fix: "Redis from 7.0 on and Valkey can".to_owned(),
            });
        }
        if self.fact("cluster_enabled") == "1" {
            return Err(cluster(side));
        }
        if side == Side::Target && self.fact("role") == "slave" {
            return Err(Error::Refused {
                message: "the target is a replica and takes no writes".to_owned(),
                fix: format!("name its master, {}:{}", self.fact("master_host"), self.fact("master_port")),
            });
        }
        Ok(())
    }

    /// Databases that hold keys, and how many.
    pub fn databases(&self) -> BTreeMap<u32, u64> {
        let database = |(name, value): (&String, &String)| -> Option<(u32, u64)> {
            let number = name.strip_prefix("db")?.parse().ok()?;
            let keys = value.split(',').find_map(|part| part.strip_prefix("keys="))?;
            Some((number, keys.parse().ok()?))
        };
        self.facts.iter().filter_map(database).collect()
    }

    pub fn is_replica(&self) -> bool {
        self.fact("role") == "slave"
    }

    /// Its replicas that follow, the closest first.
    pub fn replicas(&self) -> Vec<(String, u16)> {
        let mut found: Vec<(u64, String, u16)> = vec![];
        for line in (0..16).map(|at| self.fact(&format!("slave{at}"))) {
            let parts: BTreeMap<&str, &str> =
                line.split(',').filter_map(|part| part.split_once('=')).collect();
            let part = |name: &str| parts.get(name).copied().unwrap_or_default();
            if let (Ok(port), Ok(offset), "online") =
                (part("port").parse(), part("offset").parse(), part("state"))
            {
                found.push((offset, part("ip").to_owned(), port));
            }
        }
        found.sort_by_key(|(offset, ..)| std::cmp::Reverse(*offset));
        found.into_iter().map(|(_, host, port)| (host, port)).collect()
    }

    /// How it chooses what to forget when it is full; none: it never does.
    pub fn eviction(&self) -> Option<&str> {
        let policy = self.fact("maxmemory_policy");
        (self.number("maxmemory") > 0.0 && policy != "noeviction" && !policy.is_empty()).then_some(policy)
    }

    /// Keys that it has forgotten since it was `before`, because it was full; one that was started anew counts anew.
    pub fn forgot(&self, before: &Self) -> u64 {
        let since = if self.run() == before.run() { before.number("evicted_keys") } else { 0.0 };
        (self.number("evicted_keys") - since).max(0.0) as u64
    }

    /// What somebody should know before anything is copied there.
    pub fn warnings(&self, source: &Self) -> Vec<String> {
        let mut notes = vec![];
        let (most, used) = (self.number("maxmemory"), self.number("used_memory"));
        if let Some(policy) = self.eviction() {
            notes.push(format!(
                "the target forgets keys when it is full ({policy}): what is copied may go before anybody asks for it"
            ));
        }
        let needed = source.number("used_memory_dataset");
        if most > 0.0 && used + needed > most {
            notes.push(format!(
                "the target has room for {} MB more, the source holds {} MB",
                ((most - used).max(0.0) / 1e6) as u64,
                (needed / 1e6) as u64
            ));
        }
        notes
    }
}

/// What INFO says.
fn told(info: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = info.lines().filter_map(|line| line.trim().split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn ours(name: &str) -> Vec<u8> {
    [OURS, name.as_bytes()].concat()
}

/// A name that no key has.
fn nobody() -> Vec<u8> {
    ours("nobody")
}

/// Everything that is asked of a source, and all that is refused, by its command.
pub async fn may_read(link: &mut Link, functions: bool) -> Result<()> {
    let nobody = nobody();
    let mut asked = vec![
        command("SCAN", &[b"0", b"COUNT", b"1"]),
        command("DUMP", &[&nobody]),
        command("PEXPIRETIME", &[&nobody]),
        command("TYPE", &[&nobody]),
        command("EXISTS", &[&nobody]),
        command("MEMORY", &[b"USAGE", &nobody]),
        command("STRLEN", &[&nobody]),
        command("GETRANGE", &[&nobody, b"0", b"1"]),
        command("LRANGE", &[&nobody, b"0", b"1"]),
        command("SSCAN", &[&nobody, b"0"]),
        command("HSCAN", &[&nobody, b"0"]),
        command("ZSCAN", &[&nobody, b"0"]),
        command("XRANGE", &[&nobody, b"-", b"+", b"COUNT", b"1"]),
        command("RANDOMKEY", &[]),
    ];
    if functions {
        asked.push(command("FUNCTION", &[b"LIST"]));
    }
    denied(link, asked).await
}

/// The same of a target, of what changes nothing when it is tried.
pub async fn may_write(link: &mut Link, functions: bool) -> Result<()> {
    let nobody = nobody();
    let mut asked = vec![
        command("UNLINK", &[&nobody]),
        command("PEXPIREAT", &[&nobody, b"1"]),
        command("DUMP", &[&nobody]),
        command("PEXPIRETIME", &[&nobody]),
        command("TYPE", &[&nobody]),
        command("SCAN", &[b"0", b"COUNT", b"1"]),
        command("SET", &[&nobody, b"", b"XX"]),
        command("GET", &[&nobody]),
        command("RPUSHX", &[&nobody, b""]),
        command("ZADD", &[&nobody, b"XX", b"1", b""]),
        command("XADD", &[&nobody, b"NOMKSTREAM", b"*", b"a", b"b"]),
        command("RENAME", &[&nobody, &nobody]),
        command("RESTORE", &[&nobody, b"1", b"", b"ABSTTL"]),
    ];
    if functions {
        asked.push(command("FUNCTION", &[b"LIST"]));
    }
    denied(link, asked).await
}

async fn denied(link: &mut Link, asked: Vec<redis::Cmd>) -> Result<()> {
    let names: Vec<String> = asked
        .iter()
        .map(|command| {
            let words = command.args_iter().filter_map(|argument| match argument {
                redis::Arg::Simple(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
                _ => None,
            });
            let most =
                if matches!(command.args_iter().next(), Some(redis::Arg::Simple(b"MEMORY" | b"FUNCTION"))) {
                    2
                } else {
                    1
                };
            words.take(most).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let answers = link.all("asking what its user may do", asked).await?;
    let refused: Vec<&str> = names
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| refusal(answer) == Some("NOPERM"))
        .map(|(name, _)| name.as_str())
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    let keys = answers.iter().any(|answer| {
        matches!(answer, Value::ServerError(error) if error.details().is_some_and(|words| words.contains("key")))
    });
    let fix = if keys {
        format!(
            "give it those commands, and the keys of the copy with those that begin with {}",
            String::from_utf8_lossy(OURS)
        )
    } else {
        "give it those commands: ACL SETUSER".to_owned()
    };
    Err(Error::Refused {
        message: format!("the user of {} may not {}", link.side(), refused.join(", ")),
        fix,
    })
}

/// Whether the target reads what the source writes: it is given a payload of a key that has expired long ago, which it
/// looks at and does not keep.
pub async fn path(source: &mut Link, databases: &[u32], target: &mut Link) -> Result<Path> {
    for database in databases {
        source.select(*database).await?;
        let doing = "asking how it writes values";
        let key = source.one(doing, command("RANDOMKEY", &[])).await?;
        let Some(key) = bytes(key) else { continue };
        let size = source.permitted(doing, vec![command("MEMORY", &[b"USAGE", &key])]).await?;
        // Any key will do that may be read, so not a large one.
        if size.first().and_then(int).is_none_or(|size| size > 1 << 20) {
            continue;
        }
        let payload = source.one(doing, command("DUMP", &[&key])).await?;
        let Some(payload) = bytes(payload) else { continue };
        let restore = command("RESTORE", &[&ours("probe"), b"1", &payload, b"ABSTTL"]);
        let answers = target.all("asking what it reads", vec![restore]).await?;
        let Some(answer) = answers.into_iter().next() else { continue };
        return match what(&answer) {
            Unread::Version => Ok(Path::Commands),
            // Of a type that the target does not have; others may be read.
            Unread::Type => Ok(Path::Payloads),
            Unread::No => target.accept("being asked what it reads", answer).map(|_| Path::Payloads),
        };
    }
    Ok(Path::Payloads)
}

/// Why a payload is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is read, or refused for another reason.
    No,
    Version,
    Type,
}

pub fn what(answer: &Value) -> Unread {
    let Value::ServerError(error) = answer else { return Unread::No };
    let words = error.details().unwrap_or_default();
    if words.contains("payload version") {
        Unread::Version
    } else if words.contains("Bad data format") {
        Unread::Type
    } else {
        Unread::No
    }
}

/// The server that is read: a replica, where the job wants one and there is one that answers.
pub async fn choose(end: &End, wanted: bool) -> Result<(End, Link, Server)> {
    let mut link = end.connect().await?;
    let server = Server::ask(&mut link).await?;
    server.accept(end.side)?;
    if wanted && !server.is_replica() {
        for (host, port) in server.replicas() {
            let other = end.at(&host, port);
            if let Ok(mut link) = other.connect().await
                && let Ok(replica) = Server::ask(&mut link).await
                && replica.is_replica()
            {
                return Ok((other, link, replica));
            }
        }
    }
    Ok((end.clone(), link, server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_were_forgotten_are_counted_since_it_was_seen_or_since_it_began_anew() {
        let server =
            |run: &str, evicted: u64| Server::knowing(&format!("run_id:{run}\nevicted_keys:{evicted}\n"));
        let before = server("a", 7);
        assert_eq!(server("a", 7).forgot(&before), 0);
        assert_eq!(server("a", 9).forgot(&before), 2);
        assert_eq!(server("b", 3).forgot(&before), 3);
    }
}
