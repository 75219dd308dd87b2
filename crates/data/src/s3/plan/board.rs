//! Which ranges of keys there are: waiting, walked by somebody, done. One that is walked can be split beyond what its
//! walker has claimed, so that nobody is idle while there is something to list.

use std::collections::{BTreeMap, VecDeque};

/// Keys of a scope after one boundary and up to another, which belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub scope: usize,
    pub after: String,
    /// None: to the end.
    pub upto: Option<String>,
    /// Its size is known: not worth a split.
    pub small: bool,
}

/// A range that has had fewer may be at its end.
const PAGES: u64 = 2;

/// In vain, before a range is left as it is.
const LOOKS: u32 = 3;

#[derive(Clone, Debug)]
struct Walked {
    range: Range,
    /// Up to here it is its walker's; none: nothing yet.
    claimed: Option<String>,
    pages: u64,
    /// Somebody looks for a boundary, or looked in vain since its last page.
    tried: bool,
    /// How often somebody looked since it was split last.
    looks: u32,
    /// Its walker has seen its end.
    closed: bool,
}

/// What a search needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: u64,
    pub scope: usize,
    pub seen: String,
    pub upto: Option<String>,
}

#[derive(Debug, Default)]
pub struct Board {
    waiting: VecDeque<Range>,
    walked: BTreeMap<u64, Walked>,
    next: u64,
}

impl Board {
    pub fn new(ranges: impl IntoIterator<Item = Range>) -> Self {
        Self { waiting: ranges.into_iter().collect(), ..Self::default() }
    }

    pub fn take(&mut self) -> Option<(u64, Range)> {
        let range = self.waiting.pop_front()?;
        self.next += 1;
        let walked =
            Walked { range: range.clone(), claimed: None, pages: 0, tried: false, looks: 0, closed: false };
        self.walked.insert(self.next, walked);
        Some((self.next, range))
    }

    /// A page was read up to this key: its walker will see to all of it that the range still has. Where the range ends.
    pub fn claim(&mut self, id: u64, key: &str) -> Option<String> {
        let walked = self.walked.get_mut(&id)?;
        walked.pages += 1;
        walked.tried = false;
        if walked.claimed.as_deref().is_none_or(|claimed| claimed < key) {
            walked.claimed = Some(key.to_owned());
        }
        walked.range.upto.clone()
    }

    /// All of the range is its walker's now. Where it ends.
    pub fn close(&mut self, id: u64) -> Option<String> {
        let walked = self.walked.get_mut(&id)?;
        walked.closed = true;
        walked.range.upto.clone()
    }

    /// The one with the most pages, which may have the most to come.
    pub fn candidate(&mut self) -> Option<Candidate> {
        let worth = |walked: &&mut Walked| {
            walked.pages >= PAGES
                && !walked.closed
                && !walked.tried
                && walked.looks < LOOKS
                && !walked.range.small
        };
        let (id, walked) = self
            .walked
            .iter_mut()
            .filter(|(_, walked)| worth(walked) && walked.claimed.is_some())
            .max_by_key(|(_, walked)| walked.pages)?;
        (walked.tried, walked.looks) = (true, walked.looks + 1);
        Some(Candidate {
            id: *id,
            scope: walked.range.scope,
            seen: walked.claimed.clone()?,
            upto: walked.range.upto.clone(),
        })
    }

    /// What lies after `at` is another range from now on. False: its walker was there first.
    pub fn split(&mut self, id: u64, at: &str) -> bool {
        let Some(walked) = self.walked.get_mut(&id) else { return false };
        let claimed = walked.claimed.as_deref().is_some_and(|claimed| claimed >= at);
        if walked.closed || claimed || walked.range.upto.as_deref().is_some_and(|upto| upto <= at) {
            return false;
        }
        let upto = walked.range.upto.replace(at.to_owned());
        (walked.tried, walked.looks) = (false, 0);
        let (scope, small) = (walked.range.scope, walked.range.small);
        self.waiting.push_back(Range { scope, after: at.to_owned(), upto, small });
        true
    }

    pub fn finish(&mut self, id: u64) {
        self.walked.remove(&id);
    }

    /// How many there were.
    pub fn taken(&self) -> u64 {
        self.next
    }

    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.walked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::search::{Search, Step};
    use super::*;

    struct Lane {
        id: u64,
        after: String,
        upto: Option<String>,
    }

    /// Lists `keys` with some lanes, in an order that `turns` draws. What each key was seen how often.
    fn walk(keys: &BTreeSet<String>, page: usize, turns: &[u8]) -> Vec<String> {
        let open = Range { scope: 0, after: String::new(), upto: None, small: false };
        let mut board = Board::new([open]);
        let mut lanes: Vec<Option<Lane>> = (0..4).map(|_| None).collect();
        let mut seen = vec![];
        let mut turn = 0;
        while !board.is_done() {
            let which = usize::from(turns[turn % turns.len()]) % lanes.len();
            // Nobody waits for ever.
            let which = if turn % 7 == 0 { turn / 7 % lanes.len() } else { which };
            turn += 1;
            match lanes[which].take() {
                None => {
                    if let Some((id, range)) = board.take() {
                        lanes[which] = Some(Lane { id, after: range.after, upto: range.upto });
                    } else if let Some(candidate) = board.candidate() {
                        let mut search = Search::new(&candidate.seen, candidate.upto.as_deref());
                        while let Step::Ask(at) = search.step() {
                            let key = keys.iter().find(|key| key.as_str() > at.as_str());
                            search.told(&at, key.map(String::as_bytes));
                        }
                        if let Step::Split(at) = search.step() {
                            board.split(candidate.id, &at);
                        }
                    }
                }
                Some(mut lane) => {
                    let after = keys.iter().filter(|key| key.as_str() > lane.after.as_str());
                    let found: Vec<String> = after.take(page).cloned().collect();
                    let whole = found.len() < page;
                    lane.upto = match found.last() {
                        Some(last) if !whole => board.claim(lane.id, last),
                        _ => board.close(lane.id),
                    };
                    let within = |key: &&String| lane.upto.as_ref().is_none_or(|upto| *key <= upto);
                    let mine: Vec<String> = found.iter().filter(within).cloned().collect();
                    let ended = whole || mine.len() < found.len();
                    seen.extend(mine);
                    if ended {
                        board.finish(lane.id);
                    } else {
                        lane.after = found.last().cloned().unwrap_or_default();
                        lanes[which] = Some(lane);
                    }
                }
            }
        }
        seen.sort();
        seen
    }

    proptest! {
        #[test]
        fn every_key_is_listed_once_whoever_splits_what_and_when(
            keys in proptest::collection::btree_set("[a-c/\u{7f}é\u{10ffff}]{1,8}|\\PC{1,4}|.{1,3}", 0..200),
            page in 1_usize..9,
            turns in proptest::collection::vec(any::<u8>(), 1..50),
        ) {
            let all: Vec<String> = keys.iter().cloned().collect();
            prop_assert_eq!(walk(&keys, page, &turns), all);
        }
    }
}
