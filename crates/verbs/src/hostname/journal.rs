//! `hostname journal`: every batch that was sent to Route 53, by whom, why, with what before and after.

use ::hostnames::Entry;

use crate::operator::NAMESPACE;
use crate::{Cluster, Result};

/// The oldest first; those about `host` alone, if one is given.
pub async fn journal(cluster: &Cluster, host: Option<&str>) -> Result<Vec<Entry>> {
    let mut entries =
        ::hostnames::journal(&cluster.client, NAMESPACE).await.map_err(|error| cluster.explain(error))?;
    entries
        .retain(|entry| host.is_none_or(|host| entry.hosts.iter().any(|asked| asked.host.as_str() == host)));
    Ok(entries)
}
