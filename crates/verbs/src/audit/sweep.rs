//! Takes old records out of the cluster, whichever server wrote them. It reads none of their lines.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams};

use super::{Journal, LABEL, day, is_day, shelf};
use crate::operator::NAMESPACE;
use crate::{Cluster, Result};

impl Journal {
    /// Deletes what has been kept long enough, whichever server wrote it.
    pub async fn sweep(&self, cluster: &Cluster, now: Timestamp) -> Result<usize> {
        let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), NAMESPACE);
        let all = ListParams::default().labels(LABEL);
        let all = api.list_metadata(&all).await.map_err(|error| cluster.explain(error))?;
        let kept = day(now - SignedDuration::from_hours(24 * self.days));
        let mut deleted = 0;
        for object in all.items {
            let of = object.metadata.labels.as_ref().and_then(|labels| labels.get(LABEL));
            if let (Some(name), true) = (&object.metadata.name, of.is_some_and(|of| is_day(of) && *of < kept))
            {
                if self.stored && !shelf::is_stored(&object.metadata) {
                    tracing::warn!(target: "audit", name, "{name} is deleted after {} days, and was not stored in the bucket", self.days);
                }
                match api.delete(name, &DeleteParams::default()).await {
                    Ok(_) => deleted += 1,
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(cluster.explain(error)),
                }
            }
        }
        Ok(deleted)
    }
}
