//! How an object gets across: at once, or in parts of which size.

const MIB: u64 = 1 << 20;

/// Read whole before it is sent, so that it can be sent again: no more than this at a time, of all objects together.
pub const HELD: u64 = 64 * MIB;

/// A part of one object, and the largest object that needs none.
pub const PART: u64 = 16 * MIB;

/// What S3 copies by itself at once, and in which parts beyond.
pub const BY_ITSELF: u64 = 5 << 30;
pub const PART_BY_ITSELF: u64 = 256 * MIB;

/// S3's own bounds.
pub const SMALLEST: u64 = 5 * MIB;
const LARGEST: u64 = 5 << 30;
const MOST: u64 = 10_000;

/// The parts that the source has, where they can be had, so that ETags tell that the content is the same; else `usual`.
pub fn part_size(size: u64, of_source: Option<(u64, u64)>, usual: u64, largest: u64) -> u64 {
    if let Some((first, parts)) = of_source
        && (SMALLEST..=largest.min(LARGEST)).contains(&first)
        && size.div_ceil(first) == parts
        && parts <= MOST
    {
        return first;
    }
    // Rounded, so that a little more of it does not change every part.
    let least = size.div_ceil(MOST).div_ceil(MIB) * MIB;
    usual.max(least).min(LARGEST)
}

/// First and last byte of each.
pub fn ranges(size: u64, part: u64) -> Vec<(u64, u64)> {
    let part = part.max(1);
    (0..size.div_ceil(part)).map(|at| (at * part, ((at + 1) * part).min(size) - 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_parts_of_the_source_are_kept_where_they_can_be() {
        assert_eq!(part_size(20 * MIB, Some((8 * MIB, 3)), PART, HELD), 8 * MIB);
        // Those are not all alike.
        assert_eq!(part_size(20 * MIB, Some((8 * MIB, 4)), PART, HELD), PART);
        // Nobody would hold as much.
        assert_eq!(part_size(200 * MIB, Some((100 * MIB, 2)), PART, HELD), PART);
    }

    proptest! {
        #[test]
        fn parts_are_the_whole_and_never_too_many(size in 1_u64..5_000_000_000_000, usual in SMALLEST..HELD) {
            let part = part_size(size, None, usual, HELD);
            prop_assert!(size.div_ceil(part) <= MOST && part <= LARGEST);
            let ranges = ranges(size, part);
            prop_assert_eq!(ranges.first().map(|range| range.0), Some(0));
            prop_assert_eq!(ranges.last().map(|range| range.1), Some(size - 1));
            prop_assert!(ranges.windows(2).all(|two| two[0].1 + 1 == two[1].0));
        }
    }
}
