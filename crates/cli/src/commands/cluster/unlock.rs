//! `outboard cluster unlock`.

use clap::Args;
use verbs::clusters;

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::cluster::Teller;

/// Release the lock of a run that is gone; one that is proved to be gone is released by itself
#[derive(Args, Debug)]
pub struct UnlockArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
    /// The lock's id, as `cluster status` shows it
    #[arg(long, value_name = "ID")]
    pub id: String,
}

pub async fn run(context: &Context, args: UnlockArgs) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let mut teller = Teller::new(&context.output);
    let lock = clusters::unlock(&wanted, &args.id, &mut |event| teller.tell(&event)).await?;
    context.output.outcome(&lock, |paint| {
        format!("{} the lock of {} since {} is released", paint.good("✓"), lock.who, lock.created)
    })
}
