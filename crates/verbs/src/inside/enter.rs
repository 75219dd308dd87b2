//! Finds the part of an environment that somebody wants to get into.

use api::{Environment, PartStatus, Role};
use kube::ResourceExt;

use super::error::Trouble;
use crate::suggest::nearest;
use crate::{Cluster, Error, Result, environment};

/// A part, and where it runs.
pub struct Inside {
    pub environment: Environment,
    /// The namespace that the environment runs in.
    pub namespace: String,
    pub part: PartStatus,
}

impl Inside {
    /// For people: `component web`.
    pub fn part_words(&self) -> String {
        format!("{} {}", self.part.role.as_str(), self.part.name)
    }
}

/// The part called `part`, which must have one of these roles.
pub async fn enter(
    cluster: &Cluster,
    control: &str,
    name: &str,
    part: &str,
    roles: &[Role],
) -> Result<Inside> {
    let environment = environment::get(cluster, control, name).await?;
    let status = environment.status.as_ref();
    if status.and_then(|status| status.revision).is_none() {
        let waits = status.and_then(|status| status.verdict.clone()).map(Box::new);
        return Err(Trouble::NoRevision { environment: name.to_owned(), waits }.into());
    }
    let part = find(name, status.map(|status| status.parts.as_slice()).unwrap_or_default(), part, roles)?;
    let namespace = status.and_then(|status| status.namespace.clone());
    let namespace = namespace.unwrap_or_else(|| format!("{}-{name}", environment.spec.project));
    Ok(Inside { namespace, part, environment })
}

/// Routes share names with components, and nothing runs in them.
fn find(environment: &str, parts: &[PartStatus], wanted: &str, roles: &[Role]) -> Result<PartStatus> {
    let running = || parts.iter().filter(|part| !matches!(part.role, Role::Route | Role::Schedule));
    if parts.is_empty() {
        // The operator has not looked yet: nobody knows the parts, and nothing runs.
        let (part, environment) = (format!("`{wanted}`"), environment.to_owned());
        return Err(Trouble::NotRunning { part, environment, pods: vec![] }.into());
    }
    match running().find(|part| part.name == wanted) {
        Some(part) if roles.contains(&part.role) => Ok(part.clone()),
        Some(part) => Err(Trouble::NotEnterable {
            part: part.name.clone(),
            role: part.role.as_str(),
            environment: environment.to_owned(),
        }
        .into()),
        None => {
            let known: Vec<&str> =
                running().filter(|part| roles.contains(&part.role)).map(|part| part.name.as_str()).collect();
            Err(Error::NotFound {
                kind: if roles.contains(&Role::Service) { "component or service" } else { "component" },
                name: wanted.to_owned(),
                place: format!("environment `{environment}`"),
                nearest: nearest(wanted, known.iter().copied()),
                known: known.into_iter().map(str::to_owned).collect(),
            })
        }
    }
}

/// The environment's name; it was read by it.
pub fn name(inside: &Inside) -> String {
    inside.environment.name_any()
}

#[cfg(test)]
mod tests {
    use api::PartState;

    use super::*;

    fn part(name: &str, role: Role) -> PartStatus {
        PartStatus {
            name: name.into(),
            role,
            version: None,
            digest: None,
            state: PartState::Ready,
            replicas: None,
            message: String::new(),
        }
    }

    fn parts() -> Vec<PartStatus> {
        vec![
            part("db", Role::Service),
            part("migrate", Role::Job),
            part("web", Role::Route),
            part("web", Role::Component),
        ]
    }

    #[test]
    fn a_component_is_found_though_a_route_has_its_name() {
        let found = find("qa", &parts(), "web", &[Role::Component]).unwrap();
        assert_eq!(found.role, Role::Component);
    }

    #[test]
    fn an_unknown_part_is_answered_with_the_nearest_and_the_enterable_ones() {
        let error = find("qa", &parts(), "wbe", &[Role::Component, Role::Service]).unwrap_err();
        let Error::NotFound { nearest, known, .. } = error else { panic!("{error}") };
        assert_eq!((nearest.as_deref(), known), (Some("web"), vec!["db".to_owned(), "web".to_owned()]));
    }

    #[test]
    fn a_job_has_ended_and_cannot_be_entered() {
        let error = find("qa", &parts(), "migrate", &[Role::Component, Role::Service]).unwrap_err();
        assert!(matches!(error, Error::Inside(Trouble::NotEnterable { role: "job", .. })), "{error}");
    }

    #[test]
    fn before_the_operator_has_looked_nothing_runs() {
        let error = find("qa", &[], "web", &[Role::Component]).unwrap_err();
        assert!(matches!(error, Error::Inside(Trouble::NotRunning { .. })), "{error}");
    }
}
