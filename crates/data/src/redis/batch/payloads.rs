//! Values as servers store them: DUMP and RESTORE, with their ends, many keys at a time.

use redis::{Cmd, Value as Answer};

use super::{Age, Item, TRIES, Turn, is_over};
use crate::error::Result;
use crate::redis::link::{Link, bytes, command, int, list, refusal};
use crate::redis::plan::payload;
use crate::redis::server::{Unread, what};
use crate::redis::values::{Read, read};

/// A key as a server stores it.
#[derive(Clone, Debug)]
pub struct Dumped {
    pub payload: Vec<u8>,
    /// In milliseconds since 1970; -1: it has no end.
    pub expires: i64,
    pub age: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Same {
    Yes,
    No,
    /// It takes a closer look.
    Unknown,
}

/// Bytes that are the same mean the same; those that are not may, too: tables have no order.
fn same(one: &Dumped, other: &Dumped) -> Same {
    if one.expires != other.expires {
        return Same::No;
    }
    let (Some((one, _)), Some((other, _))) = (payload::split(&one.payload), payload::split(&other.payload))
    else {
        return Same::No;
    };
    if one == other {
        return Same::Yes;
    }
    match (payload::value(one), payload::value(other)) {
        (Some(one), Some(other)) if one.kind() == other.kind() && one.digest() == other.digest() => Same::Yes,
        (Some(_), Some(_)) => Same::No,
        _ => Same::Unknown,
    }
}

impl<'i> Turn<'_> {
    /// Copies them; gives back those that the target cannot read this way.
    pub(super) async fn payloads(&mut self, items: Vec<Item<'i>>) -> Result<Vec<Item<'i>>> {
        let keys: Vec<&[u8]> = items.iter().map(|item| item.key).collect();
        let read = dumps(&mut self.hands.source, &keys, self.shared.age).await?;
        let size: usize = read.iter().flatten().map(|dumped| dumped.payload.len()).sum();
        self.shared.bytes.pass(size).await;
        self.payloads_of(items, read).await
    }

    /// The same of what was read already.
    pub(super) async fn payloads_of(
        &mut self,
        items: Vec<Item<'i>>,
        read: Vec<Option<Dumped>>,
    ) -> Result<Vec<Item<'i>>> {
        self.counts.expired += read.iter().filter(|dumped| dumped.is_none()).count() as u64;
        let mut standing = if self.batch.look {
            let names: Vec<&[u8]> = items.iter().map(|item| item.name.as_slice()).collect();
            dumps(&mut self.hands.target, &names, Age::Unasked).await?
        } else {
            vec![]
        };
        let (mut todo, mut withheld) = (vec![], vec![]);
        for (at, (item, dumped)) in items.iter().zip(&read).enumerate() {
            let Some(dumped) = dumped else { continue };
            let there = standing.get_mut(at).and_then(Option::take);
            if self.skips() && there.is_some() {
                self.counts.skipped += 1;
            } else if self.payload_leaks(item, dumped) {
                withheld.push(item.name.as_slice());
            } else if let Some(there) = there
                && self.is_same(item, dumped, &there).await?
            {
                self.counts.equal += 1;
            } else {
                todo.push(at);
            }
        }
        if !withheld.is_empty() && self.batch.look {
            self.withhold(withheld).await?;
        }
        let unread = self.restore(&items, &read, todo).await?;
        let mut at = 0..;
        Ok(items.into_iter().filter(|_| at.next().is_some_and(|at| unread.contains(&at))).collect())
    }

    fn payload_leaks(&self, item: &Item<'_>, dumped: &Dumped) -> bool {
        let Some((body, _)) = payload::split(&dumped.payload) else { return false };
        self.shared.leaks_in(item, |look| match (&item.masking, payload::value(body)) {
            (Some(masking), Some(mut value)) => masking.others(&mut value, look),
            (Some(_), None) => {}
            (None, _) => {
                if !payload::texts(body, look) {
                    look(body);
                }
            }
        })
    }

