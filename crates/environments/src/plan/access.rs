//! The RoleBindings of people: in the control namespace and in those of environments, as the project's `access` says.
//!
//! They belong to no revision: whoever loses a right loses it at once, everywhere.

use std::collections::{BTreeMap, BTreeSet};

use api::marks::{Owner, ProjectOwner};
use api::project::{Access, INSIDE, INSIDE_VIEWER, PersonRole, Project};
use api::{Environment, Protection};
use kube::ResourceExt;
use serde_json::{Value, json};

/// Programs are known by such names, as users and as groups.
const ACCOUNT: &str = "system:serviceaccount:";
const ACCOUNTS: &str = "system:serviceaccounts:";

/// Whether a project may give somebody of this name rights: not Kubernetes' own users and groups.
fn may_be_named(name: &str, program: &str) -> bool {
    !name.trim().is_empty() && (!name.starts_with("system:") || name.starts_with(program))
}

/// What is to stand in a namespace, and the names of what may have stood there before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bindings {
    pub wanted: Vec<Value>,
    pub known: Vec<String>,
}

/// By what an environment is protected: as its project is now. What was protected stays so where nobody who may release has said
/// otherwise: while the project or the class is gone, and when somebody makes one of the same name anew.
pub fn protection(environment: &Environment, project: Option<&Project>) -> Option<Protection> {
    let name = &environment.spec.class;
    // Of another class it was made by somebody who might.
    let before = environment.status.as_ref().and_then(|status| status.protection.clone());
    let before = before.filter(|before| before.class == *name);
    let uid = project.and_then(ResourceExt::uid);
    match project.and_then(|project| project.spec.class(name)) {
        Some(class) if class.protected => Some(Protection { class: name.clone(), by: uid }),
        Some(_) => before.filter(|before| before.by.is_none() || before.by != uid).map(orphaned),
        None => before.map(orphaned),
    }
}

fn orphaned(before: Protection) -> Protection {
    Protection { by: None, ..before }
}

/// Those of a control namespace; they go with the project.
pub fn control(owner: &ProjectOwner, project: &Project) -> Bindings {
    let name = |role: &str| format!("{role}.{}", owner.project);
    let reference = kube::Resource::owner_ref(project, &());
    let wanted = by_cluster_role(&project.spec.access, PersonRole::cluster_roles).into_iter().map(
        |(role, subjects)| {
            let metadata = json!({
                "name": name(role),
                "namespace": owner.control_namespace,
                "labels": owner.labels(),
                "ownerReferences": reference.iter().collect::<Vec<_>>(),
            });
            binding(&metadata, role, &subjects)
        },
    );
    Bindings { wanted: wanted.collect(), known: PersonRole::ALL.map(|role| name(role.cluster_role())).into() }
}

/// Those of an environment's namespace.
pub fn inside(owner: &Owner, namespace: &str, access: &Access, protected: bool) -> Bindings {
    let wanted =
        by_cluster_role(access, |role| role.inside(protected)).into_iter().map(|(role, subjects)| {
            let metadata = json!({"name": role, "namespace": namespace, "labels": owner.labels()});
            binding(&metadata, role, &subjects)
        });
    let known = [INSIDE, INSIDE_VIEWER].map(str::to_owned);
    Bindings { wanted: wanted.collect(), known: known.into() }
}

/// Who is to have each ClusterRole: kind and name, in an order that does not depend on the file's.
fn by_cluster_role(
    access: &Access,
    roles: impl Fn(PersonRole) -> &'static [&'static str],
) -> BTreeMap<&'static str, BTreeSet<(&'static str, &str)>> {
    let mut found: BTreeMap<&'static str, BTreeSet<(&'static str, &str)>> = BTreeMap::new();
    for (role, subjects) in access.granted() {
        // Whoever wrote the object past the file's checks names nobody but people and programs all the same.
        let users = subjects.users.iter().filter(|name| may_be_named(name, ACCOUNT));
        let groups = subjects.groups.iter().filter(|name| may_be_named(name, ACCOUNTS));
        let users = users.map(|name| ("User", name.as_str()));
        let groups = groups.map(|name| ("Group", name.as_str()));
        for subject in users.chain(groups) {
            for cluster_role in roles(role) {
                found.entry(cluster_role).or_default().insert(subject);
            }
        }
    }
    found
}

fn binding(metadata: &Value, role: &str, subjects: &BTreeSet<(&str, &str)>) -> Value {
    let group = "rbac.authorization.k8s.io";
    let subjects: Vec<Value> =
        subjects.iter().map(|(kind, name)| json!({"apiGroup": group, "kind": kind, "name": name})).collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    })
}

#[cfg(test)]
mod tests {
    use api::EnvironmentSpec;

    use super::*;

    fn access() -> Access {
        serde_json::from_value(json!({
            "viewer": {"groups": ["everybody"]},
            "qa": {"users": ["quinn"]},
            "developer": {"users": ["dana", "quinn"], "groups": ["shop-developers"]},
            "releaser": {"users": ["rita"]},
            "admin": {"users": ["ada"]},
        }))
        .unwrap()
    }

