//! The key from which a project's masks are drawn: drawn once, kept in the operator's own namespace where nobody is bound,
//! and the same for every copy, so that what joins in one copy joins with another.

use std::collections::BTreeMap;

use api::marks;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use rand::RngExt;

use crate::context::{Context, Stop};

const KEY: &str = "key";
/// Nobody guesses it: 43 characters of 62.
const LENGTH: usize = 43;

pub async fn of(control: &str, project: &str, context: &Context) -> Result<Vec<u8>, Stop> {
    let secrets = Api::<Secret>::namespaced(context.client.clone(), &context.settings.home);
    let name = format!("masks.{control}.{project}");
    if let Some(found) = secrets.get_opt(&name).await? {
        return read(&found);
    }
    let mut secret = Secret {
        data: Some([(KEY.to_owned(), ByteString(draw()))].into()),
        immutable: Some(true),
        ..Secret::default()
    };
    secret.metadata.name = Some(name.clone());
    secret.metadata.labels = Some(BTreeMap::from([
        ("app.kubernetes.io/managed-by".to_owned(), "outboard".to_owned()),
        (marks::INSTALL.to_owned(), context.settings.install.clone()),
        (marks::CONTROL_NAMESPACE.to_owned(), control.to_owned()),
        (marks::PROJECT.to_owned(), project.to_owned()),
        (marks::SLICE.to_owned(), marks::SLICE_DATA.to_owned()),
    ]));
    let params = PostParams { field_manager: Some(marks::MANAGER_DATA.to_owned()), ..PostParams::default() };
    match secrets.create(&params, &secret).await {
        Ok(made) => read(&made),
        // Another copy was faster.
        Err(error) if apply::error::is_status(&error, 409) => read(&secrets.get(&name).await?),
        Err(error) => Err(error.into()),
    }
}

fn read(secret: &Secret) -> Result<Vec<u8>, Stop> {
    let key = secret.data.as_ref().and_then(|data| data.get(KEY)).map(|key| key.0.clone());
    key.ok_or_else(|| Stop::Bug(format!("Secret {} has no `{KEY}`: somebody changed it", secret.name_any())))
}

fn draw() -> Vec<u8> {
    let mut random = rand::rng();
    (0..LENGTH).map(|_| random.sample(rand::distr::Alphanumeric)).collect()
}
