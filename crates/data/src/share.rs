//! One of several processes that make a copy together.

use std::str::FromStr;

/// So many may be one copy.
pub const MOST: u32 = 16;

/// Written `INDEX/OF@START`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 0 on.
    pub index: u32,
    pub of: u32,
    /// What they have in common, and nobody else has ever had.
    pub start: String,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (place, start) = text.split_once('@')?;
            let (index, of) = place.split_once('/')?;
            let share = Self { index: index.parse().ok()?, of: of.parse().ok()?, start: start.to_owned() };
            let named = !start.is_empty()
                && start.len() <= 64
                && start.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (named && share.index < share.of && share.of <= MOST).then_some(share)
        };
        read().ok_or_else(|| {
            format!("write which of how many it is, of {MOST} at most, and a name for this start that no other had: 0/4@monday-1")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_of_several_of_one_start() {
        let share = Share { index: 3, of: 4, start: "a-1".into() };
        assert_eq!("3/4@a-1".parse(), Ok(share));
        for wrong in ["", "3", "3/4", "3/4@", "4/4@a", "0/0@a", "0/17@a", "-1/4@a", "0/4@a b", "0/4@../a"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
