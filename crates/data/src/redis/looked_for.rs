//! Values that are masked, read beforehand so that they can be looked for in everything else.

use std::collections::BTreeMap;

use super::batch::Hands;
use super::link::{Link, command, denies};
use super::plan::names::Scope;
use super::plan::rules::Rules;
use super::values::{Read, read};
use super::walk::names;
use crate::error::Result;
use crate::leaks::Leaks;

/// Of each rule so many.
const VALUES: usize = 5_000;

/// Keys that are read for them at once, and altogether.
const AT_ONCE: usize = 100;
const KEYS: usize = 50_000;

/// Without those that the source's user may not read.
async fn readable<'k>(source: &mut Link, keys: &[&'k [u8]]) -> Result<Vec<&'k [u8]>> {
    let asked = keys.iter().map(|key| command("MEMORY", &[b"USAGE", key])).collect();
    let answers = source.permitted("asking which keys it may read", asked).await?;
    Ok(keys.iter().zip(&answers).filter(|(_, answer)| !denies(answer)).map(|(key, _)| *key).collect())
}

fn has_room(found: &BTreeMap<String, Vec<String>>, label: &str) -> bool {
    found.get(label).is_none_or(|values| values.len() < VALUES)
}

pub async fn values(
    hands: &mut Hands,
    scope: &Scope,
    rules: &Rules,
    databases: &[u32],
) -> Result<Option<Leaks>> {
    if !rules.masks_any() {
        return Ok(None);
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut left = KEYS;
    for database in databases {
        let mut cursor = b"0".to_vec();
        while left > 0 && rules.wants(|label| has_room(&found, label)) {
            let (next, keys) = names(&mut hands.source, *database, &cursor, scope.pattern()).await?;
            let masked = keys.iter().filter(|key| scope.takes(key));
            let masked: Vec<&[u8]> = masked
                .filter(|key| {
                    rules.of(key).is_some_and(|masking| masking.wants(|label| has_room(&found, label)))
                })
                .map(Vec::as_slice)
                .take(left)
                .collect();
            left -= masked.len();
            for some in masked.chunks(AT_ONCE) {
                let some = readable(&mut hands.source, some).await?;
                let values = read(&mut hands.source, &some, false).await?;
                for (key, value) in some.iter().zip(values) {
                    let (Some(masking), Read::Held(mut value, _)) = (rules.of(key), value) else { continue };
                    masking.tell(&mut value, &mut |label, text| {
                        let values = found.entry(label.to_owned()).or_default();
                        if let Ok(text) = std::str::from_utf8(text)
                            && values.len() < VALUES
                        {
                            values.push(text.to_owned());
                        }
                    });
                }
            }
            if next == b"0" {
                break;
            }
            cursor = next;
        }
    }
    if found.is_empty() { Ok(None) } else { Leaks::new(found).map(Some) }
}
