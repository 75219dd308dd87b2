//! Values by what they mean: read whole with the commands of their type, and written with them. Several keys at once.

use redis::{Cmd, Value as Answer};

use super::link::{Link, bytes, command, int, list, refusal, strings, text};
use super::plan::value::{Entry, Field, Kind, Value};
use super::stream;
use crate::error::{Error, Result};

/// Elements that one command brings.
const AT_ONCE: usize = 500;

/// How often a key may become one of another type while it is read.
const TRIES: u32 = 5;

#[derive(Clone, Debug)]
pub enum Read {
    Gone,
    /// With its end, in milliseconds since 1970; -1: it has none.
    Held(Value, i64),
    /// Of a module, by the name of its type.
    Foreign(String),
}

/// What a key is, if it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Gone,
    Known(Kind),
    Foreign(String),
}

pub async fn types(link: &mut Link, keys: &[&[u8]]) -> Result<Vec<Type>> {
    let asked = keys.iter().map(|key| command("TYPE", &[key])).collect();
    let answers = link.sure("asking for types", asked).await?;
    let one = |answer| match text(answer) {
        word if word == "none" => Type::Gone,
        word => Kind::named(&word).map_or(Type::Foreign(word), Type::Known),
    };
    Ok(answers.into_iter().map(one).collect())
}

/// Reads each of them as of one moment, in the order they are asked for.
pub async fn read(link: &mut Link, keys: &[&[u8]], field_lives: bool) -> Result<Vec<Read>> {
    let mut found: Vec<Read> = keys.iter().map(|_| Read::Gone).collect();
    let mut open: Vec<usize> = (0..keys.len()).collect();
    for _ in 0..TRIES {
        if open.is_empty() {
            return Ok(found);
        }
        let names: Vec<&[u8]> = open.iter().filter_map(|at| keys.get(*at).copied()).collect();
        let types = types(link, &names).await?;
        let mut again = vec![];
        let (mut asked, mut of) = (vec![], vec![]);
        for ((at, key), kind) in open.iter().zip(&names).zip(types) {
            match kind {
                Type::Gone => {}
                Type::Foreign(word) => set(&mut found, *at, Read::Foreign(word)),
                Type::Known(kind) => {
                    asked.push(command("PEXPIRETIME", &[key]));
                    asked.push(whole(kind, key));
                    of.push((*at, *key, kind));
                }
            }
        }
        let mut answers = link.all("reading values", asked).await?.into_iter();
        let mut held = vec![];
        for (at, key, kind) in of {
            let (Some(expires), Some(answer)) = (answers.next(), answers.next()) else { break };
            if refusal(&answer) == Some("WRONGTYPE") {
                again.push(at);
                continue;
            }
            let expires = int(&link.accept("reading values", expires)?).unwrap_or(-2);
            let value = value(kind, link.accept("reading values", answer)?);
            held.extend(value.filter(|_| expires != -2).map(|value| (at, key, value, expires)));
        }
        let streams = held.iter().filter(|(_, _, value, _)| value.kind() == Kind::Stream);
        let streams: Vec<&[u8]> = streams.map(|(_, key, ..)| *key).collect();
        let mut states = stream::states(link, &streams).await?.into_iter();
        for (at, key, value, expires) in held {
            // What takes questions of its own: a stream's groups, lives of a hash's fields.
            let value = match value {
                Value::Stream(entries, _) => {
                    states.next().flatten().map(|state| Value::Stream(entries, Some(state)))
                }
                Value::Hash(mut fields) if field_lives => {
                    lives(link, key, &mut fields).await?.then_some(Value::Hash(fields))
                }
                value => Some(value),
            };
            match value {
                Some(value) => set(&mut found, at, Read::Held(value, expires)),
                // It is another by now.
                None => again.push(at),
            }
        }
        open = again;
    }
    Ok(found)
}

fn set(found: &mut [Read], at: usize, read: Read) {
    if let Some(slot) = found.get_mut(at) {
        *slot = read;
    }
}

/// False: fields went meanwhile.
pub async fn lives(link: &mut Link, key: &[u8], fields: &mut [Field]) -> Result<bool> {
    for some in fields.chunks_mut(AT_ONCE) {
        let mut ask = command("HPEXPIRETIME", &[key, b"FIELDS", some.len().to_string().as_bytes()]);
        some.iter().for_each(|field| {
            ask.arg(field.name.as_slice());
        });
        let answers = list(link.one("asking for the lives of fields", ask).await?);
        if answers.len() != some.len() {
            return Ok(false);
        }
        for (field, answer) in some.iter_mut().zip(&answers) {
            match int(answer) {
                Some(-2) | None => return Ok(false),
                Some(expires) => field.expires = (expires >= 0).then_some(expires),
            }
        }
    }
    Ok(true)
}

