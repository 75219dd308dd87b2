//! Keys out of a snapshot: their values are here already, so the source is not asked for them.

use std::collections::HashMap;

use super::payloads::now;
use super::{Dumped, Item, LARGE, TRIES, Turn, groups, is_over};
use crate::error::Result;
use crate::redis::link::{command, int};
use crate::redis::plan::payload::{self, Pieces};
use crate::redis::plan::value::{Digest, Kind};
use crate::redis::slices::{SLICE, add, clear, digest, settle};
use crate::redis::values::{Read, Type, types};

/// What a large value is, masked as it would be written.
struct Looked {
    kind: Kind,
    digest: u128,
    leaks: bool,
}

impl Turn<'_> {
    pub(super) async fn snapshots(&mut self) -> Result<()> {
        let (shared, batch) = (self.shared, self.batch);
        let now = now(&mut self.hands.target).await?;
        let (mut all, mut over) = (vec![], vec![]);
        for (key, dumped) in batch.keys.iter().zip(&batch.dumped) {
            let name = shared.scope.renamed(key);
            if is_over(dumped.expires, now) {
                over.push((name, dumped.expires));
                continue;
            }
            let item = Item { key, name, size: dumped.payload.len() as u64, masking: shared.rules.of(key) };
            if item.is_masked() {
                self.counts.masked += 1;
            }
            all.push(item);
        }
        self.counts.expired += over.len() as u64;
        if batch.look && !self.skips() {
            self.outlived(&over).await?;
        }
        self.apart(&mut all).await?;
        let of: HashMap<&[u8], &Dumped> = batch.keys.iter().map(Vec::as_slice).zip(&batch.dumped).collect();
        let (mut by_payload, mut by_value) = (vec![], vec![]);
        for item in all {
            let Some(dumped) = of.get(item.key).copied() else { continue };
            if item.size > LARGE && Box::pin(self.large_of(&item, dumped)).await? {
                continue;
            }
            if item.is_masked() { &mut by_value } else { &mut by_payload }.push(item);
        }
        for some in groups(by_payload) {
            let read = some.iter().map(|item| of.get(item.key).copied().cloned()).collect();
            let unread = Box::pin(self.payloads_of(some, read)).await?;
            by_value.extend(unread);
        }
        for some in groups(by_value) {
            let found = some.iter().map(|item| held(of.get(item.key).copied())).collect();
            Box::pin(self.values_of(&some, found)).await?;
        }
        Ok(())
    }

    /// What the target has under those names, if it does not end by itself as they do, is of before.
    async fn outlived(&mut self, over: &[(Vec<u8>, i64)]) -> Result<()> {
        let asked = over.iter().map(|(name, _)| command("PEXPIRETIME", &[name])).collect();
        let ends = self.hands.target.sure("reading values", asked).await?;
        let stale = over
            .iter()
            .zip(&ends)
            .filter(|((_, expires), end)| int(end).is_some_and(|end| end != -2 && end != *expires));
        let names: Vec<&[u8]> = stale.map(|((name, _), _)| name.as_slice()).collect();
        self.withhold(names).await
    }

    /// Written in slices, so that the target is not held for long. False: it is of a form that is not read here.
    async fn large_of(&mut self, item: &Item<'_>, dumped: &Dumped) -> Result<bool> {
        let Some(looked) = self.looked(item, dumped) else { return Ok(false) };
        self.counts.large += 1;
        let there = match self.batch.look {
            true => types(&mut self.hands.target, &[&item.name]).await?.pop(),
            false => None,
        };
        let there = there.filter(|there| *there != Type::Gone);
        if self.skips() && there.is_some() {
            self.counts.skipped += 1;
            return Ok(true);
        }
        if looked.leaks {
            self.withhold(vec![&item.name]).await?;
            return Ok(true);
        }
        if there == Some(Type::Known(looked.kind)) {
            let end = self.hands.target.one("reading values", command("PEXPIRETIME", &[&item.name])).await?;
            if int(&end) == Some(dumped.expires) && self.stands_as(item, &looked).await? {
                self.counts.equal += 1;
                return Ok(true);
            }
        }
        for round in 0..TRIES {
            self.put_together(item, dumped).await?;
            let part = self.hands.part.clone();
            settle(&mut self.hands.target, &part, &item.name, dumped.expires).await?;
            if self.stands_as(item, &looked).await? {
                self.counts.copied += 1;
                return Ok(true);
            }
            if is_over(dumped.expires, now(&mut self.hands.target).await?) {
                self.counts.expired += 1;
                return Ok(true);
            }
            if round + 1 < TRIES {
                self.counts.repaired += 1;
            }
        }
        let place = self.place(item);
        self.counts.differing.push(place);
        Ok(true)
    }

    /// None: it is of a form that is not read here.
    fn looked(&self, item: &Item<'_>, dumped: &Dumped) -> Option<Looked> {
        let mut pieces = pieces(item, dumped)?;
        let kind = pieces.kind();
        let (mut digest, mut leaks) = (Digest::new(kind), false);
        while let Some(mut piece) = pieces.piece().ok()? {
            leaks |= self.shared.leaks_in_value(item, &mut piece);
            if let Some(masking) = &item.masking {
                masking.apply(&mut piece);
            }
            digest.add(&piece);
        }
        Some(Looked { kind, digest: digest.finish(), leaks })
    }

    /// Whether the target has it as it should be.
    async fn stands_as(&mut self, item: &Item<'_>, looked: &Looked) -> Result<bool> {
        let (form, lives) = ((looked.kind, item.size), self.shared.field_lives);
        let found = digest(&mut self.hands.target, &item.name, form, lives, None, None).await?;
        Ok(found == Some(looked.digest))
    }

    /// In our part of the target.
    async fn put_together(&mut self, item: &Item<'_>, dumped: &Dumped) -> Result<()> {
        let part = self.hands.part.clone();
        clear(&mut self.hands.target, &part).await?;
        let (mut begun, mut moved) = (false, 0);
        let Some(mut pieces) = pieces(item, dumped) else { return Ok(()) };
        while let Ok(Some(mut piece)) = pieces.piece() {
            if let Some(masking) = &item.masking {
                masking.apply(&mut piece);
            }
            moved += piece.bytes();
            add(&mut self.hands.target, &part, &piece, &mut begun).await?;
        }
        self.moved(moved);
        Ok(())
    }
}

fn pieces<'a>(item: &Item<'_>, dumped: &'a Dumped) -> Option<Pieces<'a>> {
    let (body, _) = payload::split(&dumped.payload)?;
    // A mask looks at a whole text.
    let whole = item.is_masked() && body.first() == Some(&0);
    Pieces::new(body, if whole { usize::MAX } else { SLICE as usize })
}

fn held(dumped: Option<&Dumped>) -> Read {
    let Some(dumped) = dumped else { return Read::Gone };
    match payload::split(&dumped.payload).and_then(|(body, _)| payload::value(body)) {
        Some(value) => Read::Held(value, dumped.expires),
        None => Read::Foreign("of a type of its own".to_owned()),
    }
}
