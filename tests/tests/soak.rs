//! A hundred cycles of the soak; `CYCLES=…` for more or fewer.

use anyhow::{Context, Result};

const CYCLES: usize = 100;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and a quarter of an hour"]
async fn a_hundred_lives_under_kills_end_as_asked_and_leave_nothing() -> Result<()> {
    let cycles = std::env::var("CYCLES").ok().filter(|text| !text.is_empty());
    let cycles = cycles.map(|text| text.parse().context("CYCLES is not a number")).transpose()?;
    stories::soak(cycles.unwrap_or(CYCLES)).await
}
