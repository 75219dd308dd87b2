//! A value as what it means, not as how a server stores it: so that the same value is the same in every version and
//! encoding. Its digest can be made piece by piece.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    List,
    Set,
    Sorted,
    Hash,
    Stream,
}

impl Kind {
    /// As a server calls it; none: a module's.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "string" => Self::String,
            "list" => Self::List,
            "set" => Self::Set,
            "zset" => Self::Sorted,
            "hash" => Self::Hash,
            "stream" => Self::Stream,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
    /// Milliseconds since 1970, where a field has a life of its own.
    pub expires: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub id: Vec<u8>,
    /// Names and values, in turn.
    pub fields: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub id: Vec<u8>,
    pub consumer: Vec<u8>,
    pub delivered: Delivered,
    pub deliveries: i64,
}

/// When a message was delivered last, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// So long ago when it was asked for.
    Ago(i64),
    /// Since 1970.
    At(i64),
}

impl Default for Delivered {
    fn default() -> Self {
        Self::Ago(0)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub name: Vec<u8>,
    pub last_delivered: Vec<u8>,
    pub entries_read: Option<i64>,
    pub consumers: Vec<Vec<u8>>,
    pub pending: Vec<Pending>,
}

/// What a stream knows besides its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub last_id: Vec<u8>,
    pub entries_added: i64,
    pub max_deleted: Vec<u8>,
    pub groups: Vec<Group>,
}

/// A whole value, or a piece of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Sorted(Vec<(Vec<u8>, f64)>),
    Hash(Vec<Field>),
    /// The state comes with the last piece.
    Stream(Vec<Entry>, Option<State>),
}

impl Value {
    pub fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::Sorted(_) => Kind::Sorted,
            Self::Hash(_) => Kind::Hash,
            Self::Stream(..) => Kind::Stream,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::String(bytes) => bytes.len(),
            Self::List(list) | Self::Set(list) => list.iter().map(Vec::len).sum(),
            Self::Sorted(list) => list.iter().map(|(member, _)| member.len() + 8).sum(),
            Self::Hash(fields) => fields.iter().map(|field| field.name.len() + field.value.len()).sum(),
            Self::Stream(entries, _) => {
                entries.iter().map(|entry| 16 + entry.fields.iter().map(Vec::len).sum::<usize>()).sum()
            }
        }
    }

    /// Everything in it that could hold text.
    pub fn texts(&self, look: &mut dyn FnMut(&[u8])) {
        match self {
            Self::String(bytes) => look(bytes),
            Self::List(list) | Self::Set(list) => list.iter().for_each(|text| look(text)),
            Self::Sorted(list) => list.iter().for_each(|(member, _)| look(member)),
            Self::Hash(fields) => fields.iter().for_each(|field| {
                look(&field.name);
                look(&field.value);
            }),
            Self::Stream(entries, _) => {
                entries.iter().flat_map(|entry| &entry.fields).for_each(|text| look(text));
            }
        }
    }

    pub fn digest(&self) -> u128 {
        let mut digest = Digest::new(self.kind());
        digest.add(self);
        digest.finish()
    }
}

/// Of a value that comes in pieces. Where order means nothing it makes no difference, and a member that a scan brings
/// twice counts once.
pub struct Digest {
    ordered: SipHasher24,
    members: Vec<u128>,
}

impl Digest {
    pub fn new(kind: Kind) -> Self {
        let mut ordered = SipHasher24::new();
        ordered.write_u8(kind as u8);
        Self { ordered, members: vec![] }
    }

    pub fn add(&mut self, piece: &Value) {
        match piece {
            Value::String(bytes) => self.ordered.write(bytes),
            Value::List(list) => list.iter().for_each(|element| self.next(&[element])),
            Value::Set(list) => list.iter().for_each(|member| self.member(&[member])),
            Value::Sorted(list) => {
                list.iter()
                    .for_each(|(member, score)| self.member(&[member, &score.to_bits().to_be_bytes()]));
            }
            Value::Hash(fields) => fields.iter().for_each(|field| {
                let expires = field.expires.unwrap_or(-1).to_be_bytes();
                self.member(&[&field.name, &field.value, &expires]);
            }),
            Value::Stream(entries, state) => {
                for entry in entries {
                    self.next(&[&entry.id]);
                    entry.fields.iter().for_each(|text| self.next(&[text]));
                }
                state.iter().for_each(|state| self.state(state));
            }
        }
    }

