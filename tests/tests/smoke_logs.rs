//! One round of everything that can happen to logs that are followed.

use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_crash_a_cut_an_update_a_rotation_and_an_outage_lose_and_double_no_line() -> Result<()> {
    stories::follow_through_everything(1).await
}
