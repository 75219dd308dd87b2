//! Marks: how an object says that it is ours, and whose. Taken from the spec, never from a UID,
//! so that objects restored into another cluster are still recognised.

use std::collections::BTreeMap;

use crate::project::PodSecurity;

/// Which outboard installation made the object.
pub const INSTALL: &str = "outboard.dev/install";
/// The control namespace that holds the Environment.
pub const CONTROL_NAMESPACE: &str = "outboard.dev/control-namespace";
pub const PROJECT: &str = "outboard.dev/project";
pub const ENVIRONMENT: &str = "outboard.dev/environment";
/// The slice that made the object, and alone may prune it.
pub const SLICE: &str = "outboard.dev/slice";
/// The component or service an object belongs to.
pub const PART: &str = "outboard.dev/part";
/// On a backup: the schedule of its class made it, and alone counts and removes it.
pub const SCHEDULED: &str = "outboard.dev/scheduled";
/// The add-on of a cluster that an object belongs to.
pub const ADDON: &str = "outboard.dev/addon";
/// `project` or `environment`: what a ControllerRevision is a revision of; `volumes`: it records what was kept of one.
pub const REVISION_OF: &str = "outboard.dev/revision-of";
/// On an environment revision: the jobs that have completed for it, as `name@namespace UID`, comma-separated.
pub const COMPLETED_JOBS: &str = "outboard.dev/completed-jobs";

/// On an environment revision: when it was first ready. Only such a revision is promoted or rolled back to.
pub const READY_SINCE: &str = "outboard.dev/ready-since";

/// On an environment revision: the verdicts that were given on it, as JSON, the oldest first.
pub const VERDICTS: &str = "outboard.dev/verdicts";

/// On what is left of an environment that was destroyed, such as a revision or a volume: until when it is kept (RFC 3339).
pub const KEPT_UNTIL: &str = "outboard.dev/kept-until";

/// On what was kept of an environment: the record that names it.
pub const KEPT_WITH: &str = "outboard.dev/kept-with";
/// On a kept volume: the claim that it had, the class of its environment, and that environment's UID.
pub const KEPT_CLAIM: &str = "outboard.dev/kept-claim";
pub const KEPT_CLASS: &str = "outboard.dev/kept-class";
pub const KEPT_ENVIRONMENT_UID: &str = "outboard.dev/kept-environment-uid";
/// On a claim that has the volume of an environment that was destroyed: the record that named it.
pub const RESTORED_FROM: &str = "outboard.dev/restored-from";

/// On a pod template: when somebody last asked for new pods.
pub const RESTARTED: &str = "outboard.dev/restarted";
/// On a pod template, when it is applied: which content of Secrets that change its pods were started with.
pub const SECRETS: &str = "outboard.dev/secrets";
/// On a Secret that is put together from what changes: stands for its content, and tells nothing about it.
pub const CONTENT: &str = "outboard.dev/content";
/// On the same, for a moment: since when it holds what it holds now, which no pod has been told to fetch yet.
pub const CONTENT_SINCE: &str = "outboard.dev/content-since";
/// On a Secret of the control namespace: the classes it serves, comma-separated, or `*`.
pub const CLASSES: &str = "outboard.dev/classes";

/// On a Project: the components that were applied from files of their own, comma-separated. The project's file says
/// nothing about those.
pub const OWN_FILES: &str = "outboard.dev/own-files";

/// On an Environment: nothing is healed until then (RFC 3339). For when no `outboard` is at hand.
pub const FREEZE_UNTIL: &str = "outboard.dev/freeze-until";

/// On an Environment: what it is a preview of, `OWNER/NAME#NUMBER` or `OWNER/NAME@BRANCH`.
pub const PREVIEW: &str = "outboard.dev/preview";

/// On a pod template and so on its pods: the hash of the template, which tells pods of this revision from others.
pub const TEMPLATE: &str = "outboard.dev/template";

