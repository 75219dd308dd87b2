//! Gathers what is known of a cluster's machines. Changes nothing, and needs no engine.

use aws::OwnParameters;

use crate::plan::diagnosis::{Finding, Mark, findings};
use crate::plan::root::TAG;
use crate::plan::scrub::scrub;
use crate::work::{Places, Wanted};
use crate::{Error, Result, pki};

/// Lines of a console that are shown.
const LINES: usize = 20;

pub async fn diagnose(wanted: &Wanted) -> Result<Vec<Finding>> {
    let failed = |failure| Error::Aws { doing: "look at the cluster's machines", failure };
    let places = Places::of_file(&wanted.file).await?;
    let id = &places.identity.id;
    let machines = places.account.machines(TAG, id).await.map_err(failed)?;
    let store = OwnParameters::reach(&wanted.file.spec.region).await.map_err(failed)?;
    let path = format!("{}/progress/", pki::path(&places.identity));
    let marks: Vec<Mark> = store
        .under(path.trim_end_matches('/'))
        .await
        .map_err(failed)?
        .into_iter()
        .map(|(name, said)| Mark { id: name.trim_start_matches(&path).to_owned(), said })
        .collect();
    let health = match places.account.health(&format!("{id}-api")).await {
        // Of EKS, and before there is one.
        Err(aws::Failure::Missing) => Vec::new(),
        other => other.map_err(failed)?,
    };
    let mut found = findings(&machines, &marks, &health, jiff::Timestamp::now());
    for finding in found.iter_mut().filter(|finding| finding.cause.is_some() && finding.state == "running") {
        // Some instances have none, and a cause without it is a cause, too.
        let console = places.account.console(&finding.id).await.ok().flatten().unwrap_or_default();
        let lines: Vec<&str> = console.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
        finding.console = last.iter().map(|line| scrub(line.trim_end(), &[])).collect();
    }
    Ok(found)
}