    /// When something was delivered, or a consumer last seen, is no part of it.
    fn state(&mut self, state: &State) {
        self.member(&[b"stream", &state.last_id, &state.entries_added.to_be_bytes(), &state.max_deleted]);
        for group in &state.groups {
            let read = group.entries_read.unwrap_or(-1).to_be_bytes();
            self.member(&[b"group", &group.name, &group.last_delivered, &read]);
            group.consumers.iter().for_each(|name| self.member(&[b"consumer", &group.name, name]));
            for pending in &group.pending {
                let count = pending.deliveries.to_be_bytes();
                self.member(&[b"pending", &group.name, &pending.id, &pending.consumer, &count]);
            }
        }
    }

    fn next(&mut self, parts: &[&[u8]]) {
        write(&mut self.ordered, parts);
    }

    fn member(&mut self, parts: &[&[u8]]) {
        let mut hasher = SipHasher24::new();
        write(&mut hasher, parts);
        self.members.push(hasher.finish128().as_u128());
    }

    pub fn finish(mut self) -> u128 {
        self.members.sort_unstable();
        self.members.dedup();
        for member in &self.members {
            self.ordered.write(&member.to_be_bytes());
        }
        self.ordered.finish128().as_u128()
    }
}

fn write(hasher: &mut SipHasher24, parts: &[&[u8]]) {
    for part in parts {
        hasher.write(&(part.len() as u64).to_be_bytes());
        hasher.write(part);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(members: &[&str]) -> Value {
        Value::Set(members.iter().map(|member| member.as_bytes().to_vec()).collect())
    }

    #[test]
    fn order_counts_where_it_means_something() {
        assert_eq!(set(&["a", "b"]).digest(), set(&["b", "a", "b"]).digest());
        let list =
            |elements: &[&str]| Value::List(elements.iter().map(|text| text.as_bytes().to_vec()).collect());
        assert_ne!(list(&["a", "b"]).digest(), list(&["b", "a"]).digest());
        assert_ne!(list(&["a", "b"]).digest(), list(&["a", "b", "b"]).digest());
        assert_ne!(list(&["ab"]).digest(), list(&["a", "b"]).digest());
    }

    #[test]
    fn the_same_content_of_another_kind_is_another_value() {
        assert_ne!(set(&["a"]).digest(), Value::List(vec![b"a".to_vec()]).digest());
        assert_ne!(set(&[]).digest(), Value::String(vec![]).digest());
    }

    #[test]
    fn groups_and_what_they_wait_for_count_and_when_it_was_delivered_does_not() {
        let with = |ago, deliveries| {
            let delivered = Delivered::Ago(ago);
            let pending =
                vec![Pending { id: b"1-1".to_vec(), consumer: b"c".to_vec(), delivered, deliveries }];
            let group = Group { name: b"g".to_vec(), pending, ..Group::default() };
            Value::Stream(vec![], Some(State { groups: vec![group], ..State::default() })).digest()
        };
        assert_eq!(with(5, 1), with(9, 1));
        assert_ne!(with(5, 1), with(5, 2));
    }

    proptest! {
        #[test]
        fn a_value_in_pieces_has_the_digest_of_the_whole(bytes: Vec<u8>, list: Vec<Vec<u8>>, cut in 0usize..20) {
            let at = cut.min(bytes.len());
            let mut digest = Digest::new(Kind::String);
            digest.add(&Value::String(bytes[..at].to_vec()));
            digest.add(&Value::String(bytes[at..].to_vec()));
            prop_assert_eq!(digest.finish(), Value::String(bytes).digest());
            let at = cut.min(list.len());
            let mut digest = Digest::new(Kind::List);
            digest.add(&Value::List(list[..at].to_vec()));
            digest.add(&Value::List(list[at..].to_vec()));
            prop_assert_eq!(digest.finish(), Value::List(list).digest());
        }
    }
}
