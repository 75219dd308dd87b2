//! Streams by what they mean: entries under their own ids, and with the last of them what the stream and its groups
//! know. Messages that wait for a consumer keep whose they are and how often they were delivered.

use redis::{Cmd, Value as Answer};

use super::link::{Link, bytes, command, int, list, refusal, strings};
use super::plan::value::{Entry, Group, Pending, State};
use crate::error::Result;

/// Messages that wait are asked for in pages of this size.
const PAGE: usize = 500;

pub fn entries(answer: Answer) -> Vec<Entry> {
    let entry = |answer: Answer| {
        let mut parts = list(answer).into_iter();
        let (id, fields) = (bytes(parts.next()?)?, strings(parts.next()?));
        Some(Entry { id, fields })
    };
    list(answer).into_iter().filter_map(entry).collect()
}

/// What a stream knows besides its entries; none: it is gone.
pub async fn state(link: &mut Link, key: &[u8]) -> Result<Option<State>> {
    let doing = "reading the groups of a stream";
    let asked = vec![command("XINFO", &[b"STREAM", key]), command("XINFO", &[b"GROUPS", key])];
    let mut answers = link.all(doing, asked).await?;
    if answers.iter().any(|answer| refusal(answer) == Some("ERR")) {
        return Ok(None);
    }
    let groups = answers.pop().map(|answer| link.accept(doing, answer)).transpose()?.unwrap_or_default();
    let stream = answers.pop().map(|answer| link.accept(doing, answer)).transpose()?.unwrap_or_default();
    let stream = Facts::new(stream);
    let mut state = State {
        last_id: stream.bytes("last-generated-id"),
        entries_added: stream.int("entries-added").unwrap_or(0),
        max_deleted: stream.bytes("max-deleted-entry-id"),
        groups: vec![],
    };
    for group in list(groups) {
        let group = Facts::new(group);
        let name = group.bytes("name");
        let consumers = link.all(doing, vec![command("XINFO", &[b"CONSUMERS", key, &name])]).await?;
        let consumers =
            consumers.into_iter().flat_map(list).map(|consumer| Facts::new(consumer).bytes("name"));
        state.groups.push(Group {
            consumers: consumers.collect(),
            pending: pending(link, key, &name).await?,
            last_delivered: group.bytes("last-delivered-id"),
            entries_read: group.int("entries-read"),
            name,
        });
    }
    Ok(Some(state))
}

/// Only of messages that are still there: no command makes somebody wait for one that is not.
async fn pending(link: &mut Link, key: &[u8], group: &[u8]) -> Result<Vec<Pending>> {
    let doing = "reading what a group waits for";
    let (mut found, mut from) = (vec![], b"-".to_vec());
    loop {
        let count = PAGE.to_string();
        let asked = command("XPENDING", &[key, group, &from, b"+", count.as_bytes()]);
        let answer = link.all(doing, vec![asked]).await?.into_iter().next().unwrap_or_default();
        if refusal(&answer) == Some("NOGROUP") {
            return Ok(found);
        }
        let one = |answer: Answer| {
            let mut parts = list(answer).into_iter();
            Some(Pending {
                id: bytes(parts.next()?)?,
                consumer: bytes(parts.next()?)?,
                idle_millis: int(&parts.next()?)?,
                deliveries: int(&parts.next()?)?,
            })
        };
        let page: Vec<Pending> = list(link.accept(doing, answer)?).into_iter().filter_map(one).collect();
        let there =
            page.iter().map(|wait| command("XRANGE", &[key, &wait.id, &wait.id, b"COUNT", b"1"])).collect();
        let there = link.sure(doing, there).await?;
        let Some(last) = page.last() else { return Ok(found) };
        let full = page.len() == PAGE;
        from = [b"(", last.id.as_slice()].concat();
        found.extend(
            page.into_iter()
                .zip(there)
                .filter(|(_, there)| !list(there.clone()).is_empty())
                .map(|(wait, _)| wait),
        );
        if !full {
            return Ok(found);
        }
    }
}

/// Pairs of names and values.
struct Facts(Vec<Answer>);

impl Facts {
    fn new(answer: Answer) -> Self {
        Self(list(answer))
    }

    fn get(&self, name: &str) -> Option<&Answer> {
        let pair = self
            .0
            .chunks(2)
            .find(|pair| pair.first().cloned().and_then(bytes).is_some_and(|word| word == name.as_bytes()));
        pair.and_then(|pair| pair.get(1))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.get(name).cloned().and_then(bytes).unwrap_or_default()
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(int)
    }
}

pub fn add(key: &[u8], entry: &Entry) -> Cmd {
    let mut add = command("XADD", &[key, &entry.id]);
    for text in &entry.fields {
        add.arg(text.as_slice());
    }
    add
}

/// What makes a stream know the rest, once its entries are there.
pub fn complete(key: &[u8], state: &State, empty: bool) -> Vec<Cmd> {
    let mut commands = vec![];
    if empty {
        // A stream without entries comes into being by a group only.
        commands.push(command("XGROUP", &[b"CREATE", key, b"outboard", b"$", b"MKSTREAM"]));
        commands.push(command("XGROUP", &[b"DESTROY", key, b"outboard"]));
    }
    let added = state.entries_added.to_string();
    let deleted: &[u8] = if state.max_deleted.is_empty() { b"0-0" } else { &state.max_deleted };
    commands.push(command(
        "XSETID",
        &[key, &state.last_id, b"ENTRIESADDED", added.as_bytes(), b"MAXDELETEDID", deleted],
    ));
    for group in &state.groups {
        let mut create = command("XGROUP", &[b"CREATE", key, &group.name, &group.last_delivered]);
        if let Some(read) = group.entries_read {
            create.arg("ENTRIESREAD").arg(read);
        }
        commands.push(create);
        let consumer = |name: &Vec<u8>| command("XGROUP", &[b"CREATECONSUMER", key, &group.name, name]);
        commands.extend(group.consumers.iter().map(consumer));
        for wait in &group.pending {
            let (idle, count) = (wait.idle_millis.to_string(), wait.deliveries.to_string());
            let of: &[&[u8]] = &[
                key,
                &group.name,
                &wait.consumer,
                b"0",
                &wait.id,
                b"IDLE",
                idle.as_bytes(),
                b"RETRYCOUNT",
                count.as_bytes(),
                b"FORCE",
                b"JUSTID",
            ];
            commands.push(command("XCLAIM", of));
        }
    }
    commands
}
