//! What differs between version 1 and version 2 of the shop.

/// Chosen by the program that is started (`web-v1`, `web-v2`), never by configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    One,
    /// Sells at a discount: reads the column that migration 4 adds.
    Two,
}

impl Version {
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }

    pub fn accent(self) -> &'static str {
        match self {
            Self::One => "#2557a7",
            Self::Two => "#0b7a4b",
        }
    }

    pub fn discounts(self) -> bool {
        self == Self::Two
    }

    /// The last migration that this version's `migrate` applies. Version 1 already makes room for version 2
    /// (expand first), so that `web` can change alone.
    pub fn schema(self) -> u32 {
        match self {
            Self::One => 4,
            Self::Two => 5,
        }
    }
}
