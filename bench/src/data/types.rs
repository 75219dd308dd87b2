//! What becomes of types at their extremes on each way from one server to another.

use anyhow::Result;
use stories::mariadb::MariaDb;
use stories::torture::{self, DATABASE};

use super::rival::{RIVALS, Rival};
use crate::table::Table;

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(compare()))
}

async fn compare() -> Result<()> {
    let source = MariaDb::start(&["--log-bin", "--character-set-server=utf8mb4"]).await?;
    torture::fill(&source).await?;
    let plain = MariaDb::start(&["--log-bin", "--character-set-server=utf8mb4"]).await?;
    torture::fill_types(&plain).await?;
    let mut table = Table::new(&["", "of", "ended", "another thing on the target"]);
    for rival in RIVALS.into_iter().filter(|rival| !rival.masks()) {
        if !row(&mut table, rival, &source, "all tables").await? {
            row(&mut table, rival, &plain, "tables of types alone").await?;
        }
    }
    println!("{table}");
    Ok(())
}

/// Whether it ended well.
async fn row(table: &mut Table, rival: Rival, source: &MariaDb, of: &str) -> Result<bool> {
    let target = MariaDb::start(&["--character-set-server=latin1"]).await?;
    let outcome = rival.run(source, &target, DATABASE);
    let ended = outcome.as_ref().map_or_else(|error| format!("{error:#}"), |_| "well".to_owned());
    let found: Vec<String> = torture::differences(source, &target).await?.into_iter().collect();
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
    table.row(vec![rival.name().to_owned(), of.to_owned(), ended, found]);
    Ok(outcome.is_ok())
}
