//! Libraries of functions: they are their code, so it is their code that is compared and loaded.

use std::collections::BTreeMap;

use redis::Value as Answer;

use super::job::Existing;
use super::link::{Link, bytes, command, list};
use crate::error::Result;

type Libraries = BTreeMap<Vec<u8>, Vec<u8>>;

async fn libraries(link: &mut Link) -> Result<Libraries> {
    let answer = link.one("reading functions", command("FUNCTION", &[b"LIST", b"WITHCODE"])).await?;
    let library = |answer: Answer| {
        let facts = list(answer);
        let fact = |name: &str| {
            let pair = facts
                .chunks(2)
                .find(|pair| pair.first().cloned().and_then(bytes).as_deref() == Some(name.as_bytes()));
            pair.and_then(|pair| pair.get(1)).cloned().and_then(bytes)
        };
        Some((fact("library_name")?, fact("library_code")?))
    };
    Ok(list(answer).into_iter().filter_map(library).collect())
}

/// Loads those that lack or differ. Says how many the source has.
pub async fn copy(source: &mut Link, target: &mut Link, existing: Option<Existing>) -> Result<u64> {
    let (wanted, there) = (libraries(source).await?, libraries(target).await?);
    let mut commands = vec![];
    for (name, code) in &wanted {
        match there.get(name) {
            Some(here) if here == code || existing == Some(Existing::Skip) => {}
            _ => commands.push(command("FUNCTION", &[b"LOAD", b"REPLACE", code])),
        }
    }
    if existing == Some(Existing::Wipe) {
        let more = there.keys().filter(|name| !wanted.contains_key(*name));
        commands.extend(more.map(|name| command("FUNCTION", &[b"DELETE", name])));
    }
    target.wrote(commands.len());
    target.sure("loading functions", commands).await?;
    Ok(wanted.len() as u64)
}
