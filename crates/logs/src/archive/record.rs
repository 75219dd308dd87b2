//! One record, taken apart: only what makes a line is kept, and nothing is copied that need not be.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::Fields;
use super::time;

/// What a record says. `None`: it has no such field.
#[derive(Debug, Default)]
pub struct Record<'a> {
    pub time: Option<Time>,
    pub text: Option<Cow<'a, str>>,
    pub project: Option<Cow<'a, str>>,
    pub environment: Option<Cow<'a, str>>,
    pub component: Option<Cow<'a, str>>,
    pub pod: Option<Cow<'a, str>>,
    pub container: Option<Cow<'a, str>>,
    pub file: Option<Cow<'a, str>>,
    pub resent: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Time {
    pub at: Timestamp,
    /// Of the writing, not only of the second in which it was read.
    pub exact: bool,
    /// Which of the names it stood under.
    rank: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Slot {
    Time(usize),
    Text,
    Project,
    Environment,
    Component,
    Pod,
    Container,
    File,
    Resent,
}

/// Reads records that have these fields.
#[derive(Clone, Debug)]
pub struct Reader {
    paths: Vec<(Vec<String>, Slot)>,
}

/// Which of the paths lead here, one bit each.
type Paths = u128;

impl Reader {
    pub fn new(fields: &Fields) -> Self {
        let times = fields.time.iter().enumerate().map(|(rank, name)| (name, Slot::Time(rank)));
        let others = [
            (&fields.text, Slot::Text),
            (&fields.project, Slot::Project),
            (&fields.environment, Slot::Environment),
            (&fields.component, Slot::Component),
            (&fields.pod, Slot::Pod),
            (&fields.container, Slot::Container),
            (&fields.file, Slot::File),
            (&fields.resent, Slot::Resent),
        ];
        let named = times.chain(others).filter(|(name, _)| !name.is_empty());
        let paths = named.flat_map(|(name, slot)| readings(name).into_iter().map(move |path| (path, slot)));
        Self { paths: paths.take(Paths::BITS as usize).collect() }
    }

    /// An error: it is no JSON.
    pub fn read<'a>(&self, raw: &'a str) -> Result<Record<'a>, serde_json::Error> {
        let mut record = Record::default();
        let mut deserializer = serde_json::Deserializer::from_str(raw);
        let all = (0..self.paths.len()).fold(0, |all: Paths, index| all | 1 << index);
        Inside { reader: self, paths: all, depth: 0, record: &mut record }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(record)
    }

    /// Those of `paths` that go on with `key`.
    fn follow(&self, paths: Paths, depth: usize, key: &str) -> Paths {
        let mut followed = 0;
        for (index, (path, _)) in self.paths.iter().enumerate() {
            if paths & (1 << index) != 0 && path.get(depth).is_some_and(|part| part == key) {
                followed |= 1 << index;
            }
        }
        followed
    }
}

/// Every way to read a name: a dot leads into an object or, as in labels of Kubernetes, is part of a key.
fn readings(name: &str) -> Vec<Vec<String>> {
    let mut readings: Vec<Vec<String>> = vec![];
    for part in name.split('.') {
        if readings.is_empty() {
            readings.push(vec![part.to_owned()]);
            continue;
        }
        let mut longer = readings.clone();
        longer
            .iter_mut()
            .filter_map(|path| path.last_mut())
            .for_each(|last| *last = format!("{last}.{part}"));
        readings.iter_mut().for_each(|path| path.push(part.to_owned()));
        readings.append(&mut longer);
    }
    readings
}

/// A value to which some paths lead.
struct Inside<'r, 'w, 'a> {
    reader: &'r Reader,
    paths: Paths,
    depth: usize,
    record: &'w mut Record<'a>,
}

impl<'r, 'a> Inside<'r, '_, 'a> {
    /// What the paths that end here are about.
    fn slots(&self) -> impl Iterator<Item = Slot> + use<'r, 'a> {
        let (paths, depth, reader) = (self.paths, self.depth, self.reader);
        reader.paths.iter().enumerate().filter_map(move |(index, (path, slot))| {
            (paths & (1 << index) != 0 && path.len() == depth).then_some(*slot)
        })
    }

    fn text(self, text: Cow<'a, str>) {
        let mut slots = self.slots();
        let Some(first) = slots.next() else { return };
        for slot in slots {
            self.record.set(slot, text.clone());
        }
        self.record.set(first, text);
    }

    fn number(self, at: Option<Timestamp>) {
        for slot in self.slots() {
            if let Slot::Time(rank) = slot {
                self.record.set_time(rank, at, false);
            }
        }
    }
}

