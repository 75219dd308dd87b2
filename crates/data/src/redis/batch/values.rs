//! Values by what they mean: those that are masked, and all of them where the target does not read what the source writes.

use super::payloads::now;
use super::{Item, TRIES, Turn, is_over};
use crate::error::Result;
use crate::redis::plan::value::Value;
use crate::redis::values::{Read, put, read, went_well};

/// What a key should hold on the target.
struct Wanted<'a> {
    at: usize,
    name: &'a [u8],
    value: Value,
    digest: u128,
    expires: i64,
}

impl Turn<'_> {
    pub(super) async fn values(&mut self, items: &[Item<'_>]) -> Result<()> {
        let keys: Vec<&[u8]> = items.iter().map(|item| item.key).collect();
        let found = read(&mut self.hands.source, &keys, self.shared.field_lives).await?;
        let bytes = found.iter().map(|found| match found {
            Read::Held(value, _) => value.bytes(),
            Read::Gone | Read::Foreign(_) => 0,
        });
        self.shared.bytes.pass(bytes.sum()).await;
        self.values_of(items, found).await
    }

    /// The same of what was read already.
    pub(super) async fn values_of(&mut self, items: &[Item<'_>], found: Vec<Read>) -> Result<()> {
        let lives = self.shared.field_lives;
        let names: Vec<&[u8]> = items.iter().map(|item| item.name.as_slice()).collect();
        let standing =
            if self.batch.look { read(&mut self.hands.target, &names, lives).await? } else { vec![] };
        let (mut todo, mut withheld) = (vec![], vec![]);
        for (at, (item, found)) in items.iter().zip(found).enumerate() {
            let (mut value, expires) = match found {
                Read::Held(value, expires) => (value, expires),
                Read::Gone => {
                    self.counts.expired += 1;
                    continue;
                }
                Read::Foreign(word) => {
                    let place = self.place(item);
                    self.counts
                        .not_copied
                        .push(format!("{place} is {word}, a module's, which the target does not read"));
                    continue;
                }
            };
            let there = standing.get(at).filter(|there| !matches!(there, Read::Gone));
            if self.skips() && there.is_some() {
                self.counts.skipped += 1;
                continue;
            }
            if self.shared.leaks_in_value(item, &mut value) {
                withheld.push(item.name.as_slice());
                continue;
            }
            if let Some(masking) = &item.masking {
                masking.apply(&mut value);
            }
            let digest = value.digest();
            let wanted = Wanted { at, name: &item.name, digest, value, expires };
            match there {
                Some(there) if is(there, &wanted) => self.counts.equal += 1,
                _ => todo.push(wanted),
            }
        }
        if !withheld.is_empty() && self.batch.look {
            self.withhold(withheld).await?;
        }
        self.write(items, todo).await
    }

    async fn write(&mut self, items: &[Item<'_>], mut todo: Vec<Wanted<'_>>) -> Result<()> {
        for round in 0..TRIES {
            if todo.is_empty() {
                return Ok(());
            }
            let commands: Vec<_> =
                todo.iter().flat_map(|wanted| put(wanted.name, &wanted.value, wanted.expires)).collect();
            self.hands.target.wrote(commands.len() - 2 * todo.len());
            let answers = self.hands.target.all("writing values", commands).await?;
            went_well(&self.hands.target, answers)?;
            self.moved(todo.iter().map(|wanted| wanted.value.bytes()).sum());
            let names: Vec<&[u8]> = todo.iter().map(|wanted| wanted.name).collect();
            let found = read(&mut self.hands.target, &names, self.shared.field_lives).await?;
            let now = now(&mut self.hands.target).await?;
            let mut again = vec![];
            for (wanted, found) in todo.into_iter().zip(found) {
                match found {
                    Read::Gone if is_over(wanted.expires, now) => self.counts.expired += 1,
                    found if is(&found, &wanted) => self.counts.copied += 1,
                    _ => again.push(wanted),
                }
            }
            todo = again;
            if round + 1 < TRIES {
                self.counts.repaired += todo.len() as u64;
            }
        }
        for wanted in todo {
            if let Some(item) = items.get(wanted.at) {
                let place = self.place(item);
                self.counts.differing.push(place);
            }
        }
        Ok(())
    }
}

fn is(found: &Read, wanted: &Wanted<'_>) -> bool {
    match found {
        Read::Held(value, expires) => {
            *expires == wanted.expires
                && value.kind() == wanted.value.kind()
                && value.digest() == wanted.digest
        }
        Read::Gone | Read::Foreign(_) => false,
    }
}
