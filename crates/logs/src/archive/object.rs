//! Searches the bytes of one object, of whatever size, in one piece of memory.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::record::{Reader, Record};
use super::sieve::Sieve;
use super::store::Place;
use super::values::{self, Next};
use super::{Found, Skipped, Wanted};
use crate::query::Literals;
use crate::{Line, Origin, Query};

/// Looked through at once.
const WINDOW: usize = 1 << 20;
/// No value is longer, unless less is said; what is, is no record.
const LONGEST: usize = 32 << 20;
const READ: usize = 64 << 10;

/// What is looked for, ready for many objects.
pub struct Rules {
    reader: Reader,
    sieve: Sieve,
    query: Query,
    project: Option<String>,
    environment: String,
    since: Timestamp,
    until: Timestamp,
    /// No value is longer.
    longest: usize,
    /// Nothing older than this, in nanoseconds, is wanted any more.
    pub floor: AtomicI64,
}

/// What one object had.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    pub unpacked: u64,
    pub skipped: Skipped,
}

impl Rules {
    pub fn new(wanted: &Wanted, fields: &super::Fields) -> Self {
        let project = (!fields.project.is_empty()).then(|| wanted.project.clone());
        let scope = project.iter().chain([&wanted.environment]).map(|name| Literals::text(name, false));
        Self {
            reader: Reader::new(fields),
            sieve: Sieve::new(&wanted.query.literals(), &Literals::all(scope)),
            query: wanted.query.clone(),
            project,
            environment: wanted.environment.clone(),
            since: wanted.since,
            until: wanted.until,
            longest: LONGEST,
            floor: AtomicI64::new(i64::MIN),
        }
    }

    /// The same, which holds no more than so much of an object at once.
    pub fn up_to(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// Tells every wanted line in the order in which it lies there, until nobody listens. An error is one of reading; what
    /// was read before it has been told.
    pub fn scan(
        &self,
        key: &Arc<str>,
        reader: &mut impl Read,
        counts: &mut Counts,
        tell: &mut dyn FnMut(Found) -> bool,
    ) -> io::Result<()> {
        let mut scan = Scan { rules: self, key, counts, tell, base: 0, line: empty(), heard: true };
        let (mut window, mut whole) = (Vec::with_capacity(WINDOW + READ), WINDOW);
        loop {
            let read = fill(reader, &mut window, whole);
            let ended = !matches!(read, Ok(true));
            scan.counts.unpacked = scan.base + window.len() as u64;
            let done = scan.window(&window, ended);
            if !scan.heard {
                return Ok(());
            }
            if ended {
                return read.map(|_| ());
            }
            // A value that is longer than what was read so far.
            whole = if done > 0 { WINDOW } else { whole * 2 };
            let done = if whole > self.longest {
                scan.counts.skipped.malformed += 1;
                window.len()
            } else {
                done
            };
            scan.base += done as u64;
            window.drain(..done);
            whole = whole.min(self.longest);
        }
    }
}

/// Reads on until there are `whole` bytes; false at the end.
fn fill(reader: &mut impl Read, window: &mut Vec<u8>, whole: usize) -> io::Result<bool> {
    while window.len() < whole {
        let begin = window.len();
        window.resize(begin + READ, 0);
        let read = reader.read(&mut window[begin..]);
        window.truncate(begin + read.as_ref().copied().unwrap_or_default());
        match read {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Whether whatever begins in a line ends there, by its looks.
fn is_whole(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"{") && line.ends_with(b"}")
}

fn empty() -> Line {
    Line {
        time: Timestamp::UNIX_EPOCH,
        project: String::new(),
        environment: String::new(),
        component: String::new(),
        pod: String::new(),
        container: String::new(),
        file: None,
        text: String::new(),
        origin: Origin::Archive,
    }
}

/// The search through one object.
struct Scan<'a> {
    rules: &'a Rules,
    key: &'a Arc<str>,
    counts: &'a mut Counts,
    tell: &'a mut dyn FnMut(Found) -> bool,
    /// How many bytes lie before the window.
    base: u64,
    /// Written over by every candidate: most are not told.
    line: Line,
    heard: bool,
}

impl Scan<'_> {
    /// Looks through the window, and says how much of it is done with.
    fn window(&mut self, window: &[u8], ended: bool) -> usize {
        if ended {
            self.lines(window);
            return window.len();
        }
        // Whatever begins here is looked at with the next window.
        let next = memchr::memmem::rfind(window, b"\n{").map(|at| at + 1);
        match next.or_else(|| memchr::memrchr(b'\n', window).map(|at| at + 1)) {
            Some(end) => {
                self.lines(&window[..end]);
                end
            }
            // Values without anything between them.
            None => self.values(window),
        }
    }

    /// Values of which each begins and ends in one line, but for a few.
    fn lines(&mut self, bytes: &[u8]) {
        let mut from = 0;
        while let Some(hit) = self.rules.sieve.find(bytes, from) {
            let line = values::line(bytes, hit);
            from = line.end;
            let through = self.rules.sieve.lets_through(&bytes[line.clone()]);
            // Of a value that goes on in other lines, the rest may stand there.
            if !through && is_whole(&bytes[line.clone()]) {
                continue;
            }
            from = self.line(bytes, line, hit, through);
            if !self.heard {
                return;
            }
        }
    }

    /// The values of one line, and of those that the last of them goes on in.
    fn line(&mut self, bytes: &[u8], line: Range<usize>, hit: usize, through: bool) -> usize {
        let mut at = line.start;
        loop {
            match values::next(&bytes[..line.end], at) {
                Next::Value(range) => {
                    at = range.end;
                    // Of several in one line each is judged by itself.
                    let alone = through && range.start == line.start && line.end - range.end <= 2;
                    if alone || self.rules.sieve.lets_through(&bytes[range.clone()]) {
                        self.record(bytes, range);
                    }
                    if !self.heard {
                        return line.end;
                    }
                }
                Next::End => return line.end,
                Next::Junk(range) => {
                    if at == line.start
                        && let Some(end) = self.spread(bytes, &line, hit)
                    {
                        return end;
                    }
                    self.counts.skipped.malformed += u64::from(through);
                    at = range.end;
                }
                Next::Open(_) => {
                    if let Some(end) = self.spread(bytes, &line, hit) {
                        return end;
                    }
                    self.counts.skipped.malformed += u64::from(through);
                    return line.end;
                }
            }
        }
    }

    /// A value that is written over several lines, of which this is one. It begins where a line last began with `{`.
    fn spread(&mut self, bytes: &[u8], line: &Range<usize>, hit: usize) -> Option<usize> {
        let begin = match bytes.get(line.start) {
            Some(b'{') => line.start,
            _ => memchr::memmem::rfind(&bytes[..line.start], b"\n{").map_or(0, |at| at + 1),
        };
        match values::next(bytes, begin) {
            Next::Value(range) if range.end > hit && range.end > line.end => {
                if self.rules.sieve.lets_through(&bytes[range.clone()]) {
                    self.record(bytes, range.clone());
                }
                Some(values::line(bytes, range.end - 1).end)
            }
            _ => None,
        }
    }

    /// Values that follow each other at once. What does not end here is left.
    fn values(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            match values::next(bytes, at) {
                Next::Value(range) => {
                    at = range.end;
                    if self.rules.sieve.lets_through(&bytes[range.clone()]) {
                        self.record(bytes, range);
                    }
                    if !self.heard {
                        return at;
                    }
                }
                Next::Junk(range) if range.end < bytes.len() => {
                    self.counts.skipped.malformed += 1;
                    at = range.end;
                }
                Next::Junk(range) => return range.start,
                Next::Open(begin) => return begin,
                Next::End => return bytes.len(),
            }
        }
    }