fn whole(kind: Kind, key: &[u8]) -> Cmd {
    match kind {
        Kind::String => command("GET", &[key]),
        Kind::List => command("LRANGE", &[key, b"0", b"-1"]),
        Kind::Set => command("SMEMBERS", &[key]),
        Kind::Sorted => command("ZRANGE", &[key, b"0", b"-1", b"WITHSCORES"]),
        Kind::Hash => command("HGETALL", &[key]),
        Kind::Stream => command("XRANGE", &[key, b"-", b"+"]),
    }
}

/// What an answer means; none: the key is gone.
pub fn value(kind: Kind, answer: Answer) -> Option<Value> {
    let value = match kind {
        Kind::String => Value::String(bytes(answer)?),
        Kind::List => Value::List(strings(answer)),
        Kind::Set => Value::Set(strings(answer)),
        Kind::Sorted => Value::Sorted(scores(strings(answer))?),
        Kind::Hash => Value::Hash(fields(strings(answer))),
        Kind::Stream => Value::Stream(stream::entries(answer), None),
    };
    // Only a stream can be there with nothing in it.
    let empty = match &value {
        Value::List(list) | Value::Set(list) => list.is_empty(),
        Value::Sorted(list) => list.is_empty(),
        Value::Hash(list) => list.is_empty(),
        Value::String(_) | Value::Stream(..) => false,
    };
    (!empty).then_some(value)
}

pub fn scores(pairs: Vec<Vec<u8>>) -> Option<Vec<(Vec<u8>, f64)>> {
    let mut pairs = pairs.into_iter();
    let mut found = vec![];
    while let (Some(member), Some(score)) = (pairs.next(), pairs.next()) {
        found.push((member, std::str::from_utf8(&score).ok()?.parse().ok()?));
    }
    Some(found)
}

pub fn fields(pairs: Vec<Vec<u8>>) -> Vec<Field> {
    let mut pairs = pairs.into_iter();
    let mut found = vec![];
    while let (Some(name), Some(value)) = (pairs.next(), pairs.next()) {
        found.push(Field { name, value, expires: None });
    }
    found
}

/// Commands that add a value, or a piece of one, to a key. `begun`: pieces of it are there already.
pub fn fill(key: &[u8], value: &Value, begun: bool) -> Vec<Cmd> {
    let each = |name: &str, parts: Vec<Vec<&[u8]>>| -> Vec<Cmd> {
        let some = parts.chunks(AT_ONCE);
        some.map(|some| command(name, &[&[key], some.concat().as_slice()].concat())).collect()
    };
    match value {
        Value::String(bytes) if begun => vec![command("APPEND", &[key, bytes])],
        Value::String(bytes) => vec![command("SET", &[key, bytes])],
        Value::List(list) => each("RPUSH", list.iter().map(|text| vec![text.as_slice()]).collect()),
        Value::Set(list) => each("SADD", list.iter().map(|text| vec![text.as_slice()]).collect()),
        Value::Sorted(list) => {
            let texts: Vec<String> = list.iter().map(|(_, score)| shown(*score)).collect();
            let pairs = list.iter().zip(&texts).map(|((member, _), score)| vec![score.as_bytes(), member]);
            each("ZADD", pairs.collect())
        }
        Value::Hash(fields) => {
            let pairs = fields.iter().map(|field| vec![field.name.as_slice(), &field.value]).collect();
            let mut commands = each("HSET", pairs);
            for field in fields {
                if let Some(expires) = field.expires {
                    let at = expires.to_string();
                    let of: &[&[u8]] = &[key, at.as_bytes(), b"FIELDS", b"1", &field.name];
                    commands.push(command("HPEXPIREAT", of));
                }
            }
            commands
        }
        Value::Stream(entries, state) => {
            let mut commands: Vec<Cmd> =
                entries.iter().map(|entry: &Entry| stream::add(key, entry)).collect();
            if let Some(state) = state {
                commands.extend(stream::complete(key, state, entries.is_empty() && !begun));
            }
            commands
        }
    }
}

/// A number that reads back as itself.
fn shown(score: f64) -> String {
    if score.is_infinite() {
        return if score > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    format!("{score}")
}

/// Puts a value in the place of whatever is there, all at once.
pub fn put(key: &[u8], value: &Value, expires: i64) -> Vec<Cmd> {
    let mut commands = vec![redis::cmd("MULTI"), command("UNLINK", &[key])];
    commands.extend(fill(key, value, false));
    if expires >= 0 {
        commands.push(command("PEXPIREAT", &[key, expires.to_string().as_bytes()]));
    }
    commands.push(redis::cmd("EXEC"));
    commands
}

/// Everything between MULTI and EXEC went well.
pub fn went_well(link: &Link, answers: Vec<Answer>) -> Result<()> {
    for answer in answers {
        match link.accept("writing values", answer)? {
            Answer::Array(inner) => {
                for answer in inner {
                    link.accept("writing values", answer)?;
                }
            }
            Answer::Nil => return Err(Error::Internal("a transaction was given up".into())),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_reads_back_as_itself() {
        for score in [0.1, -0.0, 1e300, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, 3.0, 1.0 / 3.0] {
            assert_eq!(shown(score).parse::<f64>().map(f64::to_bits), Ok(score.to_bits()));
        }
    }
}
