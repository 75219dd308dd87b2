//! A stream as a server stores it: packed nodes of entries, each told apart from its node's first one; then what the stream
//! and its groups know.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reader, listpack};
use crate::redis::plan::value::{Delivered, Entry, Group, Pending, State};

/// An entry that is only marked as gone.
const DELETED: i64 = 1;
/// It has the fields of its node's first one.
const SAME_FIELDS: i64 = 2;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u64, u64);

impl Id {
    fn of(bytes: &[u8]) -> Option<Self> {
        let (millis, number) = bytes.split_at_checked(8)?;
        Some(Self(u64::from_be_bytes(millis.try_into().ok()?), u64::from_be_bytes(number.try_into().ok()?)))
    }

    fn read(read: &mut Reader<'_>) -> Option<Self> {
        Some(Self(read.number()?, read.number()?))
    }

    fn text(self) -> Vec<u8> {
        format!("{}-{}", self.0, self.1).into_bytes()
    }
}

/// What follows the nodes. `there`: ids of all entries.
pub fn state(read: &mut Reader<'_>, kind: u8, there: &BTreeSet<Id>) -> Option<State> {
    // How many entries there are.
    read.length()?;
    let last_id = Id::read(read)?.text();
    Id::read(read)?;
    let max_deleted = Id::read(read)?.text();
    let entries_added = read.number()?.try_into().ok()?;
    let groups = (0..read.length()?).map(|_| group(read, kind, there)).collect::<Option<_>>()?;
    Some(State { last_id, entries_added, max_deleted, groups })
}

/// The entries of the next node.
pub fn node(read: &mut Reader<'_>, there: &mut BTreeSet<Id>) -> Option<Vec<Entry>> {
    let first = Id::of(&read.string()?)?;
    let mut elements = listpack(&read.string()?)?.into_iter();
    let mut entries = vec![];
    let number =
        |element: Option<Vec<u8>>| -> Option<i64> { std::str::from_utf8(&element?).ok()?.parse().ok() };
    // How many entries it has, and how many of them are gone.
    number(elements.next())?;
    number(elements.next())?;
    let names: Vec<Vec<u8>> =
        (0..number(elements.next())?).map(|_| elements.next()).collect::<Option<_>>()?;
    number(elements.next())?;
    while let Some(flags) = elements.next() {
        let flags = number(Some(flags))?;
        let (millis, count) = (number(elements.next())?, number(elements.next())?);
        let mut fields = vec![];
        if flags & SAME_FIELDS != 0 {
            for name in &names {
                fields.extend([name.clone(), elements.next()?]);
            }
        } else {
            for _ in 0..number(elements.next())? {
                fields.extend([elements.next()?, elements.next()?]);
            }
        }
        // Its length once more, for reading backwards.
        number(elements.next())?;
        if flags & DELETED == 0 {
            let id = Id(first.0.wrapping_add_signed(millis), first.1.wrapping_add_signed(count));
            there.insert(id);
            entries.push(Entry { id: id.text(), fields });
        }
    }
    Some(entries)
}

fn group(read: &mut Reader<'_>, kind: u8, there: &BTreeSet<Id>) -> Option<Group> {
    let name = read.string()?;
    let last_delivered = Id::read(read)?.text();
    // All bits say that it is not known.
    let entries_read = Some(read.number()?).filter(|count| *count != u64::MAX);
    let mut waits = BTreeMap::new();
    for _ in 0..read.length()? {
        let id = Id::of(read.take(16)?)?;
        let delivered = i64::from_le_bytes(read.take(8)?.try_into().ok()?);
        waits.insert(id, (Delivered::At(delivered), read.number()?));
    }
    let (mut consumers, mut pending) = (vec![], vec![]);
    for _ in 0..read.length()? {
        let consumer = read.string()?;
        // When it was last seen, and last active.
        read.take(if kind == 21 { 16 } else { 8 })?;
        for _ in 0..read.length()? {
            let id = Id::of(read.take(16)?)?;
            // No command makes somebody wait for a message that is gone.
            if there.contains(&id) {
                let (delivered, deliveries) = *waits.get(&id)?;
                let deliveries = deliveries.try_into().ok()?;
                pending.push(Pending { id: id.text(), consumer: consumer.clone(), delivered, deliveries });
            }
        }
        consumers.push(consumer);
    }
    let entries_read = entries_read.map(TryInto::try_into).transpose().ok()?;
    Some(Group { name, last_delivered, entries_read, consumers, pending })
}
