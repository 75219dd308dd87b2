//! Claims a namespace for one environment or one copy: by POST, so two can't both have it.

use std::collections::BTreeMap;

use api::marks::{Marks, Whose};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use crate::error::{Error, is_status};

/// What came of claiming a namespace or a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is ours now, with this UID.
    Held { uid: String },
    /// It exists and carries somebody else's marks or none.
    Taken { by: String },
    /// It is being deleted; it can be claimed once it is gone.
    Terminating,
}

/// Claims `name` for `owner`; claiming what is already held changes nothing. `held` is the UID under which it
/// was held before: marks that somebody removed from it are put back.
pub async fn claim_namespace(
    client: &Client,
    name: &str,
    owner: &impl Marks,
    held: Option<&str>,
) -> Result<Claim, Error> {
    let api = Api::<Namespace>::all(client.clone());
    if let Some(found) = api.get_opt(name).await? {
        let ours = owner.owns(found.labels()) || (found.uid().as_deref() == held && held.is_some());
        let labels = owner.namespace_labels();
        let marked = labels.iter().all(|(key, value)| found.labels().get(key) == Some(value));
        if !ours || marked || found.metadata.deletion_timestamp.is_some() {
            return Ok(judge(&found, owner));
        }
        let patch = json!({"metadata": {"labels": labels, "resourceVersion": found.resource_version()}});
        let params =
            PatchParams { field_manager: Some(owner.manager().to_owned()), ..PatchParams::default() };
        let marked = api.patch(name, &params, &Patch::Merge(&patch)).await;
        return Ok(judge(&marked.map_err(|error| Error::of_write(error, "Namespace", "", name))?, owner));
    }
    let mut wanted = Namespace::default();
    wanted.metadata.name = Some(name.to_owned());
    wanted.metadata.labels = Some(owner.namespace_labels());
    match api
        .create(
            &PostParams { field_manager: Some(owner.manager().to_owned()), ..PostParams::default() },
            &wanted,
        )
        .await
    {
        Ok(created) => Ok(judge(&created, owner)),
        Err(error) if is_status(&error, 409) => Ok(judge(&api.get(name).await?, owner)),
        Err(error) => Err(Error::of_write(error, "Namespace", "", name)),
    }
}

/// Whose namespace this is.
pub fn judge(namespace: &Namespace, owner: &impl Whose) -> Claim {
    if !owner.owns(namespace.labels()) {
        return Claim::Taken { by: holder(namespace.labels()) };
    }
    if namespace.metadata.deletion_timestamp.is_some() {
        return Claim::Terminating;
    }
    Claim::Held { uid: namespace.uid().unwrap_or_default() }
}

/// Whom marks name.
pub(crate) fn holder(labels: &BTreeMap<String, String>) -> String {
    let of = |key| labels.get(key);
    match (of(api::marks::CONTROL_NAMESPACE), of(api::marks::ENVIRONMENT), of(api::marks::COPY)) {
        (Some(control), Some(environment), _) => format!("environment {environment} of {control}"),
        (Some(control), None, Some(copy)) => format!("copy {copy} of {control}"),
        _ => "something outboard did not make".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use api::marks::Owner;

    use super::*;

    fn owner(environment: &str) -> Owner {
        Owner {
            install: "outboard".into(),
            control_namespace: "shop".into(),
            project: "shop".into(),
            environment: environment.into(),
        }
    }

    #[test]
    fn a_namespace_without_our_marks_is_taken_and_one_with_other_marks_names_its_holder() {
        let mut namespace = Namespace::default();
        assert_eq!(
            judge(&namespace, &owner("qa")),
            Claim::Taken { by: "something outboard did not make".into() }
        );
        namespace.metadata.labels = Some(owner("other").labels());
        assert_eq!(judge(&namespace, &owner("qa")), Claim::Taken { by: "environment other of shop".into() });
    }

    #[test]
    fn our_own_namespace_is_held_whatever_made_it() {
        let mut namespace = Namespace::default();
        namespace.metadata.labels = Some(owner("qa").labels());
        namespace.metadata.uid = Some("u".into());
        assert_eq!(judge(&namespace, &owner("qa")), Claim::Held { uid: "u".into() });
    }
}
