//! `--data` and `--backup`: a new environment that starts with the data of another, or with a backup's.

use std::sync::{Mutex, PoisonError};

use api::names::EnvironmentName;
use clap::Args;
use verbs::data::{self, Wanted};
use verbs::environment::{self, Until};
use verbs::{Cluster, Event};

use crate::commands::data::copy::Masking;
use crate::context::{Context, Place};
use crate::error::Result;
use crate::output::progress::Progress;

/// Which data a new environment starts with.
#[derive(Args, Clone, Debug)]
pub struct Filling {
    /// Start with the data of this environment: services first, then the copy, then what uses them
    #[arg(long, group = "filled", value_name = "ENVIRONMENT")]
    pub data: Option<EnvironmentName>,
    /// Start with the data of a backup: its name, or `OTHER/latest` of an environment
    #[arg(long, group = "filled", value_name = "BACKUP")]
    pub backup: Option<String>,
    /// Whether personal data in it is masked as the project says, or copied as it is [default: project]
    #[arg(long, value_enum, requires = "filled", value_name = "MASKS")]
    pub mask: Option<Masking>,
}

impl Filling {
    /// The copy into a new environment; none: it starts without data.
    pub async fn copy(
        &self,
        cluster: &Cluster,
        namespace: &str,
        to: &EnvironmentName,
    ) -> Result<Option<Wanted>> {
        let masks = self.mask.unwrap_or(Masking::Project).choice();
        let wanted = match (&self.data, &self.backup) {
            (Some(from), _) => data::into_new(from.as_str(), to.as_str(), cluster.now().await),
            (None, Some(backup)) => {
                let chosen = data::chosen(cluster, namespace, (to.as_str(), backup.as_str()), &[]).await?;
                data::restore(&chosen, to.as_str(), vec![], cluster.now().await)
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Wanted { masks, ..wanted }))
    }
}

/// Waits for the copy; what keeps the environment itself from coming up ends the wait, too.
pub async fn wait<'a>(
    context: &Context,
    place: &Place,
    copy: &Wanted,
    until: Until,
    progress: Progress<'a>,
) -> Result<Progress<'a>> {
    let (cluster, namespace) = (&place.cluster, place.namespace.as_str());
    context.waiting(format!("outboard -n {namespace} data show {} --wait", copy.name));
    let progress = Mutex::new(progress);
    let tell = |event: &Event| progress.lock().unwrap_or_else(PoisonError::into_inner).event(event);
    let copied = async {
        let mut sink = |event: Event| tell(&event);
        data::watch(cluster, namespace, &copy.name, None, &mut sink).await.map(drop)
    };
    let failed = async {
        // A copy takes as long as it takes: only a verdict ends this.
        let mut sink = |event: Event| tell(&event);
        let until = Until { timeout: None, ..until };
        match environment::watch(cluster, namespace, &copy.to, until, &mut sink).await {
            Err(error) => error,
            // It is ready before its copy has ended only if somebody took its hold away: the copy says how that went.
            Ok(_) => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        copied = copied => copied,
        error = failed => Err(error),
    };
    let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(()) => Ok(progress),
        Err(error) => {
            progress.end();
            Err(error.into())
        }
    }
}
