//! Twenty rounds of everything that can happen to logs that are followed; `CYCLES=…` for more or fewer.

use anyhow::Result;

const CYCLES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and a quarter of an hour"]
async fn many_rounds_of_everything_lose_and_double_no_line() -> Result<()> {
    stories::follow_through_everything(stories::size("CYCLES", CYCLES)?).await
}
