//! A value told apart where it is stored, piece by piece: of a large one little is in memory twice.

use std::collections::BTreeSet;

use super::streams::{self, Id};
use super::{Reader, field, node, packed};
use crate::redis::plan::value::{Entry, Field, Kind, Value};

pub struct Pieces<'a> {
    read: Reader<'a>,
    form: u8,
    kind: Kind,
    /// About as many bytes has a piece.
    most: usize,
    at: At,
    /// What ends of fields count from.
    least: i64,
    /// Entries of a stream.
    there: BTreeSet<Id>,
}

enum At {
    /// As many elements, fields or nodes are still to come.
    Left(usize),
    /// Read already, the last first.
    Read(Vec<Value>),
    End,
}

/// It is broken, or not of a form that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread;

impl<'a> Pieces<'a> {
    /// None: of a type that is not read here.
    pub fn new(body: &'a [u8], most: usize) -> Option<Self> {
        let mut read = Reader(body);
        let form = read.byte()?;
        let least = if form == 24 { i64::from_le_bytes(read.take(8)?.try_into().ok()?) } else { 0 };
        let at = if matches!(form, 2 | 4 | 5 | 18 | 19 | 21 | 24) {
            At::Left(read.length()?)
        } else {
            let value = packed(&mut read, form)?;
            if !read.0.is_empty() {
                return None;
            }
            At::Read(cut(value, most).into_iter().rev().collect())
        };
        let kind = match form {
            0 => Kind::String,
            2 | 11 | 20 => Kind::Set,
            5 | 17 => Kind::Sorted,
            18 => Kind::List,
            19 | 21 => Kind::Stream,
            _ => Kind::Hash,
        };
        Some(Self { read, form, kind, most, at, least, there: BTreeSet::new() })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// None: that was all.
    pub fn piece(&mut self) -> Result<Option<Value>, Unread> {
        let mut left = match &mut self.at {
            At::End => return Ok(None),
            At::Read(values) => return Ok(values.pop()),
            At::Left(left) => *left,
        };
        let value = self.some(&mut left).ok_or(Unread)?;
        self.at = if left > 0 { At::Left(left) } else { At::End };
        if left == 0 && !self.read.0.is_empty() {
            return Err(Unread);
        }
        Ok(Some(value))
    }

    fn some(&mut self, left: &mut usize) -> Option<Value> {
        let (read, most, least) = (&mut self.read, self.most, self.least);
        Some(match self.form {
            2 => Value::Set(up_to(most, left, || read.string(), Vec::len)?),
            4 => {
                let one = || Some(field(read.string()?, read.string()?));
                Value::Hash(up_to(most, left, one, of_field)?)
            }
            5 => {
                let one = || Some((read.string()?, f64::from_le_bytes(read.take(8)?.try_into().ok()?)));
                Value::Sorted(up_to(most, left, one, of_scored)?)
            }
            18 => {
                let nodes = up_to(most, left, || node(read), |node| node.iter().map(Vec::len).sum())?;
                Value::List(nodes.into_iter().flatten().collect())
            }
            24 => {
                let one = || {
                    let ends = read.number()?;
                    let expires = (ends > 0).then(|| least.wrapping_add_unsigned(ends).wrapping_sub(1));
                    Some(Field { name: read.string()?, value: read.string()?, expires })
                };
                Value::Hash(up_to(most, left, one, of_field)?)
            }
            _ => {
                let there = &mut self.there;
                let size = |node: &Vec<Entry>| node.iter().map(of_entry).sum();
                let nodes = up_to(most, left, || streams::node(read, there), size)?;
                let entries = nodes.into_iter().flatten().collect();
                let state = if *left == 0 { Some(streams::state(read, self.form, there)?) } else { None };
                Value::Stream(entries, state)
            }
        })
    }
}

/// Some of those that are left: until they are large enough.
fn up_to<T>(
    most: usize,
    left: &mut usize,
    mut one: impl FnMut() -> Option<T>,
    size: impl Fn(&T) -> usize,
) -> Option<Vec<T>> {
    let (mut some, mut bytes) = (vec![], 0);
    while *left > 0 && bytes < most {
        let next = one()?;
        // Even nothing takes a little.
        bytes += size(&next) + 1;
        some.push(next);
        *left -= 1;
    }
    Some(some)
}

fn of_field(field: &Field) -> usize {
    field.name.len() + field.value.len()
}

fn of_scored((member, _): &(Vec<u8>, f64)) -> usize {
    member.len() + 8
}

fn of_entry(entry: &Entry) -> usize {
    entry.fields.iter().map(Vec::len).sum::<usize>() + 16
}

/// A value in pieces: at least one. It is none that comes in nodes.
fn cut(value: Value, most: usize) -> Vec<Value> {
    if value.bytes() <= most {
        return vec![value];
    }
    match value {
        Value::String(bytes) => bytes.chunks(most).map(|some| Value::String(some.to_vec())).collect(),
        Value::Set(list) => groups(list, most, Vec::len).into_iter().map(Value::Set).collect(),
        Value::Sorted(list) => groups(list, most, of_scored).into_iter().map(Value::Sorted).collect(),
        Value::Hash(fields) => groups(fields, most, of_field).into_iter().map(Value::Hash).collect(),
        whole @ (Value::List(_) | Value::Stream(..)) => vec![whole],
    }
}

fn groups<T>(list: Vec<T>, most: usize, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut left, mut list) = (list.len(), list.into_iter());
    let mut groups = vec![];
    while let Some(some) = up_to(most, &mut left, || list.next(), &size).filter(|some| !some.is_empty()) {
        groups.push(some);
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::redis::plan::value::Digest;

    fn text(at: usize) -> Vec<u8> {
        let text = format!("element {at} {}", "x".repeat(at % 40));
        [&[u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat()
    }

    fn table(form: u8, members: usize, of: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
        let head = [&[form, 0x80], u32::try_from(members).unwrap().to_be_bytes().as_slice()].concat();
        std::iter::once(head).chain((0..members).map(of)).flatten().collect()
    }

    fn pieces(body: &[u8], most: usize) -> Vec<Value> {
        let (mut pieces, mut found) = (Pieces::new(body, most).unwrap(), vec![]);
        while let Some(piece) = pieces.piece().unwrap() {
            assert_eq!(piece.kind(), pieces.kind());
            found.push(piece);
        }
        found
    }

    #[test]
    fn pieces_are_the_whole_and_none_is_much_larger_than_it_should_be() {
        let scored = |at: usize| [text(at), 1.5f64.to_le_bytes().to_vec()].concat();
        let of_field = |at: usize| [text(at), text(at + 7)].concat();
        let lives = |at: usize| [vec![u8::try_from(at % 3).unwrap()], text(at), text(at)].concat();
        let node = |at: usize| [vec![1], text(at)].concat();
        let with_ends = |members| {
            let body = table(24, members, lives);
            [&body[..1], &1000i64.to_le_bytes(), &body[1..]].concat()
        };
        let string = [b"\0\x80\0\0\x9c\x40".as_slice(), &[7; 40_000]].concat();
        for body in [
            table(2, 2000, text),
            table(4, 2000, of_field),
            table(5, 2000, scored),
            table(18, 2000, node),
            with_ends(2000),
            string,
        ] {
            let whole = pieces(&body, usize::MAX);
            let cut = pieces(&body, 10_000);
            assert!(whole.len() == 1 && cut.len() > 3, "{} of form {}", cut.len(), body[0]);
            assert!(cut.iter().all(|piece| piece.bytes() < 10_200));
            let mut digest = Digest::new(whole[0].kind());
            cut.iter().for_each(|piece| digest.add(piece));
            assert_eq!(digest.finish(), whole[0].digest());
        }
    }

    #[test]
    fn what_breaks_off_is_found_out_and_so_is_what_goes_on() {
        let body = table(2, 100, text);
        for cut in [&body[..body.len() - 1], &[body.as_slice(), b"x"].concat()] {
            let mut pieces = Pieces::new(cut, 500).unwrap();
            let broken = (0..200).find_map(|_| pieces.piece().err());
            assert_eq!(broken, Some(Unread));
        }
        assert!(Pieces::new(b"\x00\x03abcd", 500).is_none());
        assert!(Pieces::new(b"\x63abc", 500).is_none());
    }

    #[test]
    fn nothing_is_a_value_too() {
        assert_eq!(pieces(b"\x00\x00", 10), [Value::String(vec![])]);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_broken_to_be_refused(bytes: Vec<u8>, form in 0u8..26, most in 1usize..50) {
            let body = [&[form], bytes.as_slice()].concat();
            if let Some(mut pieces) = Pieces::new(&body, most) {
                for _ in 0..200 {
                    match pieces.piece() {
                        Ok(Some(_)) => {}
                        Ok(None) | Err(Unread) => break,
                    }
                }
            }
        }
    }
}
