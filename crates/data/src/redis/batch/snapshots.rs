//! Keys out of a snapshot: their values are here already, so the source is not asked for them.

use std::collections::HashMap;

use super::payloads::now;
use super::{Dumped, Item, LARGE, TRIES, Turn, groups, is_over};
use crate::error::Result;
use crate::redis::link::{command, int};
use crate::redis::plan::payload;
use crate::redis::plan::value::Value;
use crate::redis::slices::{digest, pieces, place, settle};
use crate::redis::values::{Read, Type, types};

impl Turn<'_> {
    pub(super) async fn snapshots(&mut self) -> Result<()> {
        let (shared, batch) = (self.shared, self.batch);
        let now = now(&mut self.hands.target).await?;
        let mut all = vec![];
        for (key, dumped) in batch.keys.iter().zip(&batch.dumped) {
            if is_over(dumped.expires, now) {
                self.counts.expired += 1;
                continue;
            }
            let size = dumped.payload.len() as u64;
            let item = Item { key, name: shared.scope.renamed(key), size, masking: shared.rules.of(key) };
            if item.is_masked() {
                self.counts.masked += 1;
            }
            all.push(item);
        }
        self.apart(&mut all).await?;
        let (mut by_payload, mut by_value) = (vec![], vec![]);
        let of: HashMap<&[u8], &Dumped> =
            batch.keys.iter().map(Vec::as_slice).zip(&batch.dumped).collect();
        for item in all {
            let Some(dumped) = of.get(item.key) else { continue };
            match decoded(dumped).filter(|_| item.size > LARGE) {
                Some(value) => {
                    Box::pin(self.large_value(&item, value, dumped.expires)).await?;
                }
                _ if item.is_masked() => by_value.push(item),
                _ => by_payload.push(item),
            }
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

    /// Written in slices, so that the target is not held for long.
    async fn large_value(&mut self, item: &Item<'_>, mut value: Value, expires: i64) -> Result<()> {
        self.counts.large += 1;
        let lives = self.shared.field_lives;
        let form = (value.kind(), item.size);
        let there = match self.batch.look {
            true => types(&mut self.hands.target, &[&item.name]).await?.pop(),
            false => None,
        };
        let there = there.filter(|there| *there != Type::Gone);
        if self.skips() && there.is_some() {
            self.counts.skipped += 1;
            return Ok(());
        }
        if self.shared.leaks_in_value(item, &mut value) {
            return self.withhold(vec![&item.name]).await;
        }
        if let Some(masking) = &item.masking {
            masking.apply(&mut value);
        }
        let sent = value.digest();
        if there == Some(Type::Known(form.0)) {
            let end = self.hands.target.one("reading values", command("PEXPIRETIME", &[&item.name])).await?;
            let here = digest(&mut self.hands.target, &item.name, form, lives, None, None).await?;
            if int(&end) == Some(expires) && here == Some(sent) {
                self.counts.equal += 1;
                return Ok(());
            }
        }
        let pieces = pieces(value);
        for round in 0..TRIES {
            let part = self.hands.part.clone();
            place(&mut self.hands.target, &part, &pieces).await?;
            self.moved(pieces.iter().map(Value::bytes).sum());
            settle(&mut self.hands.target, &part, &item.name, expires).await?;
            let found = digest(&mut self.hands.target, &item.name, form, lives, None, None).await?;
            if found == Some(sent) {
                self.counts.copied += 1;
                return Ok(());
            }
            if is_over(expires, now(&mut self.hands.target).await?) {
                self.counts.expired += 1;
                return Ok(());
            }
            if round + 1 < TRIES {
                self.counts.repaired += 1;
            }
        }
        let place = self.place(item);
        self.counts.differing.push(place);
        Ok(())
    }
}

fn decoded(dumped: &Dumped) -> Option<Value> {
    payload::split(&dumped.payload).and_then(|(body, _)| payload::value(body))
}

fn held(dumped: Option<&Dumped>) -> Read {
    let Some(dumped) = dumped else { return Read::Gone };
    match decoded(dumped) {
        Some(value) => Read::Held(value, dumped.expires),
        None => Read::Foreign("of a type that is not read here".to_owned()),
    }
}