/// Before an environment's name, on a namespace: the environment in it takes a service from that one.
pub const TAKES_FROM: &str = "outboard.dev/from.";
/// On a namespace, by whoever runs the cluster: its pods are let into every environment. For what gathers metrics, say.
pub const REACHES: &str = "outboard.dev/reaches-environments";

/// The finalizer of slice `environments`.
pub const FINALIZER: &str = "outboard.dev/environments";
/// The slice that renders namespaces and what runs in them.
pub const SLICE_ENVIRONMENTS: &str = "environments";
/// Field manager of objects in an environment's namespace.
pub const MANAGER: &str = "outboard-environments";
/// Field manager of the condition that says what was announced.
pub const MANAGER_ANNOUNCE: &str = "outboard-announce";
/// Prefix of every field manager that is part of outboard.
pub const MANAGER_PREFIX: &str = "outboard";

/// The container that writes the lines of a component's `logs` to its own output.
pub const LOGS_CONTAINER: &str = "outboard-logs";

/// On a one-off pod: the component whose settings it runs with. Such a pod has no [`PART`]: nothing serves from it.
pub const RUN: &str = "outboard.dev/run";
/// On a one-off pod, an annotation: who runs it.
pub const RUN_BY: &str = "outboard.dev/run-by";
/// On a one-off pod, an annotation: the environment revision it is made from.
pub const RUN_REVISION: &str = "outboard.dev/run-revision";

/// The copy of data that an object belongs to.
pub const COPY: &str = "outboard.dev/copy";
/// On what runs a copy: the service that is copied, and how often it was started.
pub const COPY_SERVICE: &str = "outboard.dev/copy-service";
pub const COPY_TRY: &str = "outboard.dev/copy-try";
/// The finalizer of slice `data`.
pub const FINALIZER_DATA: &str = "outboard.dev/data";
/// The slice that copies data between environments.
pub const SLICE_DATA: &str = "data";
/// Field manager of what slice `data` writes.
pub const MANAGER_DATA: &str = "outboard-data";

/// The finalizer of slice `hostnames`.
pub const FINALIZER_HOSTNAMES: &str = "outboard.dev/hostnames";
/// The slice that keeps records of DNS.
pub const SLICE_HOSTNAMES: &str = "hostnames";
/// Field manager of what slice `hostnames` writes.
pub const MANAGER_HOSTNAMES: &str = "outboard-hostnames";
/// On an entry of the journal of DNS: the zone that it is about.
pub const ZONE: &str = "outboard.dev/zone";
/// On the same: whether its batch is not in sync yet.
pub const PENDING: &str = "outboard.dev/pending";

/// On a namespace: by which of Kubernetes' own standards its pods are judged.
pub const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

/// As which class a Secret serves the backups of a class. None is called so: else whoever may write an environment of one class
/// would read the backups of another, through an `external` service with the same Secret.
pub fn for_backups(class: &str) -> String {
    format!("backups.{class}")
}

/// Whether something annotated or tagged [`CLASSES`] so serves `class`.
pub fn serves(classes: Option<&str>, class: &str) -> bool {
    classes.is_some_and(|classes| {
        classes.split(',').map(str::trim).any(|served| served == "*" || served == class)
    })
}

/// Whose objects are.
pub trait Whose {
    /// Whether an object's labels name it.
    fn owns(&self, labels: &BTreeMap<String, String>) -> bool;
}

/// What a namespace is claimed for.
pub trait Marks: Whose {
    /// The labels of its namespace.
    fn namespace_labels(&self) -> BTreeMap<String, String>;
    /// Field manager of what is made for it.
    fn manager(&self) -> &'static str;
}

/// Who an environment's objects belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub install: String,
    pub control_namespace: String,
    pub project: String,
    pub environment: String,
}