    fn record(&mut self, bytes: &[u8], range: Range<usize>) {
        let offset = self.base + range.start as u64;
        // Bytes that are no text are shown as what they are: unknown signs.
        let raw = String::from_utf8_lossy(&bytes[range]);
        match self.rules.reader.read(&raw) {
            Ok(record) => self.candidate(&record, offset),
            Err(_) => self.counts.skipped.malformed += 1,
        }
    }

    fn candidate(&mut self, record: &Record<'_>, offset: u64) {
        let rules = self.rules;
        let (Some(time), Some(text), Some(environment)) = (record.time, &record.text, &record.environment)
        else {
            self.counts.skipped.foreign += 1;
            return;
        };
        match (&rules.project, &record.project) {
            (Some(_), None) => {
                self.counts.skipped.foreign += 1;
                return;
            }
            (Some(wanted), Some(own)) if own != wanted => return,
            _ => {}
        }
        let too_old =
            i64::try_from(time.at.as_nanosecond()).is_ok_and(|at| at < rules.floor.load(Ordering::Relaxed));
        if *environment != rules.environment || time.at < rules.since || time.at > rules.until || too_old {
            return;
        }
        let line = &mut self.line;
        line.time = time.at;
        for (into, from) in [
            (&mut line.project, &record.project),
            (&mut line.environment, &record.environment),
            (&mut line.component, &record.component),
            (&mut line.pod, &record.pod),
            (&mut line.container, &record.container),
        ] {
            into.clear();
            into.push_str(from.as_ref().map(Cow::as_ref).unwrap_or_default());
        }
        line.file = record.file.as_deref().filter(|file| !file.is_empty()).map(str::to_owned);
        line.text.clear();
        line.text.push_str(text);
        if rules.query.matches(line) {
            let place = Place { object: self.key.clone(), offset };
            let found = Found { line: line.clone(), exact: time.exact, resent: record.resent, place };
            self.heard = (self.tell)(found);
        }
    }
}
