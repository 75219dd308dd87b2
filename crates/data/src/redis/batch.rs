//! A batch of keys: each is looked at on the source, taken by the way that suits it, and written, if the target does not
//! have it yet. What was written is read back: it has to be what was sent.

mod large;
mod payloads;
mod snapshots;
mod values;

use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use payloads::Dumped;
use tokio::sync::OwnedSemaphorePermit;

use super::job::Existing;
use super::link::{End, Link, command, denies, int};
use super::plan::names::{OURS, Scope, shown};
use super::plan::rules::{Masking, Rules};
use super::plan::value::{Kind, Value};
use super::report::{Counts, Path, Tally};
use super::slices;
use super::values::{Type, types};
use crate::Say;
use crate::error::Result;
use crate::leaks::Leaks;
use crate::throttle::Throttle;

/// Values that a server says take more than this are moved in slices.
const LARGE: u64 = 1 << 20;

/// What is asked for at once: about so many bytes, at most so many keys.
const BYTES: u64 = 1 << 20;
const KEYS: usize = 256;

/// How often something may turn out to be another than was sent.
const TRIES: u32 = 3;

/// What all batches need.
pub struct Shared {
    pub scope: Scope,
    pub rules: Rules,
    pub path: Path,
    pub existing: Option<Existing>,
    pub source: End,
    pub target: End,
    /// Both servers know lives of a hash's fields.
    pub field_lives: bool,
    pub age: Age,
    pub bytes: Arc<Throttle>,
    pub pace: Arc<Throttle>,
    pub tally: Arc<Tally>,
    pub leaks: Option<Arc<Leaks>>,
    pub say: Say,
}

/// What a target wants to know to forget the right keys first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Unasked,
    Idle,
    Frequency,
}

/// A worker's connections, and where it puts large values together.
pub struct Hands {
    pub source: Link,
    pub target: Link,
    pub part: Vec<u8>,
}

impl Hands {
    pub async fn open(shared: &Shared, lane: usize) -> Result<Self> {
        let (mut source, target) = (shared.source.connect().await?, shared.target.connect().await?);
        gentle(&mut source).await?;
        Ok(Self { source, target, part: slices::part(lane) })
    }

    pub async fn again(&mut self, shared: &Shared) -> Result<()> {
        self.source = shared.source.patiently().await?;
        self.target = shared.target.patiently().await?;
        gentle(&mut self.source).await
    }
}

impl Shared {
    /// True: something stands in it that must not be where it would be sent.
    fn leaks_in(&self, item: &Item<'_>, texts: impl FnOnce(&mut dyn FnMut(&[u8]))) -> bool {
        let Some(leaks) = &self.leaks else { return false };
        let mut leaked = leaks.look(item.key, || format!("names of {}", shown(item.key, true)));
        texts(&mut |text| leaked |= leaks.look(text, || shown(item.key, true)));
        leaked
    }

    /// The same for a value, before it is masked.
    fn leaks_in_value(&self, item: &Item<'_>, value: &mut Value) -> bool {
        self.leaks_in(item, |look| match &item.masking {
            Some(masking) => masking.others(value, look),
            None => value.texts(look),
        })
    }
}

/// Reading should not make keys look used. Older servers cannot, and not every user may.
async fn gentle(link: &mut Link) -> Result<()> {
    let asked =
        vec![command("CLIENT", &[b"NO-TOUCH", b"ON"]), command("CLIENT", &[b"SETNAME", b"outboard-copy"])];
    link.all("asking to be gentle", asked).await.map(drop)
}

#[derive(Debug)]
pub struct Batch {
    pub database: u32,
    pub keys: Vec<Vec<u8>>,
    pub pass: u32,
    /// The target may have some of it.
    pub look: bool,
    /// What a snapshot has of them, in the same order; else they are asked for.
    pub dumped: Vec<Dumped>,
    /// What it takes of the memory there is for them.
    pub room: Option<OwnedSemaphorePermit>,
}

/// A key, and what it takes to copy it.
struct Item<'a> {
    key: &'a [u8],
    /// On the target.
    name: Vec<u8>,
    size: u64,
    masking: Option<Masking<'a>>,
}

impl Item<'_> {
    fn is_masked(&self) -> bool {
        self.masking.as_ref().is_some_and(Masking::masks_any)
    }
}

/// One batch, while it is carried over.
struct Turn<'a> {
    shared: &'a Shared,
    hands: &'a mut Hands,
    batch: &'a Batch,
    counts: Counts,
}

