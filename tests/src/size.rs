//! How much of something a story is told with, where more of it is asked for by hand.

use std::num::ParseIntError;
use std::str::FromStr;

use anyhow::{Context, Result};

/// What a variable says, or what is enough everywhere else. One that says no number is not taken for the default: whoever
/// wrote it would believe in a size that was never tried.
pub fn size<T: FromStr<Err = ParseIntError>>(variable: &str, enough: T) -> Result<T> {
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => text.parse().with_context(|| format!("{variable} is not a number")),
        _ => Ok(enough),
    }
}
