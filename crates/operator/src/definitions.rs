//! Waits for the custom resource definitions: a controller without them could only fail, again and again.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use kube::runtime::wait::{Condition, conditions};
use kube::{Client, ResourceExt};
use tracing::{info, warn};

use crate::lease::words;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Returns once every definition is established; `missing` is told what is waited for.
pub(crate) async fn wait(client: &Client, mut missing: impl FnMut(String)) {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    let mut pause = FIRST_PAUSE;
    let mut told = None;
    loop {
        let found = look(&api).await;
        if matches!(&found, Ok(absent) if absent.is_empty()) {
            if told.is_some() {
                info!("The custom resource definitions are established");
            }
            return;
        }
        let why = match found {
            Ok(absent) => absent.join(", "),
            Err(error) => format!("failed to look: {}", words(&error)),
        };
        if told.as_ref() != Some(&why) {
            warn!(
                missing = %why,
                "Waiting for the custom resource definitions ({why}); `outboard install` makes them"
            );
            missing(why.clone());
            told = Some(why);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Names of the definitions that cannot be used yet.
async fn look(api: &Api<CustomResourceDefinition>) -> Result<Vec<String>, kube::Error> {
    let mut absent = vec![];
    for definition in api::crds::all() {
        let name = definition.name_any();
        let found = api.get_opt(&name).await?;
        if found.as_ref().is_some_and(|found| found.metadata.deletion_timestamp.is_some()) {
            // It goes only when we have let go of what it holds.
            return Ok(vec![]);
        }
        if !conditions::is_crd_established().matches_object(found.as_ref()) {
            absent.push(name);
        }
    }
    Ok(absent)
}