impl Owner {
    /// The labels every object of the environment carries.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.labels_of(SLICE_ENVIRONMENTS)
    }

    /// The same of what another slice makes for it.
    pub fn labels_of(&self, slice: &str) -> BTreeMap<String, String> {
        [
            ("app.kubernetes.io/managed-by", "outboard"),
            (INSTALL, &self.install),
            (CONTROL_NAMESPACE, &self.control_namespace),
            (PROJECT, &self.project),
            (ENVIRONMENT, &self.environment),
            (SLICE, slice),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    /// Whether an object's labels name this owner.
    pub fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        let is = |key: &str, value: &str| labels.get(key).is_some_and(|have| have == value);
        is(INSTALL, &self.install)
            && is(CONTROL_NAMESPACE, &self.control_namespace)
            && is(PROJECT, &self.project)
            && is(ENVIRONMENT, &self.environment)
    }
}

/// An environment's namespace: whose it is, and by which standard its pods are judged.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    pub owner: &'a Owner,
    pub standard: PodSecurity,
}

impl Whose for Owner {
    fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        self.owns(labels)
    }
}

/// Who the objects of a project in its control namespace belong to: no environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectOwner {
    pub install: String,
    pub control_namespace: String,
    pub project: String,
}

impl ProjectOwner {
    pub fn labels(&self) -> BTreeMap<String, String> {
        [
            ("app.kubernetes.io/managed-by", "outboard"),
            (INSTALL, &self.install),
            (CONTROL_NAMESPACE, &self.control_namespace),
            (PROJECT, &self.project),
            (SLICE, SLICE_ENVIRONMENTS),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }
}

impl Whose for ProjectOwner {
    fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        let is = |key: &str, value: &str| labels.get(key).is_some_and(|have| have == value);
        is(INSTALL, &self.install)
            && is(CONTROL_NAMESPACE, &self.control_namespace)
            && is(PROJECT, &self.project)
            && !labels.contains_key(ENVIRONMENT)
    }
}

impl Whose for Home<'_> {
    fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        self.owner.owns(labels)
    }
}

impl Marks for Home<'_> {
    /// Pods that could leave it are refused by Kubernetes itself: whoever may write a project need not be trusted with
    /// nodes.
    fn namespace_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.owner.labels();
        labels.insert(POD_SECURITY.to_owned(), self.standard.as_str().to_owned());
        labels
    }

    fn manager(&self) -> &'static str {
        MANAGER
    }
}

/// Who the objects of a copy of data belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOwner {
    pub install: String,
    pub control_namespace: String,
    pub copy: String,
}

impl CopyOwner {
    /// The namespace that a copy runs in: copies of all control namespaces lie side by side.
    pub fn namespace(&self) -> String {
        let place = crate::revision::short_hash(&(&self.control_namespace, &self.copy), 8);
        format!("outboard-copy-{}-{place}", self.copy)
    }

    /// The labels every object of the copy carries. None names an environment: they are no part of one.
    pub fn labels(&self) -> BTreeMap<String, String> {
        [
            ("app.kubernetes.io/managed-by", "outboard"),
            (INSTALL, &self.install),
            (CONTROL_NAMESPACE, &self.control_namespace),
            (COPY, &self.copy),
            (SLICE, SLICE_DATA),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }
}

impl Whose for CopyOwner {
    fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        let is = |key: &str, value: &str| labels.get(key).is_some_and(|have| have == value);
        is(INSTALL, &self.install) && is(CONTROL_NAMESPACE, &self.control_namespace) && is(COPY, &self.copy)
    }
}

impl Marks for CopyOwner {
    fn namespace_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels();
        labels.insert(POD_SECURITY.to_owned(), "restricted".to_owned());
        labels
    }

    fn manager(&self) -> &'static str {
        MANAGER_DATA
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_copy_still_fits_a_namespace_and_namesakes_have_their_own() {
        let owner = |control: &str| CopyOwner {
            install: "outboard".into(),
            control_namespace: control.into(),
            copy: "c".repeat(40),
        };
        assert_eq!(owner("shop").namespace().len(), 63);
        assert_ne!(owner("shop").namespace(), owner("till").namespace());
    }
}
