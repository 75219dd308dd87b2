//! What somebody who follows lines of logs has already, as the id of an event, so that they go on where they were cut off. Pure.
//!
//! Lines of several sources come nearly in order: one may come after younger ones of others. So an id says how far each source
//! was that has said something lately; of the others everything from a little before is new.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use verbs::logs::{Entry, Moment};

/// So far behind the newest line of all a line of another source may come.
const BEHIND: SignedDuration = SignedDuration::from_secs(30);
/// What happens to a container is a source of its own beside its lines. It goes by another clock, and says nothing of how far
/// lines are.
const MARK: u32 = 1;
/// An id of more sources than these says only how far all of them were.
const SOURCES: usize = 64;

/// Everything before a moment, and so many lines of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct UpTo {
    time: Timestamp,
    count: u32,
}

impl UpTo {
    fn add(self, time: Timestamp) -> Self {
        match time {
            time if time == self.time => Self { count: self.count.saturating_add(1), ..self },
            // What comes late does not lead back.
            time if time < self.time => self,
            time => Self { time, count: 1 },
        }
    }
}

/// What the other side has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// Of all sources; none: nothing.
    base: Option<UpTo>,
    /// Of some of them, as it was when they came back.
    there: BTreeMap<u32, UpTo>,
    /// The same with what was sent since.
    heard: BTreeMap<u32, UpTo>,
    /// Lines of the base's moment that are still to be passed over.
    left: u32,
}

impl Known {
    /// `TIME#COUNT`, and for each source that is further `;SOURCE.NANOSECONDS.COUNT` from there.
    pub fn parse(id: &str) -> Option<Self> {
        let mut parts = id.split(';');
        let base = parts.next()?;
        let (time, count) = base.rsplit_once('#').unwrap_or((base, "1"));
        let base = UpTo { time: time.parse().ok()?, count: count.parse().ok()? };
        let there: Option<BTreeMap<u32, UpTo>> = parts.map(|part| source(base.time, part)).collect();
        let there = there?;
        Some(Self { base: Some(base), heard: there.clone(), there, left: base.count })
    }

    /// From where on lines are asked for.
    pub fn since(&self) -> Option<Moment> {
        self.base.map(|base| Moment::At(base.time))
    }

    /// What is sent from here on, by its source and its moment: false if they have it.
    pub fn is_new(&mut self, source: u32, time: Timestamp) -> bool {
        let is_there = self.is_there(source, time);
        if !is_there {
            let first = UpTo { time, count: 1 };
            self.heard.entry(source).and_modify(|upto| *upto = upto.add(time)).or_insert(first);
        }
        !is_there
    }

    /// Each that they have counts once.
    fn is_there(&mut self, source: u32, time: Timestamp) -> bool {
        let upto = self.there.get_mut(&source);
        if let Some(upto) = upto.filter(|upto| upto.time == time && upto.count > 0) {
            upto.count -= 1;
            return true;
        }
        if self.left > 0 && self.base.is_some_and(|base| base.time == time) {
            self.left -= 1;
            return true;
        }
        self.there.get(&source).is_some_and(|upto| time < upto.time)
    }

    pub fn id(&mut self) -> String {
        let lines = self.heard.iter().filter(|(source, _)| *source & MARK == 0);
        let newest = lines.map(|(_, upto)| upto.time).max().or(self.base.map(|base| base.time));
        let first = || self.heard.values().map(|upto| upto.time).min();
        let Some(newest) = newest.or_else(first) else { return String::new() };
        let behind = newest.checked_sub(BEHIND).unwrap_or(Timestamp::MIN);
        if self.base.is_none_or(|base| base.time < behind) {
            self.base = Some(UpTo { time: behind, count: 0 });
            self.left = 0;
            self.heard.retain(|_, upto| upto.time >= behind);
        }
        let base = self.base.unwrap_or(UpTo { time: behind, count: 0 });
        if self.heard.len() > SOURCES {
            let there = self.heard.iter().filter(|(source, upto)| *source & MARK == 0 && upto.time == newest);
            let count: u32 = there.map(|(_, upto)| upto.count).sum();
            return format!("{newest}#{count}");
        }
        let mut id = format!("{}#{}", base.time, base.count);
        for (source, upto) in &self.heard {
            let further = upto.time.as_nanosecond() - base.time.as_nanosecond();
            // Texts take whatever is written to them.
            let _ = write!(id, ";{source:x}.{further}.{}", upto.count);
        }
        id
    }
}

