//! Large values, in slices: neither server is held for longer than a slice takes. They are put together under a name of
//! our own and take their place when they are whole, so that nobody ever sees a part, and nothing is added twice.

use redis::Cmd;

use super::batch::Hands;
use super::link::{Link, bytes, command, int, list, refusal, strings};
use super::plan::names::OURS;
use super::plan::rules::Masking;
use super::plan::value::{Digest, Kind, Value};
use super::values::{fields, fill, lives, scores};
use super::{stream, values};
use crate::error::{Error, Result};
use crate::throttle::Throttle;

/// About as many bytes a slice.
pub const SLICE: u64 = 512 << 10;

/// What a part is called until it is whole. Gone by itself when nobody goes on with it.
const LIFE: &str = "3600000";

pub fn part(lane: usize) -> Vec<u8> {
    [OURS, format!("part:{lane}").as_bytes()].concat()
}

/// Where a large value is read.
pub struct Slices<'a> {
    key: &'a [u8],
    kind: Kind,
    field_lives: bool,
    /// Elements at a time.
    count: u64,
    at: At,
}

enum At {
    /// Bytes of a string, elements of a list.
    Index(u64),
    Cursor(Vec<u8>),
    /// After this entry; none: from the first.
    Entry(Option<Vec<u8>>),
    End,
}

impl<'a> Slices<'a> {
    /// `size`: as the server says.
    pub async fn new(
        link: &mut Link,
        key: &'a [u8],
        kind: Kind,
        size: u64,
        field_lives: bool,
    ) -> Result<Self> {
        let (count, at) = match kind {
            Kind::String => (SLICE, At::Index(0)),
            Kind::List => (many(link, "LLEN", key, size).await?, At::Index(0)),
            Kind::Set => (many(link, "SCARD", key, size).await?, At::Cursor(b"0".to_vec())),
            Kind::Sorted => (many(link, "ZCARD", key, size).await?, At::Cursor(b"0".to_vec())),
            Kind::Hash => (many(link, "HLEN", key, size).await?, At::Cursor(b"0".to_vec())),
            Kind::Stream => (many(link, "XLEN", key, size).await?, At::Entry(None)),
        };
        Ok(Self { key, kind, field_lives, count, at })
    }

    /// None: that was all.
    pub async fn next(&mut self, link: &mut Link) -> Result<Option<Value>> {
        let doing = "reading a large value";
        let count = self.count.to_string();
        let (value, at) = match &self.at {
            At::End => return Ok(None),
            At::Index(from) => {
                let (first, last) = (from.to_string(), (from + self.count - 1).to_string());
                let name = if self.kind == Kind::String { "GETRANGE" } else { "LRANGE" };
                let answer =
                    link.one(doing, command(name, &[self.key, first.as_bytes(), last.as_bytes()])).await?;
                let (value, found) = if self.kind == Kind::String {
                    let bytes = bytes(answer).unwrap_or_default();
                    let found = bytes.len();
                    (Value::String(bytes), found)
                } else {
                    let list = strings(answer);
                    let found = list.len();
                    (Value::List(list), found)
                };
                let more = found as u64 == self.count;
                (value, if more { At::Index(from + self.count) } else { At::End })
            }
            At::Cursor(cursor) => {
                let name = match self.kind {
                    Kind::Set => "SSCAN",
                    Kind::Sorted => "ZSCAN",
                    _ => "HSCAN",
                };
                let of: &[&[u8]] = &[self.key, cursor, b"COUNT", count.as_bytes()];
                let mut answer = list(link.one(doing, command(name, of)).await?).into_iter();
                let next = answer.next().and_then(bytes).unwrap_or_default();
                let found = strings(answer.next().unwrap_or_default());
                let value = match self.kind {
                    Kind::Set => Value::Set(found),
                    Kind::Sorted => Value::Sorted(
                        scores(found).ok_or_else(|| Error::Internal("a score that is no number".into()))?,
                    ),
                    _ => {
                        let mut fields = fields(found);
                        if self.field_lives && !fields.is_empty() {
                            lives(link, self.key, &mut fields).await?;
                        }
                        Value::Hash(fields)
                    }
                };
                (value, if next == b"0" { At::End } else { At::Cursor(next) })
            }
            At::Entry(after) => {
                let from = after.as_ref().map_or_else(|| b"-".to_vec(), |id| [b"(", id.as_slice()].concat());
                let of: &[&[u8]] = &[self.key, &from, b"+", b"COUNT", count.as_bytes()];
                let entries = stream::entries(link.one(doing, command("XRANGE", of)).await?);
                let next = entries.last().map(|entry| entry.id.clone());
                if (entries.len() as u64) < self.count {
                    let state = stream::state(link, self.key).await?;
                    (Value::Stream(entries, state), At::End)
                } else {
                    (Value::Stream(entries, None), At::Entry(next))
                }
            }
        };
        self.at = at;
        Ok(Some(value))
    }
}