pub async fn carry(shared: &Shared, hands: &mut Hands, batch: &Batch) -> Result<Counts> {
    shared.pace.pass(batch.keys.len()).await;
    hands.source.select(batch.database).await?;
    hands.target.select(batch.database).await?;
    if !batch.dumped.is_empty() {
        let mut turn = Turn { shared, hands, batch, counts: Counts::default() };
        Box::pin(turn.snapshots()).await?;
        return Ok(turn.counts);
    }
    let asked = batch.keys.iter().map(|key| command("MEMORY", &[b"USAGE", key])).collect();
    let sizes = hands.source.permitted("asking how large values are", asked).await?;
    let mut turn = Turn { shared, hands, batch, counts: Counts::default() };
    let (mut by_payload, mut by_value, mut large) = (vec![], vec![], vec![]);
    for (key, size) in batch.keys.iter().zip(&sizes) {
        if denies(size) {
            let place = turn.named(key);
            turn.counts.not_copied.push(format!("{place} may not be read by the source's user"));
            continue;
        }
        let Some(size) = int(size).and_then(|size| u64::try_from(size).ok()) else {
            turn.counts.expired += 1;
            continue;
        };
        let item = Item { key, name: shared.scope.renamed(key), size, masking: shared.rules.of(key) };
        if item.is_masked() {
            turn.counts.masked += 1;
        }
        match (size > LARGE, item.is_masked() || shared.path == Path::Commands) {
            (true, _) => large.push(item),
            (false, true) => by_value.push(item),
            (false, false) => by_payload.push(item),
        }
    }
    for items in [&mut by_payload, &mut by_value, &mut large] {
        turn.apart(items).await?;
    }
    let names: Vec<&[u8]> = large.iter().map(|item| item.key).collect();
    let kinds = types(&mut turn.hands.source, &names).await?;
    for (item, kind) in large.into_iter().zip(kinds) {
        match kind {
            Type::Gone => turn.counts.expired += 1,
            // A mask looks at a whole text.
            Type::Known(Kind::String) if item.is_masked() => by_value.push(item),
            Type::Known(kind) => Box::pin(turn.large(&item, kind)).await?,
            Type::Foreign(_) if shared.path == Path::Payloads => by_payload.push(item),
            Type::Foreign(_) => by_value.push(item),
        }
    }
    for some in groups(by_payload) {
        let unread = Box::pin(turn.payloads(some)).await?;
        by_value.extend(unread);
    }
    for some in groups(by_value) {
        Box::pin(turn.values(&some)).await?;
    }
    if batch.pass > 1 {
        turn.counts.changed = turn.counts.copied;
    }
    Ok(turn.counts)
}

fn groups(items: Vec<Item<'_>>) -> Vec<Vec<Item<'_>>> {
    let (mut groups, mut bytes) = (vec![], 0);
    for item in items {
        if groups.is_empty()
            || bytes + item.size > BYTES
            || groups.last().is_some_and(|some: &Vec<_>| some.len() >= KEYS)
        {
            groups.push(vec![]);
            bytes = 0;
        }
        bytes += item.size;
        if let Some(last) = groups.last_mut() {
            last.push(item);
        }
    }
    groups
}

impl Turn<'_> {
    /// A key for people.
    fn place(&self, item: &Item<'_>) -> String {
        self.named(item.key)
    }

    fn named(&self, key: &[u8]) -> String {
        format!("database {}: {}", self.batch.database, shown(key, self.shared.rules.masks_any()))
    }

    /// Leaves out those whose new name another key of the source would have, too: two would become one.
    async fn apart(&mut self, items: &mut Vec<Item<'_>>) -> Result<()> {
        let renamed = |item: &Item<'_>| item.name != item.key;
        let mut asked = vec![];
        for item in items.iter().filter(|item| renamed(item)) {
            let others = self.shared.scope.origins(&item.name);
            let others: Vec<&[u8]> =
                others.iter().map(Vec::as_slice).filter(|other| *other != item.key).collect();
            // Without another it is asked for a key that nobody has.
            asked.push(command("EXISTS", if others.is_empty() { &[OURS] } else { &others }));
        }
        let answers = self.hands.source.permitted("asking whether names meet", asked).await?;
        let mut meets = answers.iter().map(|there| int(there) != Some(0));
        let mut met = vec![];
        items.retain(|item| {
            let meet = renamed(item) && meets.next().unwrap_or(false);
            if meet {
                met.push(format!(
                    "{} would become {}, as another",
                    self.place(item),
                    shown(&item.name, self.shared.rules.masks_any())
                ));
            }
            !meet
        });
        self.counts.not_copied.extend(met);
        Ok(())
    }

    /// What leaks must not stand there from an earlier run either.
    async fn withhold(&mut self, names: Vec<&[u8]>) -> Result<()> {
        let commands: Vec<_> = names.into_iter().map(|name| command("UNLINK", &[name])).collect();
        self.hands.target.wrote(commands.len());
        self.hands.target.sure("taking back what must not be there", commands).await.map(drop)
    }

    /// So many bytes more are there.
    fn moved(&self, bytes: usize) {
        self.shared.tally.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.shared.tally.done.fetch_add(1, Ordering::Relaxed);
    }

    fn skips(&self) -> bool {
        self.shared.existing == Some(Existing::Skip)
    }
}

/// Whether a key may be gone by now for its own end: the servers' clocks need not agree to the millisecond.
fn is_over(expires: i64, now_millis: i64) -> bool {
    expires >= 0 && expires <= now_millis + 1000
}
