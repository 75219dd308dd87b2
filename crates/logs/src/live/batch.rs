//! Lines on their way: many in one piece of memory, so that none costs an allocation of its own.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::marks::{Mark, Source};
use crate::{Line, Origin};

/// What one source sends at a time, in its order.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

#[derive(Debug)]
pub enum Item {
    /// `source`: none, it is that of the batch.
    Line {
        source: Option<Arc<Source>>,
        time: Timestamp,
        text: Range<usize>,
    },
    Mark(Box<Mark>),
}

impl Item {
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Line { time, .. } => *time,
            Self::Mark(mark) => mark.time,
        }
    }
}

impl Batch {
    pub fn line(&mut self, time: Timestamp, text: &[u8]) {
        self.line_of(None, time, text);
    }

    /// Of another than whose batch it is.
    pub fn line_of(&mut self, source: Option<Arc<Source>>, time: Timestamp, text: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.items.push(Item::Line { source, time, text: begin..self.bytes.len() });
    }

    pub fn mark(&mut self, mark: Mark) {
        self.items.push(Item::Mark(Box::new(mark)));
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn item(&self, index: usize) -> Option<&Item> {
        self.items.get(index)
    }

    pub fn text(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }
}

/// Entries in the order in which they are to be told.
#[derive(Debug, Default)]
pub struct Page {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

#[derive(Debug)]
enum Record {
    Line { source: Arc<Source>, time: Timestamp, text: Range<usize>, goes_on: bool, several: bool },
    Mark(Box<Mark>),
}

/// One entry of a page.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    Line(Told<'a>),
    Mark(&'a Mark),
}

/// A line, or several of which all but the first go on with it: a stack trace.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub source: &'a Arc<Source>,
    pub time: Timestamp,
    /// As it was written, which need not be text.
    pub text: &'a [u8],
    /// It goes on with the entry before it of this source, which was told already.
    pub goes_on: bool,
    /// It has more than one line.
    pub several: bool,
}

impl Told<'_> {
    pub fn to_line(&self) -> Line {
        Line {
            time: self.time,
            project: self.source.project.clone(),
            environment: self.source.environment.clone(),
            component: self.source.component.clone(),
            pod: self.source.pod.clone(),
            container: self.source.container.clone(),
            file: self.source.file.clone(),
            text: String::from_utf8_lossy(self.text).into_owned(),
            origin: Origin::Live,
        }
    }
}

impl Page {
    /// Begins an entry; [`Page::add`] goes on with it.
    pub fn line(&mut self, source: &Arc<Source>, time: Timestamp, text: &[u8], goes_on: bool) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(text);
        let text = begin..self.bytes.len();
        let source = source.clone();
        self.records.push(Record::Line { source, time, text, goes_on, several: false });
    }

    /// Adds a line to the last entry.
    pub fn add(&mut self, more: &[u8]) {
        if let Some(Record::Line { text, several, .. }) = self.records.last_mut() {
            *several = true;
            self.bytes.push(b'\n');
            self.bytes.extend_from_slice(more);
            text.end = self.bytes.len();
        }
    }

    /// Takes the last entry back.
    pub fn take_back(&mut self) {
        if let Some(Record::Line { text, .. }) = self.records.pop() {
            self.bytes.truncate(text.start);
        }
    }

    pub fn mark(&mut self, mark: Box<Mark>) {
        self.records.push(Record::Mark(mark));
    }

    pub fn last(&self) -> Option<Entry<'_>> {
        self.records.last().map(|record| self.entry(record))
    }

    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.records.iter().map(|record| self.entry(record))
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How much it holds.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn entry<'a>(&'a self, record: &'a Record) -> Entry<'a> {
        match record {
            Record::Line { source, time, text, goes_on, several } => Entry::Line(Told {
                source,
                time: *time,
                text: &self.bytes[text.clone()],
                goes_on: *goes_on,
                several: *several,
            }),
            Record::Mark(mark) => Entry::Mark(mark),
        }
    }
}
