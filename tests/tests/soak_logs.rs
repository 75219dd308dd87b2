//! Twenty rounds of everything that can happen to logs that are followed; `CYCLES=…` for more or fewer.

use anyhow::{Context, Result};

const CYCLES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and a quarter of an hour"]
async fn many_rounds_of_everything_lose_and_double_no_line() -> Result<()> {
    let cycles = std::env::var("CYCLES").ok().filter(|text| !text.is_empty());
    let cycles = cycles.map(|text| text.parse().context("CYCLES is not a number")).transpose()?;
    stories::follow_through_everything(cycles.unwrap_or(CYCLES)).await
}