fn source(base: Timestamp, part: &str) -> Option<(u32, UpTo)> {
    let mut numbers = part.split('.');
    let source = u32::from_str_radix(numbers.next()?, 16).ok()?;
    let further: i64 = numbers.next()?.parse().ok()?;
    let count = numbers.next()?.parse().ok()?;
    let time = base.checked_add(SignedDuration::from_nanos(further)).ok()?;
    numbers.next().is_none().then_some((source, UpTo { time, count }))
}

/// Which source an entry is of, the same in every process. What happened to a container is told beside its lines.
pub fn source_of(entry: &Entry<'_>) -> u32 {
    let source = match entry {
        Entry::Line(line) => line.source,
        Entry::Mark(mark) => &mark.source,
    };
    let names = [source.pod.as_str(), &source.container, source.file.as_deref().unwrap_or_default()];
    let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    if matches!(entry, Entry::Mark(_)) { hash | MARK } else { hash & !MARK }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 0xa;
    const B: u32 = 0xc;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn again(known: &mut Known) -> Known {
        Known::parse(&known.id()).unwrap()
    }

    #[test]
    fn whoever_comes_back_gets_no_line_twice_and_misses_none() {
        let mut first = Known::default();
        for time in [at(101), at(102), at(102)] {
            assert!(first.is_new(A, time));
        }
        let mut again = again(&mut first);
        assert_eq!(again.since(), Some(Moment::At(at(72))));
        // Asked from there on, the cluster tells all of them once more, and then a third of that moment.
        let news = [at(101), at(102), at(102), at(102), at(103)].map(|time| again.is_new(A, time));
        assert_eq!(news, [false, false, false, true, true]);
    }

    #[test]
    fn a_line_of_another_source_that_comes_late_is_not_passed_over() {
        let mut first = Known::default();
        assert!(first.is_new(B, at(100)) && first.is_new(A, at(110)));
        let mut second = again(&mut first);
        let news =
            [(B, 100), (B, 105), (A, 110), (A, 111)].map(|(source, time)| second.is_new(source, at(time)));
        assert_eq!(news, [false, true, false, true]);
        // Nothing of it is forgotten by whoever is cut off twice.
        let mut third = again(&mut second);
        let told =
            [(B, 100), (B, 105), (A, 110), (A, 111)].map(|(source, time)| third.is_new(source, at(time)));
        assert_eq!(told, [false; 4]);
        assert!(third.is_new(B, at(106)));
    }

    #[test]
    fn a_start_told_by_another_clock_leaves_no_line_out() {
        let mut first = Known::default();
        assert!(first.is_new(A, at(100)) && first.is_new(A | MARK, at(5_000)));
        let mut again = again(&mut first);
        assert_eq!(again.since(), Some(Moment::At(at(70))));
        let news = [again.is_new(A, at(100)), again.is_new(A | MARK, at(5_000)), again.is_new(A, at(101))];
        assert_eq!(news, [false, false, true]);
    }

    #[test]
    fn what_a_page_has_already_is_a_moment_and_a_number() {
        let mut known = Known::parse("2026-11-26T12:00:00.5Z#2").unwrap();
        let time: Timestamp = "2026-11-26T12:00:00.5Z".parse().unwrap();
        assert_eq!(
            [known.is_new(A, time), known.is_new(B, time), known.is_new(A, time)],
            [false, false, true]
        );
        let mut next = again(&mut known);
        assert_eq!(next.since(), Some(Moment::At(time)), "what the page had is not told again");
        let news = [known.id(), next.id()];
        assert_eq!(news[0], news[1]);
        let one = Known::parse("2026-11-26T12:00:00.5Z").unwrap();
        assert_eq!(one.left, 1);
        for nonsense in [
            "",
            "nonsense",
            "2026-11-26T12:00:00Z#x",
            "2026-11-26T12:00:00Z#1;a",
            "2026-11-26T12:00:00Z#1;a.1.2.3",
        ] {
            assert_eq!(Known::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn an_id_does_not_grow_with_time_or_with_very_many_sources() {
        let mut known = Known::default();
        for second in 0..10_000 {
            known.is_new(2 * u32::try_from(second % 3).unwrap(), at(1_000 + second * 60));
        }
        assert!(known.id().len() < 80, "{}", known.id());
        for source in 0..200 {
            known.is_new(2 * source, at(1_000_000));
        }
        assert_eq!(known.id(), format!("{}#200", at(1_000_000)));
    }
}
