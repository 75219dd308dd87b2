//! Rights that others bound to names with the server's prefix: whoever its provider calls so would have them. Only looks.

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::{Cluster, PREFIX};

/// More are counted.
const NAMED: usize = 5;
/// So many bindings of one kind are looked at; no page of Kubernetes' is longer.
const PAGE: u32 = 500;

/// What to say of them; nothing if there are none.
pub(super) async fn foreign(cluster: &Cluster) -> Option<String> {
    match found(cluster).await {
        Ok(found) => told(&found),
        Err(error) => Some(format!(
            "it could not be looked for rights that are bound to names beginning with `{PREFIX}`: {error}"
        )),
    }
}

async fn found(cluster: &Cluster) -> Result<Vec<String>, kube::Error> {
    let mut found = vec![];
    let wide = Api::<ClusterRoleBinding>::all(cluster.client.clone());
    let mut next = ListParams::default().limit(PAGE);
    loop {
        let page = wide.list(&next).await?;
        for binding in page.items.iter().filter(|binding| !is_ours(*binding)) {
            let name = format!("ClusterRoleBinding {}", binding.name_any());
            found.extend(subject(binding.subjects.as_deref()).map(|who| format!("{name} ({who})")));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => next = next.continue_token(&token),
            None => break,
        }
    }
    let narrow = Api::<RoleBinding>::all(cluster.client.clone());
    let mut next = ListParams::default().limit(PAGE);
    loop {
        let page = narrow.list(&next).await?;
        for binding in page.items.iter().filter(|binding| !is_ours(*binding)) {
            let place = binding.namespace().unwrap_or_default();
            let name = format!("RoleBinding {place}/{}", binding.name_any());
            found.extend(subject(binding.subjects.as_deref()).map(|who| format!("{name} ({who})")));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => next = next.continue_token(&token),
            None => return Ok(found),
        }
    }
}

/// What projects give by `access`, outboard binds itself.
fn is_ours(binding: &impl ResourceExt) -> bool {
    binding.labels().get("app.kubernetes.io/managed-by").is_some_and(|by| by == "outboard")
}

/// The first with the prefix.
fn subject(subjects: Option<&[Subject]>) -> Option<String> {
    let person = |subject: &&Subject| {
        (subject.kind == "User" || subject.kind == "Group") && subject.name.starts_with(PREFIX)
    };
    let found = subjects.unwrap_or_default().iter().find(person)?;
    Some(format!("{} {}", found.kind, found.name))
}

fn told(found: &[String]) -> Option<String> {
    let more = found.len().saturating_sub(NAMED);
    let named = found.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!found.is_empty()).then(|| {
        format!(
            "rights are bound to names that begin with `{PREFIX}`: {named}{more}. Whoever the server's provider calls so has them; if \
             they were meant for people of another provider, do not run this server beside it (docs/guide/server.md)"
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn rights_of_names_with_the_prefix_are_told_and_those_that_projects_give_are_not() {
        let cluster = crate::fake::cluster(|_, path| {
            let binding = |name: &str, subject: &str, labels: serde_json::Value| {
                json!({"metadata": {"name": name, "namespace": "shop", "labels": labels},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
                    "subjects": [{"kind": "Group", "name": subject, "apiGroup": "rbac.authorization.k8s.io"}]})
            };
            let of = |kind: &str, items: Vec<serde_json::Value>| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {}, "items": items});
            let ours = json!({"app.kubernetes.io/managed-by": "outboard"});
            let answer = if path.contains("clusterrolebindings") {
                let items = vec![
                    binding("admins", "oidc:admins", json!({})),
                    binding("others", "system:masters", json!({})),
                ];
                of("ClusterRoleBindingList", items)
            } else {
                let items = vec![binding("qa", "oidc:qa", ours), binding("mine", "oidc:dev", json!({}))];
                of("RoleBindingList", items)
            };
            Some((200, answer))
        });
        let told = foreign(&cluster).await.unwrap();
        for part in
            ["ClusterRoleBinding admins (Group oidc:admins)", "RoleBinding shop/mine (Group oidc:dev)"]
        {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("system:masters") && !told.contains("shop/qa"), "{told}");
    }

    #[test]
    fn many_are_counted_and_none_are_not_told() {
        assert_eq!(told(&[]), None);
        let many: Vec<String> = (0..9).map(|number| format!("RoleBinding a/{number}")).collect();
        assert!(told(&many).unwrap().contains("a/4 and 4 more"), "{:?}", told(&many));
    }
}
