//! The checksum of a set of rows: how many, and sum and exclusive-or of a 64-bit hash of each. Both lanes, since two
//! equal rows cancel out in the one, and what cancels out in the other does not in the first.
//!
//! The hash is CRC-32 and CRC-32C side by side, which servers and this machine both have in hardware.

use serde::Serialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lanes {
    pub rows: u64,
    pub sum: u64,
    pub xor: u64,
}

impl Lanes {
    pub fn add(&mut self, hash: u64) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
        self.xor ^= hash;
    }

    pub fn join(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
        self.xor ^= other.xor;
    }

    /// From what a server answers: its sum has no bounds, and a sign where it took hashes as signed.
    pub fn from_sql(rows: u64, sum: Option<&str>, xor: u64) -> Option<Self> {
        let sum = match sum {
            Some(text) => text.parse::<i128>().ok()?,
            None => 0,
        };
        // Both agree modulo 2^64, which is all that a lane is.
        Some(Self { rows, sum: (sum & i128::from(u64::MAX)) as u64, xor })
    }
}

pub fn hash(bytes: &[u8]) -> u64 {
    u64::from(crc32fast::hash(bytes)) << 32 | u64::from(crc32c::crc32c(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_is_the_one_that_servers_compute() {
        // CRC32('123456789') and CRC32C('123456789'), as MariaDB 10.11 answers.
        assert_eq!(hash(b"123456789"), 3_421_780_262 << 32 | 3_808_858_755);
    }

    #[test]
    fn signed_and_unsigned_sums_are_the_same_lane() {
        let unsigned = Lanes::from_sql(19900, Some("183528380404111745797904"), 7);
        assert_eq!(unsigned, Lanes::from_sql(19900, Some("-16723129298292781296"), 7));
        assert_eq!(Lanes::from_sql(0, None, 0), Some(Lanes::default()));
        assert_eq!(Lanes::from_sql(1, Some("1.5"), 0), None);
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_repetition_does(mut hashes: Vec<u64>, extra: u64) {
            let of = |hashes: &[u64]| {
                let mut lanes = Lanes::default();
                hashes.iter().for_each(|hash| lanes.add(*hash));
                lanes
            };
            let before = of(&hashes);
            hashes.reverse();
            prop_assert_eq!(before, of(&hashes));
            let (mut left, right) = (before, of(&[extra, extra]));
            left.join(right);
            prop_assert_ne!(left, before);
        }
    }
}