async fn many(link: &mut Link, name: &str, key: &[u8], size: u64) -> Result<u64> {
    let answers = link.all("reading a large value", vec![command(name, &[key])]).await?;
    let length = answers.first().and_then(int).and_then(|length| length.try_into().ok()).unwrap_or(1u64);
    Ok((SLICE / (size / length.max(1)).max(1)).clamp(10, 2_000))
}

/// What a large value is by what it means, masked as it would be written. None: it is gone, or another by now.
pub async fn digest(
    link: &mut Link,
    key: &[u8],
    (kind, size): (Kind, u64),
    field_lives: bool,
    masking: Option<&Masking<'_>>,
    throttle: Option<&Throttle>,
) -> Result<Option<u128>> {
    let mut digest = Digest::new(kind);
    let outcome = async {
        let mut slices = Slices::new(link, key, kind, size, field_lives).await?;
        while let Some(mut slice) = slices.next(link).await? {
            if let Some(throttle) = throttle {
                throttle.pass(slice.bytes()).await;
            }
            if let Some(masking) = masking {
                masking.apply(&mut slice);
            }
            digest.add(&slice);
        }
        Ok(())
    };
    match outcome.await {
        Ok(()) => Ok(Some(digest.finish())),
        Err(error) if is_another(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// It became one of another type while it was read.
pub fn is_another(error: &Error) -> bool {
    matches!(error, Error::Redis { code, .. } if code == "WRONGTYPE")
}

/// Reads a large value, slice by slice, into our part of the target. Says what was written by its digest.
pub async fn fetch(
    hands: &mut Hands,
    key: &[u8],
    (kind, size): (Kind, u64),
    field_lives: bool,
    see: &mut (dyn FnMut(&mut Value) + Send),
    throttle: &Throttle,
) -> Result<u128> {
    let Hands { source, target, part } = hands;
    let mut digest = Digest::new(kind);
    let mut slices = Slices::new(source, key, kind, size, field_lives).await?;
    clear(target, part).await?;
    let mut begun = false;
    while let Some(mut slice) = slices.next(source).await? {
        throttle.pass(slice.bytes()).await;
        see(&mut slice);
        digest.add(&slice);
        add(target, part, &slice, &mut begun).await?;
    }
    Ok(digest.finish())
}

/// Lets go of what an earlier try left in our part.
pub async fn clear(target: &mut Link, part: &[u8]) -> Result<()> {
    write(target, vec![command("UNLINK", &[part])]).await
}

/// Adds a slice to our part. `begun`: some of it is there.
pub async fn add(target: &mut Link, part: &[u8], slice: &Value, begun: &mut bool) -> Result<()> {
    let mut commands = fill(part, slice, *begun);
    *begun |= !commands.is_empty();
    commands.push(command("PEXPIRE", &[part, LIFE.as_bytes()]));
    write(target, commands).await
}

/// Lets our part take its place.
pub async fn settle(target: &mut Link, part: &[u8], name: &[u8], expires: i64) -> Result<()> {
    let end = if expires >= 0 {
        command("PEXPIREAT", &[part, expires.to_string().as_bytes()])
    } else {
        command("PERSIST", &[part])
    };
    // What is there may be large too: let go of it beside the server's work, not in it.
    let commands = vec![
        redis::cmd("MULTI"),
        end,
        command("UNLINK", &[name]),
        command("RENAME", &[part, name]),
        redis::cmd("EXEC"),
    ];
    target.wrote(3);
    let answers = target.all("putting a large value in its place", commands).await?;
    // A value that reached its end meanwhile cannot be renamed.
    if answers.iter().any(|answer| matches!(answer, redis::Value::Array(inner) if inner.iter().any(|one| refusal(one) == Some("ERR")))) {
        return Ok(());
    }
    values::went_well(target, answers)
}

async fn write(target: &mut Link, commands: Vec<Cmd>) -> Result<()> {
    target.wrote(commands.len());
    target.sure("writing a large value", commands).await.map(drop)
}
