//! Keeps the generated passwords of services whose volumes are kept: data that was made with a password is read with no
//! other.
//!
//! In the operator's own namespace, where no team looks. The Secret belongs to a ConfigMap, with which Kubernetes deletes
//! it: the operator itself deletes no Secrets, and lists none.

use std::collections::{BTreeMap, BTreeSet};

use api::KeptVolumes;
use api::marks::{self, Owner};
use api::revision::credentials_name;
use apply::error::is_status;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Resource, ResourceExt};

use crate::context::Context;
use crate::error::Error;
use crate::volumes;

fn params() -> PostParams {
    PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() }
}

/// By the place of the record: control namespaces have no dots, so two are never the same.
pub fn object_name(owner: &Owner, record: &str) -> String {
    format!("kept.{}.{record}", owner.control_namespace)
}

fn secrets(record: &KeptVolumes) -> BTreeSet<String> {
    record.volumes.iter().map(|claim| credentials_name(&claim.kept.service)).collect()
}

/// Copies them before their namespace goes. What is kept already is never written over.
pub async fn keep(
    record: &KeptVolumes,
    owner: &Owner,
    namespace: &str,
    context: &Context,
) -> Result<(), Error> {
    let record_name = KeptVolumes::object_name(&record.environment, &record.environment_uid);
    let name = object_name(owner, &record_name);
    let home = Api::<Secret>::namespaced(context.client.clone(), &context.settings.home);
    let anchors = Api::<ConfigMap>::namespaced(context.client.clone(), &context.settings.home);
    let (found, anchor) = (home.get_metadata_opt(&name).await?, anchors.get_metadata_opt(&name).await?);
    if let (Some(found), Some(anchor)) = (&found, &anchor)
        && found.owner_references().iter().any(|owner| Some(&owner.uid) == anchor.uid().as_ref())
    {
        return Ok(());
    }
    // One that lost what it belongs to is on its way out: until it is gone the POST below is refused, and tried again.
    let mut data = BTreeMap::new();
    for secret in secrets(record) {
        let live = Api::<Secret>::namespaced(context.client.clone(), namespace).get_opt(&secret).await?;
        // Without it there is nothing to keep: a restored service then says that its password is lost.
        if let Some(live) = live.filter(|live| owner.owns(live.labels())) {
            data.extend(
                live.data.into_iter().flatten().map(|(key, value)| (format!("{secret}.{key}"), value)),
            );
        }
    }
    if data.is_empty() {
        return Ok(());
    }
    let mut labels = owner.labels();
    labels.insert(marks::KEPT_WITH.to_owned(), record_name.clone());
    let metadata = ObjectMeta {
        name: Some(name.clone()),
        labels: Some(labels),
        annotations: Some(
            [
                (marks::KEPT_UNTIL.to_owned(), record.until.0.to_string()),
                (marks::KEPT_WITH.to_owned(), record_name),
                (marks::KEPT_CLASS.to_owned(), record.class.clone()),
            ]
            .into(),
        ),
        ..ObjectMeta::default()
    };
    let anchor = ConfigMap { metadata: metadata.clone(), ..ConfigMap::default() };
    let anchor = match anchors.create(&params(), &anchor).await {
        Err(error) if is_status(&error, 409) => anchors.get(&name).await?,
        made => made?,
    };
    let secret = Secret {
        metadata: ObjectMeta { owner_references: anchor.owner_ref(&()).map(|owner| vec![owner]), ..metadata },
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some(data),
        ..Secret::default()
    };
    home.create(&params(), &secret).await?;
    Ok(())
}

/// Whether every one of them is there, by the names of the Secrets that they were in.
pub async fn are_kept(
    record: &str,
    class: &str,
    owner: &Owner,
    context: &Context,
) -> Result<Option<String>, Error> {
    let name = object_name(owner, record);
    let found = kept(record, class, owner, context).await?;
    Ok(found.is_none().then(|| format!("{}/{name}", context.settings.home)))
}

