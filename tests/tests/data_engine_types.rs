//! Every type of column at its extremes comes through a copy.

use anyhow::{Result, ensure};
use stories::mariadb::MariaDb;
use stories::torture::{self, DATABASE};
use stories::{CopyJob, same};

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn every_type_comes_through_bit_for_bit() -> Result<()> {
    let source = MariaDb::start(&["--log-bin", "--character-set-server=utf8mb4"]).await?;
    let target = MariaDb::start(&["--character-set-server=latin1"]).await?;
    torture::fill(&source).await?;
    let report = CopyJob::new(&source, &target, &[DATABASE])?.run()?.report()?;
    ensure!(report["repairedChunks"] == 0, "{report:#}");
    same("what became another thing", &torture::differences(&source, &target).await?, &[].into())?;
    // A counter goes on where it was.
    target.run(&["INSERT INTO torture.counted (n) VALUES (9)"]).await?;
    let next: u64 = target.one("SELECT id FROM torture.counted WHERE n = 9").await?;
    ensure!(next > 502, "{next} was given out before");
    Ok(())
}