impl<'a> Record<'a> {
    fn set(&mut self, slot: Slot, text: Cow<'a, str>) {
        let place = match slot {
            Slot::Time(rank) => return self.set_time(rank, time::of_text(&text), true),
            Slot::Resent => {
                self.resent = text == "true";
                return;
            }
            Slot::Text => &mut self.text,
            Slot::Project => &mut self.project,
            Slot::Environment => &mut self.environment,
            Slot::Component => &mut self.component,
            Slot::Pod => &mut self.pod,
            Slot::Container => &mut self.container,
            Slot::File => &mut self.file,
        };
        *place = Some(text);
    }

    fn set_time(&mut self, rank: usize, at: Option<Timestamp>, written: bool) {
        let Some(at) = at else { return };
        if self.time.is_none_or(|time| time.rank >= rank) {
            self.time = Some(Time { at, exact: written || at.subsec_nanosecond() != 0, rank });
        }
    }
}

impl<'a> DeserializeSeed<'a> for Inside<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Inside<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let Self { reader, paths, depth, record } = self;
        while let Some(paths) = map.next_key_seed(Key { reader, paths, depth })? {
            if paths == 0 {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Inside { reader, paths, depth: depth + 1, record: &mut *record })?;
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        let resent = self.slots().any(|slot| slot == Slot::Resent);
        self.record.resent |= resent && value;
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(time::of_integer(number));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(i64::try_from(number).ok().and_then(time::of_integer));
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.number(time::of_number(number));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key, as the paths that go on with it.
struct Key<'r> {
    reader: &'r Reader,
    paths: Paths,
    depth: usize,
}

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = Paths;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Paths, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Paths;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Paths, E> {
        Ok(self.reader.follow(self.paths, self.depth, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_fals_are_read_without_a_word() {
        let reader = Reader::new(&Fields::default());
        let old = r#"{"Project":"shop","Env":"qa","Component":"web","Text":"a \u003cb\u003e","Timestamp":1795600800}"#;
        let record = reader.read(old).unwrap();
        assert_eq!(record.text.as_deref(), Some("a <b>"));
        assert!(record.time.is_some_and(|time| !time.exact && time.at.as_second() == 1_795_600_800));
        assert!(!record.resent && record.pod.is_none());

        let new = r#"{"Project":"shop","Env":"qa","Component":"web","Text":"x","Timestamp":1795600800,"Time":"2026-11-25T10:00:00.000000001Z","Pod":"web-1","Container":"web","Stream":"stdout","Resent":true}"#;
        let record = reader.read(new).unwrap();
        let time = record.time.unwrap();
        assert_eq!((time.at.subsec_nanosecond(), time.exact, record.resent), (1, true, true));
        assert_eq!((record.pod.as_deref(), record.container.as_deref()), (Some("web-1"), Some("web")));
    }

    #[test]
    fn other_shippers_fields_are_found_by_their_paths() {
        let fields = Fields {
            time: vec!["ts".into()],
            text: "log".into(),
            pod: "kubernetes.pod.name".into(),
            environment: "kubernetes.labels.outboard.dev/environment".into(),
            project: String::new(),
            ..Fields::default()
        };
        let raw = r#"{"kubernetes":{"pod":{"name":"web-1","log":"no"},"labels":{"outboard.dev/environment":"qa"},"x":[{"log":1}]},"ts":1795600800.5,"log":"yes","Project":"other"}"#;
        let record = Reader::new(&fields).read(raw).unwrap();
        assert_eq!(record.text.as_deref(), Some("yes"));
        assert_eq!((record.pod.as_deref(), record.environment.as_deref()), (Some("web-1"), Some("qa")));
        assert!(record.project.is_none() && record.time.is_some_and(|time| time.exact));
    }

    #[test]
    fn values_of_other_kinds_are_no_values() {
        let reader = Reader::new(&Fields::default());
        let record =
            reader.read(r#"{"Text":{"a":1},"Env":[1],"Timestamp":null,"Pod":7,"Time":"never"}"#).unwrap();
        assert!(record.text.is_none() && record.environment.is_none() && record.time.is_none());
        assert!(reader.read(r#"{"Text":"a"} {"#).is_err() && reader.read("{").is_err());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert!(reader.read(&deep).is_ok_and(|record| record.text.is_none()));
    }
}