/// Only those of this record, for an environment of the class that they were drawn for.
async fn kept(record: &str, class: &str, owner: &Owner, context: &Context) -> Result<Option<Secret>, Error> {
    let home = Api::<Secret>::namespaced(context.client.clone(), &context.settings.home);
    let found = home.get_opt(&object_name(owner, record)).await?;
    Ok(found.filter(|found| are_for(found, record, class, owner)))
}

fn are_for(secret: &Secret, record: &str, class: &str, owner: &Owner) -> bool {
    let mark = |key: &str| secret.annotations().get(key).map(String::as_str);
    owner.owns(secret.labels())
        && mark(marks::KEPT_WITH) == Some(record)
        && mark(marks::KEPT_CLASS) == Some(class)
}

/// Puts them into the namespace of the environment that gets its volumes back, each where there is none.
pub async fn give_back(
    record: &KeptVolumes,
    class: &str,
    owner: &Owner,
    namespace: &str,
    context: &Context,
) -> Result<(), Error> {
    let record_name = KeptVolumes::object_name(&record.environment, &record.environment_uid);
    let Some(found) = kept(&record_name, class, owner, context).await? else {
        return Ok(());
    };
    let data = found.data.unwrap_or_default();
    let api = Api::<Secret>::namespaced(context.client.clone(), namespace);
    for claim in &record.volumes {
        let secret = credentials_name(&claim.kept.service);
        let values = values(&data, &secret);
        if values.is_empty() || api.get_metadata_opt(&secret).await?.is_some() {
            continue;
        }
        let mut labels = owner.labels();
        labels.insert(marks::PART.to_owned(), claim.kept.service.clone());
        let made = Secret {
            metadata: ObjectMeta {
                name: Some(secret.clone()),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some(values),
            ..Secret::default()
        };
        let made = api.create(&params(), &made).await;
        made.map_err(|error| apply::Error::of_write(error, "Secret", namespace, &secret))?;
    }
    Ok(())
}

/// Those that were in one Secret.
fn values(data: &BTreeMap<String, ByteString>, secret: &str) -> BTreeMap<String, ByteString> {
    let own = |(key, value): (&String, &ByteString)| {
        Some((key.strip_prefix(secret)?.strip_prefix('.')?.to_owned(), value.clone()))
    };
    data.iter().filter_map(own).collect()
}

/// Forgets them: the environment has them.
pub async fn forget(record: &str, owner: &Owner, context: &Context) -> Result<(), Error> {
    let anchors = Api::<ConfigMap>::namespaced(context.client.clone(), &context.settings.home);
    match anchors.get_opt(&object_name(owner, record)).await? {
        Some(anchor) if owner.owns(anchor.labels()) => volumes::delete(&context.client, &anchor).await,
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_for_the_environment_the_record_and_the_class_that_they_were_kept_for() {
        let owner = |environment: &str| Owner {
            install: "outboard".into(),
            control_namespace: "shop".into(),
            project: "shop".into(),
            environment: environment.into(),
        };
        let mut secret = Secret::default();
        secret.metadata.labels = Some(owner("live").labels());
        let marks = [(marks::KEPT_WITH, "live-v1"), (marks::KEPT_CLASS, "production")];
        secret.metadata.annotations =
            Some(marks.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert!(are_for(&secret, "live-v1", "production", &owner("live")));
        assert!(!are_for(&secret, "live-v1", "qa", &owner("live")));
        assert!(!are_for(&secret, "live-v2", "production", &owner("live")));
        assert!(!are_for(&secret, "live-v1", "production", &owner("other")));
        secret.metadata.annotations = None;
        assert!(!are_for(&secret, "live-v1", "production", &owner("live")));
    }

    #[test]
    fn passwords_of_two_services_are_told_apart() {
        let data: BTreeMap<String, ByteString> =
            ["db-credentials.password", "db-credentials.user", "dbx-credentials.password"]
                .map(|key| (key.to_owned(), ByteString(key.into())))
                .into();
        let keys: Vec<String> = values(&data, "db-credentials").into_keys().collect();
        assert_eq!(keys, ["password", "user"]);
    }
}
