//! Blocks of IPv4 addresses.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A block: its first address, and how many bits are fixed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    first: u32,
    pub bits: u32,
}

impl Cidr {
    pub fn overlaps(self, other: Self) -> bool {
        let mask = mask(self.bits.min(other.bits));
        self.first & mask == other.first & mask
    }

    /// Also by its halves: nobody's own network is as large as that.
    pub fn is_everything(self) -> bool {
        self.bits < 8
    }
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = String;

    /// `10.20.0.0/16`; an address within a block, such as 10.20.1.0/16, is refused: it hides a slip.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no block of IPv4 addresses such as 10.20.0.0/16");
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32).ok_or_else(wrong)?;
        let first = u32::from(address);
        let begin = Self { first: first & mask(bits), bits };
        if begin.first != first {
            return Err(format!("`{text}` lies within a block, whose beginning is {begin}"));
        }
        Ok(begin)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_are_read_as_they_are_written_and_slips_are_told() {
        assert_eq!(
            "10.20.0.0/16".parse::<Cidr>().map(|cidr| cidr.to_string()).as_deref(),
            Ok("10.20.0.0/16")
        );
        let within = "10.20.1.0/16".parse::<Cidr>().unwrap_err();
        assert!(within.contains("10.20.0.0/16"), "{within}");
        for wrong in ["10.20.0.0", "10.20.0/16", "10.20.0.0/33", "fd00::/8", ""] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn blocks_overlap_exactly_when_one_holds_the_beginning_of_the_other(a: u32, b: u32, x in 0u32..=32, y in 0u32..=32) {
            let (a, b) = (Cidr { first: a & mask(x), bits: x }, Cidr { first: b & mask(y), bits: y });
            let holds = |a: Cidr, b: Cidr| b.first & mask(a.bits) == a.first;
            prop_assert_eq!(a.overlaps(b), holds(a, b) || holds(b, a));
        }
    }
}
