//! Ten cycles of the soak.

use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn ten_lives_under_kills_end_as_asked_and_leave_nothing() -> Result<()> {
    stories::soak(10).await
}
