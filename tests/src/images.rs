//! Images that only some stories need: in the registry once they have been asked for.

use anyhow::Result;
use tokio::task::spawn_blocking;

/// Sees to it that the testbed's registry has them; builds what has never been built.
pub async fn images(names: &'static [&'static str]) -> Result<()> {
    spawn_blocking(|| testbed::provide(names)).await?
}
