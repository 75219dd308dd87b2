//! A large value: compared by what it means and moved in slices. One that goes on changing while it is read so is in the end
//! read at once, if it is not too large: then it is exact.

use redis::Value as Answer;

use super::{Item, TRIES, Turn};
use crate::error::Result;
use crate::redis::link::{command, int};
use crate::redis::plan::value::{Kind, Value};
use crate::redis::report::Path;
use crate::redis::slices::{digest, fetch, is_another, settle};
use crate::redis::values::{Type, types};

/// Up to here a value that keeps changing may be read at once.
const AT_ONCE: u64 = 64 << 20;

impl Turn<'_> {
    pub(super) async fn large(&mut self, item: &Item<'_>, kind: Kind) -> Result<()> {
        self.counts.large += 1;
        let Some(ends) = expires(self, item).await? else {
            self.counts.expired += 1;
            return Ok(());
        };
        if self.batch.look {
            let there = types(&mut self.hands.target, &[&item.name]).await?.pop();
            if self.skips() && there != Some(Type::Gone) {
                self.counts.skipped += 1;
                return Ok(());
            }
            if there == Some(Type::Known(kind)) && self.stands(item, kind, ends).await? {
                self.counts.equal += 1;
                return Ok(());
            }
            // It was copied before, and changed since: slices would never be of one moment.
            let whole = self.batch.pass > 1 && item.size <= AT_ONCE && !item.is_masked();
            if whole && self.shared.path == Path::Payloads && there != Some(Type::Gone) {
                let one = Item {
                    key: item.key,
                    name: item.name.clone(),
                    size: item.size,
                    masking: item.masking.clone(),
                };
                Box::pin(self.payloads(vec![one])).await?;
                return Ok(());
            }
        }
        self.slices(item, kind).await
    }

    /// Whether the target has it as it should be.
    async fn stands(&mut self, item: &Item<'_>, kind: Kind, ends: i64) -> Result<bool> {
        let end = self.hands.target.one("reading values", command("PEXPIRETIME", &[&item.name])).await?;
        if int(&end) != Some(ends) {
            return Ok(false);
        }
        let (lives, form) = (self.shared.field_lives, (kind, item.size));
        let bytes = Some(&*self.shared.bytes);
        let there =
            digest(&mut self.hands.source, item.key, form, lives, item.masking.as_ref(), bytes).await?;
        let here = digest(&mut self.hands.target, &item.name, form, lives, None, None).await?;
        Ok(there.is_some() && there == here)
    }

    async fn slices(&mut self, item: &Item<'_>, kind: Kind) -> Result<()> {
        let form = (kind, item.size);
        for round in 0..TRIES {
            let Some(sent) = self.fetched(item, form).await? else { return Ok(()) };
            // Its end may have been moved while it was read.
            let Some(ends) = expires(self, item).await? else {
                self.counts.expired += 1;
                return self.withhold(vec![&self.hands.part.clone()]).await;
            };
            let part = self.hands.part.clone();
            settle(&mut self.hands.target, &part, &item.name, ends).await?;
            let found =
                digest(&mut self.hands.target, &item.name, form, self.shared.field_lives, None, None).await?;
            if found == Some(sent) {
                self.counts.copied += 1;
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

    /// Into our part of the target; none: it must not be there, or it is no longer what it was.
    async fn fetched(&mut self, item: &Item<'_>, form: (Kind, u64)) -> Result<Option<u128>> {
        let (mut leaked, mut moved) = (false, 0);
        let part = self.hands.part.clone();
        let (shared, hands) = (self.shared, &mut *self.hands);
        let mut see = |slice: &mut Value| {
            leaked |= shared.leaks_in_value(item, slice);
            moved += slice.bytes();
            if let Some(masking) = &item.masking {
                masking.apply(slice);
            }
        };
        let seen = fetch(hands, item.key, form, shared.field_lives, &mut see, &shared.bytes).await;
        self.moved(moved);
        match seen {
            Ok(sent) if !leaked => Ok(Some(sent)),
            Ok(_) => {
                self.withhold(vec![&part, &item.name]).await?;
                Ok(None)
            }
            // The next pass finds it as what it is then.
            Err(error) if is_another(&error) => {
                self.withhold(vec![&part]).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// None: it is gone.
async fn expires(turn: &mut Turn<'_>, item: &Item<'_>) -> Result<Option<i64>> {
    let answer: Answer = turn.hands.source.one("reading values", command("PEXPIRETIME", &[item.key])).await?;
    Ok(int(&answer).filter(|expires| *expires != -2))
}
