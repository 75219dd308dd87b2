//! Reads the ResourceQuotas of a namespace.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{Api, ListParams};

use crate::context::Context;
use crate::error::Error;

/// Every quota; none where the operator may not list them: an older installation's rights lack that.
pub async fn of(namespace: &str, context: &Context) -> Result<Vec<ResourceQuota>, Error> {
    let quotas = Api::<ResourceQuota>::namespaced(context.client.clone(), namespace);
    match quotas.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(error) if apply::error::is_status(&error, 403) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