    /// Writes those, reads them back, and writes again what is not what was sent. What cannot be read is given back.
    async fn restore(
        &mut self,
        items: &[Item<'_>],
        read: &[Option<Dumped>],
        mut todo: Vec<usize>,
    ) -> Result<Vec<usize>> {
        let mut unread = vec![];
        for round in 0..TRIES {
            if todo.is_empty() {
                break;
            }
            let pairs: Vec<(usize, &Item<'_>, &Dumped)> =
                todo.iter().filter_map(|at| Some((*at, items.get(*at)?, read.get(*at)?.as_ref()?))).collect();
            let commands = pairs.iter().map(|(_, item, dumped)| restore(&item.name, dumped, self)).collect();
            let doing = "writing values";
            let answers = self.hands.target.all(doing, commands).await?;
            self.hands.target.wrote(pairs.len());
            let mut written = vec![];
            for ((at, item, dumped), answer) in pairs.into_iter().zip(answers) {
                match (refusal(&answer), what(&answer)) {
                    (None, _) => written.push((at, item, dumped)),
                    (Some("BUSYKEY"), _) => self.counts.skipped += 1,
                    (_, Unread::Type | Unread::Version) => unread.push(at),
                    _ => {
                        self.hands.target.accept(doing, answer)?;
                    }
                }
            }
            let bytes: usize = written.iter().map(|(_, _, dumped)| dumped.payload.len()).sum();
            self.moved(bytes);
            let names: Vec<&[u8]> = written.iter().map(|(_, item, _)| item.name.as_slice()).collect();
            let (found, now) = back(&mut self.hands.target, &names).await?;
            todo.clear();
            for ((at, item, dumped), found) in written.into_iter().zip(found) {
                match found {
                    None if is_over(dumped.expires, now) => self.counts.expired += 1,
                    Some(found) if self.arrived(item, dumped, &found).await? => self.counts.copied += 1,
                    _ if round + 1 == TRIES => {
                        let place = self.place(item);
                        self.counts.differing.push(place);
                    }
                    _ => todo.push(at),
                }
            }
            if round + 1 < TRIES {
                self.counts.repaired += todo.len() as u64;
            }
        }
        Ok(unread)
    }

    async fn arrived(&mut self, item: &Item<'_>, sent: &Dumped, found: &Dumped) -> Result<bool> {
        match same(sent, found) {
            Same::Yes => Ok(true),
            Same::No => Ok(false),
            Same::Unknown => self.means_the_same(item, true).await,
        }
    }

    async fn is_same(&mut self, item: &Item<'_>, one: &Dumped, there: &Dumped) -> Result<bool> {
        match same(one, there) {
            Same::Yes => Ok(true),
            Same::No => Ok(false),
            Same::Unknown => self.means_the_same(item, false).await,
        }
    }

    /// Asks both for what it means. Of a module's value nothing is known but that the target took it.
    async fn means_the_same(&mut self, item: &Item<'_>, written: bool) -> Result<bool> {
        // The source may have another by now than its snapshot.
        if !self.batch.dumped.is_empty() {
            self.counts.opaque += u64::from(written);
            return Ok(written);
        }
        let lives = self.shared.field_lives;
        let there = read(&mut self.hands.source, &[item.key], lives).await?.pop();
        let here = read(&mut self.hands.target, &[&item.name], lives).await?.pop();
        Ok(match (there, here) {
            (Some(Read::Held(there, ends)), Some(Read::Held(here, end))) => {
                end == ends && there.kind() == here.kind() && there.digest() == here.digest()
            }
            (Some(Read::Foreign(there)), Some(Read::Foreign(here))) if written => {
                self.counts.opaque += 1;
                there == here
            }
            _ => false,
        })
    }
}

fn restore(name: &[u8], dumped: &Dumped, turn: &Turn<'_>) -> Cmd {
    let expires = dumped.expires.max(0).to_string();
    let mut restore = command("RESTORE", &[name, expires.as_bytes(), &dumped.payload, b"ABSTTL"]);
    if !turn.skips() {
        restore.arg("REPLACE");
    }
    match (turn.shared.age, dumped.age) {
        (Age::Idle, Some(age)) => drop(restore.arg("IDLETIME").arg(age)),
        (Age::Frequency, Some(age)) => drop(restore.arg("FREQ").arg(age)),
        _ => {}
    }
    restore
}

/// How old a key is is asked before it is read: reading makes it young.
async fn dumps(link: &mut Link, keys: &[&[u8]], age: Age) -> Result<Vec<Option<Dumped>>> {
    let doing = "reading values";
    let mut asked = vec![];
    for key in keys {
        match age {
            Age::Unasked => {}
            Age::Idle => asked.push(command("OBJECT", &[b"IDLETIME", key])),
            Age::Frequency => asked.push(command("OBJECT", &[b"FREQ", key])),
        }
        asked.push(command("PEXPIRETIME", &[key]));
        asked.push(command("DUMP", &[key]));
    }
    let mut answers = link.all(doing, asked).await?.into_iter();
    let mut found = vec![];
    for _ in keys {
        let age = if age == Age::Unasked { None } else { answers.next().as_ref().and_then(int) };
        let (Some(expires), Some(payload)) = (answers.next(), answers.next()) else { break };
        let expires = int(&link.accept(doing, expires)?).unwrap_or(-2);
        let payload = bytes(link.accept(doing, payload)?);
        found.push(payload.filter(|_| expires != -2).map(|payload| Dumped { payload, expires, age }));
    }
    Ok(found)
}

/// What arrived, and the target's time, in milliseconds.
async fn back(link: &mut Link, names: &[&[u8]]) -> Result<(Vec<Option<Dumped>>, i64)> {
    let found = dumps(link, names, Age::Unasked).await?;
    if found.iter().all(Option::is_some) {
        return Ok((found, 0));
    }
    let now = now(link).await?;
    Ok((found, now))
}

pub(super) async fn now(link: &mut Link) -> Result<i64> {
    let answer: Answer = link.one("asking for the time", redis::cmd("TIME")).await?;
    let parts: Vec<i64> = list(answer).iter().filter_map(int).collect();
    Ok(parts.first().copied().unwrap_or(0) * 1000 + parts.get(1).copied().unwrap_or(0) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dumped(body: &[u8], version: u8, expires: i64) -> Dumped {
        Dumped { payload: [body, &[version, 0], &[0; 8]].concat(), expires, age: None }
    }

    #[test]
    fn the_same_value_is_the_same_whatever_the_version_and_the_order() {
        let (one, other) = (b"\x02\x02\x01a\x01b".as_slice(), b"\x02\x02\x01b\x01a".as_slice());
        assert_eq!(same(&dumped(one, 10, -1), &dumped(one, 12, -1)), Same::Yes);
        assert_eq!(same(&dumped(one, 10, -1), &dumped(other, 10, -1)), Same::Yes);
        assert_eq!(same(&dumped(one, 10, -1), &dumped(other, 10, 5)), Same::No);
        assert_eq!(same(&dumped(one, 10, -1), &dumped(b"\x02\x01\x01a", 10, -1)), Same::No);
        assert_eq!(same(&dumped(b"\x13abc", 10, -1), &dumped(b"\x13abd", 10, -1)), Same::Unknown);
    }
}