    fn project(access: &Access) -> Project {
        let classes = json!({"qa": {}, "production": {"protected": true}});
        let spec = json!({"components": {}, "classes": classes, "access": access});
        let mut project = Project::new("shop", serde_json::from_value(spec).unwrap());
        project.metadata.uid = Some("u".into());
        project
    }

    fn who(bindings: &Bindings) -> BTreeMap<String, Vec<String>> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of = |binding: &Value| {
            let subjects = binding["subjects"].as_array().unwrap().iter();
            (text(&binding["roleRef"]["name"]), subjects.map(|subject| text(&subject["name"])).collect())
        };
        bindings.wanted.iter().map(of).collect()
    }

    fn owner() -> Owner {
        Owner {
            install: "outboard".into(),
            control_namespace: "shop".into(),
            project: "shop".into(),
            environment: "qa-1".into(),
        }
    }

    #[test]
    fn everybody_has_the_rights_of_their_role_in_the_control_namespace() {
        let owner = ProjectOwner {
            install: "outboard".into(),
            control_namespace: "shop".into(),
            project: "shop".into(),
        };
        let bindings = control(&owner, &project(&access()));
        insta::assert_yaml_snapshot!(bindings.wanted);
        assert!(bindings.wanted.iter().all(|binding| {
            let name = binding["metadata"]["name"].as_str().unwrap();
            bindings.known.iter().any(|known| known == name)
        }));
        assert!(control(&owner, &project(&Access::default())).wanted.is_empty());
    }

    #[test]
    fn kubernetes_own_users_and_groups_get_nothing_even_if_they_are_named() {
        let access = serde_json::from_value(json!({
            "admin": {"users": ["system:admin", "", "ada"], "groups": ["system:authenticated", "system:serviceaccounts:ci"]},
        }))
        .unwrap();
        let bound = who(&inside(&owner(), "shop-qa-1", &access, false));
        assert_eq!(bound[INSIDE], ["system:serviceaccounts:ci", "ada"]);
    }

    #[test]
    fn nobody_at_all_gets_inside_of_what_is_protected() {
        let open = who(&inside(&owner(), "shop-qa-1", &access(), false));
        assert_eq!(open[INSIDE], ["shop-developers", "ada", "dana", "quinn", "rita"]);
        assert_eq!(open[INSIDE_VIEWER].len(), 6);
        let shut = who(&inside(&owner(), "shop-production", &access(), true));
        assert!(!shut.contains_key(INSIDE));
        assert_eq!(shut[INSIDE_VIEWER].len(), 6);
    }

    #[test]
    fn every_role_may_what_the_ones_before_may() {
        let with_lower = |role: PersonRole| PersonRole::ALL.into_iter().filter(move |lower| *lower <= role);
        for role in PersonRole::ALL {
            assert!(role.cluster_roles().contains(&role.cluster_role()));
            for lower in with_lower(role) {
                let inside = role.inside(false);
                assert!(
                    lower.inside(false).iter().all(|name| inside.contains(name)),
                    "{role:?} and {lower:?}"
                );
            }
        }
    }

    #[test]
    fn what_nothing_is_known_of_stays_protected() {
        let spec = |class: &str| EnvironmentSpec { class: class.into(), ..EnvironmentSpec::default() };
        let known = |class: &str, protection: Option<Protection>| {
            let mut environment = Environment::new("p", spec(class));
            environment.status = Some(api::EnvironmentStatus { protection, ..Default::default() });
            environment
        };
        let by = |uid: Option<&str>| Protection { class: "production".into(), by: uid.map(str::to_owned) };
        let project = project(&access());
        let of = |class: &str, before: Option<Protection>, project: Option<&Project>| {
            protection(&known(class, before), project)
        };
        assert_eq!(of("production", None, Some(&project)), Some(by(Some("u"))));
        assert_eq!(of("qa", None, Some(&project)), None);
        assert_eq!(of("production", None, None), None, "nobody ever said so");
        assert_eq!(of("production", Some(by(Some("u"))), None), Some(by(None)));
        // A releaser has changed its class.
        assert_eq!(of("qa", Some(by(Some("u"))), Some(&project)), None);
        // Only whoever may release unprotects a class of a project that is there.
        let mut open = project.clone();
        open.spec.classes.insert("production".into(), Default::default());
        assert_eq!(of("production", Some(by(Some("u"))), Some(&open)), None);
        // A class that was gone, or a project that was, may come back by anybody.
        assert_eq!(of("production", Some(by(None)), Some(&open)), Some(by(None)));
        let mut anew = open.clone();
        anew.metadata.uid = Some("another".into());
        assert_eq!(of("production", Some(by(Some("u"))), Some(&anew)), Some(by(None)));
        assert_eq!(of("production", Some(by(None)), Some(&project)), Some(by(Some("u"))));
    }
}
