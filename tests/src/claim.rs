//! Claims about texts and values that name both sides when they do not hold.

use std::fmt::Debug;

use anyhow::{Result, ensure};

/// `text` must contain `wanted`.
pub fn contains(text: &str, wanted: &str) -> Result<()> {
    ensure!(text.contains(wanted), "missing `{wanted}` in:\n{text}");
    Ok(())
}

/// Both must be equal; `what` says what they are.
pub fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<()> {
    ensure!(found == wanted, "{what}:\n  found  {found:?}\n  wanted {wanted:?}");
    Ok(())
}
