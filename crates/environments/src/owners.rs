//! Remembers which environments were let in though their status does not say so yet: hundreds that are asked for at
//! once are counted one by one.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use api::project::Project;
use api::{Environment, EnvironmentSpec, Verdict};
use kube::ResourceExt;
use kube::runtime::reflector::Store;

use crate::plan::owners;

/// Every environment that is there, and who was let in, by UID.
pub struct Owners {
    environments: Store<Environment>,
    admitted: Mutex<HashSet<String>>,
}

impl Owners {
    pub fn new(environments: Store<Environment>) -> Self {
        Self { environments, admitted: Mutex::default() }
    }

    /// Lets an environment in, or says why it has to wait. One that has a revision is in, and so is one whose namespace is there:
    /// its status may be lost.
    pub fn admit(
        &self,
        environment: &Environment,
        project: Option<&Project>,
        is_there: bool,
    ) -> Option<Verdict> {
        if is_there || environment.status.as_ref().is_some_and(|status| status.revision.is_some()) {
            return None;
        }
        let uid = environment.uid()?;
        // Held until it is decided: no two are let in for the same place.
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = self.waits(&environment.name_any(), &environment.spec, project, &admitted);
        if refusal.is_none() && admitted.insert(uid) {
            let there: HashSet<String> =
                self.environments.state().iter().filter_map(|found| found.uid()).collect();
            admitted.retain(|uid| there.contains(uid));
        }
        refusal
    }

    /// Whether one that may not be there yet would have to wait.
    pub fn would_wait(&self, name: &str, spec: &EnvironmentSpec, project: &Project) -> Option<Verdict> {
        let admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.environments.state_filter(|found| {
            found.name_any() == name
                && found.namespace() == project.namespace()
                && found.status.as_ref().is_some_and(|status| status.revision.is_some())
        });
        if !known.is_empty() {
            return None;
        }
        self.waits(name, spec, Some(project), &admitted)
    }

    fn waits(
        &self,
        name: &str,
        spec: &EnvironmentSpec,
        project: Option<&Project>,
        admitted: &HashSet<String>,
    ) -> Option<Verdict> {
        let (project, owner) = (project?, spec.owner.as_deref()?);
        if project.spec.limits.is_none() || owners::is_protected(project, &spec.class) {
            return None;
        }
        let all = self.environments.state();
        let is_in = |found: &Environment| found.uid().is_some_and(|uid| admitted.contains(&uid));
        let counted = owners::of(all.iter().map(AsRef::as_ref), project, owner, is_in);
        owners::waits(name, owner, counted, project.spec.limits.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;

    fn environment(name: &str) -> Environment {
        let spec = EnvironmentSpec {
            project: "shop".into(),
            class: "qa".into(),
            owner: Some("dana".into()),
            ..Default::default()
        };
        let mut environment = Environment::new(name, spec);
        environment.metadata.namespace = Some("shop".into());
        environment.metadata.uid = Some(name.to_owned());
        environment
    }

    #[test]
    fn of_many_that_come_at_once_only_so_many_are_let_in_however_they_are_called() {
        let spec = json!({"components": {}, "classes": {"qa": {}}, "limits": {"environmentsPerOwner": 2}});
        let mut project = Project::new("shop", serde_json::from_value(spec).unwrap());
        project.metadata.namespace = Some("shop".into());
        let (store, mut writer) = reflector::store();
        let owners = Owners::new(store);
        // Each is looked at before the next is known, and every later one would come first by its name.
        let mut let_in = Vec::new();
        for name in ["e", "d", "c", "b", "a"] {
            let one = environment(name);
            writer.apply_watcher_event(&Event::Apply(one.clone()));
            let_in.extend(owners.admit(&one, Some(&project), false).is_none().then_some(name));
        }
        assert_eq!(let_in, ["e", "d"]);
        assert!(owners.would_wait("f", &environment("f").spec, &project).is_some());
        // One goes, the next comes in; asked again, whoever is in stays in.
        writer.apply_watcher_event(&Event::Delete(environment("d")));
        assert!(owners.admit(&environment("e"), Some(&project), false).is_none());
        let next: Vec<&str> = ["c", "b", "a"]
            .into_iter()
            .filter(|name| owners.admit(&environment(name), Some(&project), false).is_none())
            .collect();
        assert_eq!(next, ["a"]);
        assert!(owners.admit(&environment("c"), Some(&project), true).is_none(), "its namespace is there");
    }
}
