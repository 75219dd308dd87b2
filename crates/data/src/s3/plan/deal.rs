//! How the keys of a copy are dealt out to several processes: cut into pieces by boundaries that all of them know, and each
//! has every so manieth piece. Whatever the boundaries are, each key is in one piece.

use serde::{Deserialize, Serialize};

use crate::share::Share;

/// Into so many pieces, at least, if there is enough to cut: more than one for each, since they are not all alike.
pub const PIECES: usize = 64;

/// A piece begins after this key of the scope whose keys begin with `scope`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    pub scope: String,
    pub after: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deal {
    /// Who made it.
    start: String,
    /// It has as many pieces as there are ever made. Else there was little to cut, and the next start looks again.
    fine: bool,
    /// In order, each once.
    cuts: Vec<Cut>,
}

impl Deal {
    pub fn new(start: &str, mut cuts: Vec<Cut>) -> Self {
        cuts.sort();
        cuts.dedup();
        Self { start: start.to_owned(), fine: cuts.len() + 1 >= PIECES, cuts }
    }

    /// Whether all processes of a start go by it: decided from what it says alone, so that all of them decide alike.
    pub fn holds_for(&self, start: &str) -> bool {
        self.fine || self.start == start
    }

    /// Boundaries within a scope.
    pub fn cuts(&self, scope: &str) -> impl Iterator<Item = &str> {
        self.cuts.iter().filter(move |cut| cut.scope == scope).map(|cut| cut.after.as_str())
    }

    /// Whether the keys right after `after` are this one's.
    pub fn is_of(&self, share: &Share, scope: &str, after: &str) -> bool {
        let begins = |cut: &Cut| (cut.scope.as_str(), cut.after.as_str()) <= (scope, after);
        let piece = self.cuts.partition_point(begins);
        piece % share.of as usize == share.index as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(index: u32, of: u32) -> Share {
        Share { index, of, start: "a".into() }
    }

    #[test]
    fn pieces_go_round_and_without_any_the_first_has_everything() {
        let cut = |scope: &str, after: &str| Cut { scope: scope.into(), after: after.into() };
        let deal = Deal::new("a", vec![cut("b/", "m"), cut("b/", ""), cut("a/", "m")]);
        let whose = |scope: &str, after: &str| {
            (0..3).filter(|index| deal.is_of(&share(*index, 3), scope, after)).collect::<Vec<_>>()
        };
        assert_eq!((whose("a/", ""), whose("a/", "l"), whose("a/", "m")), (vec![0], vec![0], vec![1]));
        assert_eq!((whose("b/", ""), whose("b/", "m"), whose("b/", "z")), (vec![2], vec![0], vec![0]));
        let none = Deal::new("a", vec![]);
        assert!(none.is_of(&share(0, 2), "", "x") && !none.is_of(&share(1, 2), "", "x"));
    }

    #[test]
    fn what_was_cut_finely_holds_for_all_starts_and_other_deals_for_their_own() {
        let some = |count: usize| {
            let cuts = (0..count).map(|at| Cut { scope: String::new(), after: format!("{at:03}") });
            Deal::new("a", cuts.collect())
        };
        assert!(some(2).holds_for("a") && !some(2).holds_for("b"));
        assert!(some(PIECES - 1).holds_for("b"));
    }

    proptest! {
        #[test]
        fn whatever_the_cuts_are_each_key_is_somebodys_and_nobody_elses(
            cuts in proptest::collection::vec(("[ab]", "[a-c]{0,3}"), 0..20),
            scope in "[ab]", after in "[a-c]{0,4}", of in 1_u32..6,
        ) {
            let cuts = cuts.into_iter().map(|(scope, after)| Cut { scope, after }).collect();
            let deal = Deal::new("a", cuts);
            let whose = (0..of).filter(|index| deal.is_of(&share(*index, of), &scope, &after)).count();
            prop_assert_eq!(whose, 1);
        }
    }
}
