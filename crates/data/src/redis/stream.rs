//! Streams by what they mean: entries under their own ids, and with the last of them what the stream and its groups
//! know. Messages that wait for a consumer keep whose they are and how often they were delivered.

use redis::{Cmd, Value as Answer};

use super::link::{Link, bytes, command, int, list, refusal, strings};
use super::plan::value::{Delivered, Entry, Group, Pending, State};
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
    Ok(states(link, &[key]).await?.pop().flatten())
}

/// The same of several, which are asked about together.
pub async fn states(link: &mut Link, keys: &[&[u8]]) -> Result<Vec<Option<State>>> {
    let doing = "reading the groups of a stream";
    let asked = keys
        .iter()
        .flat_map(|key| [command("XINFO", &[b"STREAM", key]), command("XINFO", &[b"GROUPS", key])]);
    let mut answers = link.all(doing, asked.collect()).await?.into_iter();
    let (mut states, mut asked, mut of) = (vec![], vec![], vec![]);
    for (at, key) in keys.iter().enumerate() {
        let (Some(stream), Some(groups)) = (answers.next(), answers.next()) else { break };
        if [&stream, &groups].into_iter().any(|answer| refusal(answer) == Some("ERR")) {
            states.push(None);
            continue;
        }
        let stream = Facts::new(link.accept(doing, stream)?);
        states.push(Some(State {
            last_id: stream.bytes("last-generated-id"),
            entries_added: stream.int("entries-added").unwrap_or(0),
            max_deleted: stream.bytes("max-deleted-entry-id"),
            groups: vec![],
        }));
        for group in list(link.accept(doing, groups)?) {
            let group = Facts::new(group);
            let name = group.bytes("name");
            asked.push(command("XINFO", &[b"CONSUMERS", key, &name]));
            asked.push(waiting(key, &name, b"-"));
            of.push((at, *key, group, name));
        }
    }
    let mut answers = link.all(doing, asked).await?.into_iter();
    let mut groups = vec![];
    for (at, key, group, name) in of {
        let (Some(consumers), Some(page)) = (answers.next(), answers.next()) else { break };
        let consumers = list(consumers).into_iter().map(|consumer| Facts::new(consumer).bytes("name"));
        let pending = page_of(link, page)?;
        let (last_delivered, entries_read) = (group.bytes("last-delivered-id"), group.int("entries-read"));
        groups.push((
            at,
            key,
            Group { name, consumers: consumers.collect(), pending, last_delivered, entries_read },
        ));
    }
    still_there(link, &mut groups).await?;
    for (at, _, group) in groups {
        if let Some(Some(state)) = states.get_mut(at) {
            state.groups.push(group);
        }
    }
    Ok(states)
}

/// Leaves out messages that are gone: no command makes somebody wait for one that is not there. Groups for which more
/// wait than a page holds are read to their end.
async fn still_there(link: &mut Link, groups: &mut [(usize, &[u8], Group)]) -> Result<()> {
    for (_, key, group) in groups.iter_mut() {
        let mut full = group.pending.len() == PAGE;
        while full {
            let Some(last) = group.pending.last() else { break };
            let from = [b"(", last.id.as_slice()].concat();
            let answers = link.all(WAITING, vec![waiting(key, &group.name, &from)]).await?;
            let page = page_of(link, answers.into_iter().next().unwrap_or_default())?;
            full = page.len() == PAGE;
            group.pending.extend(page);
        }
    }
    let waits =
        groups.iter().flat_map(|(_, key, group)| group.pending.iter().map(move |wait| (*key, &wait.id)));
    let asked: Vec<Cmd> = waits.map(|(key, id)| command("XRANGE", &[key, id, id, b"COUNT", b"1"])).collect();
    let mut there = vec![];
    for some in asked.chunks(PAGE) {
        there.extend(link.sure(WAITING, some.to_vec()).await?);
    }
    let mut there = there.into_iter().map(|answer| !list(answer).is_empty());
    for (_, _, group) in groups {
        group.pending.retain(|_| there.next().unwrap_or(false));
    }
    Ok(())
}

const WAITING: &str = "reading what a group waits for";

fn waiting(key: &[u8], group: &[u8], from: &[u8]) -> Cmd {
    command("XPENDING", &[key, group, from, b"+", PAGE.to_string().as_bytes()])
}

fn page_of(link: &Link, answer: Answer) -> Result<Vec<Pending>> {
    if refusal(&answer) == Some("NOGROUP") {
        return Ok(vec![]);
    }
    let one = |answer: Answer| {
        let mut parts = list(answer).into_iter();
        Some(Pending {
            id: bytes(parts.next()?)?,
            consumer: bytes(parts.next()?)?,
            delivered: Delivered::Ago(int(&parts.next()?)?),
            deliveries: int(&parts.next()?)?,
        })
    };
    Ok(list(link.accept(WAITING, answer)?).into_iter().filter_map(one).collect())
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
            let (how, when): (&[u8], _) = match wait.delivered {
                Delivered::Ago(millis) => (b"IDLE", millis.to_string()),
                Delivered::At(millis) => (b"TIME", millis.to_string()),
            };
            let count = wait.deliveries.to_string();
            let of: &[&[u8]] = &[
                key,
                &group.name,
                &wait.consumer,
                b"0",
                &wait.id,
                how,
                when.as_bytes(),
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
