//! Libraries of functions: they are their code, so it is their code that is compared and loaded.

use std::collections::BTreeMap;

use redis::Value as Answer;

use super::job::Existing;
use super::link::{Link, bytes, command, list};
use crate::error::{Error, Result};

pub type Libraries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Out of a snapshot, which has their code alone: it begins with their name.
pub fn named(codes: &[Vec<u8>]) -> Result<Libraries> {
    let name = |code: &[u8]| -> Option<Vec<u8>> {
        let first = code.split(|byte| *byte == b'\n').next()?;
        let word = first.split(u8::is_ascii_whitespace).find_map(|word| word.strip_prefix(b"name="))?;
        // As the servers read it, quotes may stand around it.
        Some(word.trim_ascii().iter().copied().filter(|byte| !matches!(byte, b'"' | b'\'')).collect())
    };
    let library = |code: &Vec<u8>| Some((name(code)?, code.clone()));
    let all: Option<Libraries> = codes.iter().map(library).collect();
    all.ok_or_else(|| Error::Internal("a library of functions without a name".into()))
}

pub async fn libraries(link: &mut Link) -> Result<Libraries> {
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
pub async fn copy(wanted: &Libraries, target: &mut Link, existing: Option<Existing>) -> Result<u64> {
    let there = libraries(target).await?;
    let mut commands = vec![];
    for (name, code) in wanted {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_called_what_its_code_says() {
        let codes =
            ["#!lua name=shop\nredis.x()", "#!lua   name=\"two\" \r\n"].map(|code| code.as_bytes().to_vec());
        let names: Vec<Vec<u8>> = named(&codes).unwrap().into_keys().collect();
        assert_eq!(names, [b"shop".to_vec(), b"two".to_vec()]);
        assert!(named(&[b"return 1".to_vec()]).is_err());
    }
}
