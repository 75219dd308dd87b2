//! Renders an environment revision: every object, in order, secret values left out. Cannot fail.

use std::collections::BTreeMap;

use api::marks::Owner;
use api::project::{Class, Component, ProjectSpec, Scale, seconds};
use api::revision::{EnvironmentRevision, Part, SecretPiece, SecretRecipe, short_hash};
use api::{Role, names};

use super::directories::Directories;
use super::isolation;
use super::limits;
use super::manifests;
use super::validate::{self, Validated};
use super::{component, images, pull, restart, route, service, values};
use crate::Settings;

/// The outboard that renders: recorded in every revision.
pub const RENDERER: &str = env!("CARGO_PKG_VERSION");

/// What every renderer of a part needs to know.
pub struct Place<'a> {
    pub validated: &'a Validated,
    pub class: Class,
    pub settings: &'a Settings,
    /// Index digests by image reference.
    pub digests: &'a BTreeMap<String, String>,
    pub owner: Owner,
    pub namespace: String,
}

impl Place<'_> {
    pub fn spec(&self) -> &ProjectSpec {
        &self.validated.spec
    }

    /// Labels of an object that belongs to a part.
    pub fn labels(&self, part: &str) -> BTreeMap<String, String> {
        let mut labels = self.settings.labels.clone();
        labels.extend(self.marks(part));
        labels
    }

    /// Our own labels alone, for what can never be changed again.
    pub fn marks(&self, part: &str) -> BTreeMap<String, String> {
        let mut labels = self.owner.labels();
        labels.insert("app.kubernetes.io/name".to_owned(), part.to_owned());
        labels.insert(api::marks::PART.to_owned(), part.to_owned());
        labels
    }

    /// How many replicas of a component there are in this class.
    pub fn scale(&self, name: &str) -> Scale {
        self.spec().scale(self.validated.class.as_str(), name)
    }

    /// The reference with the digest of the bytes it stands for: nodes then run those, wherever the tag moves.
    pub fn pinned(&self, reference: &str) -> String {
        match self.digests.get(reference) {
            Some(digest) => format!("{reference}@{digest}"),
            None => reference.to_owned(),
        }
    }

    pub fn url(&self, host: &str) -> String {
        let Settings { url_scheme, url_port, .. } = self.settings;
        let port = url_port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{url_scheme}://{}{port}", self.hostname(host))
    }

    pub fn hostname(&self, host: &str) -> String {
        let Validated { environment, project, .. } = self.validated;
        format!("{host}-{environment}-{project}.{}", self.settings.domain)
    }
}

/// The whole revision. `pulls`: registries want to know who pulls.
pub fn revision(
    validated: &Validated,
    settings: &Settings,
    digests: &BTreeMap<String, String>,
    control_namespace: &str,
    pulls: bool,
) -> EnvironmentRevision {
    let place = Place {
        validated,
        class: validated.spec.class(validated.class.as_str()).unwrap_or_default(),
        settings,
        digests,
        owner: Owner {
            install: settings.install.clone(),
            control_namespace: control_namespace.to_owned(),
            project: validated.project.to_string(),
            environment: validated.environment.to_string(),
        },
        namespace: names::namespace(&validated.project, &validated.environment),
    };
    // Limited and shut before anything is inside.
    let mut parts: Vec<Part> = limits::part(&place).into_iter().chain(isolation::part(&place)).collect();
    parts.extend(manifests::parts(&place));
    let mut secrets = Vec::new();
    for (name, service) in &place.spec().services {
        let rendered = service::render(&place, name, service);
        parts.push(rendered.part);
        secrets.extend(rendered.secrets);
    }
    for name in start_order(place.spec()) {
        let Some(component) = place.spec().components.get(name) else { continue };
        let settings = EnvironmentVariables::of(&place, name, component);
        let directories = Directories::of(&place, component);
        parts.push(component::part(&place, name, component, &settings, &directories));
        secrets.extend(settings.recipe(name));
        secrets.extend(directories.recipe(name));
    }
    parts.extend(route::parts(&place));
    if pulls {
        secrets.push(pull::recipe());
        pull::name_in(&mut parts);
    }
    restart::stamp(&mut parts, &validated.restarts);
    // Stable: parts of one role keep the order in which they use each other.
    parts.sort_by_key(|part| part.role);
    EnvironmentRevision {
        project: validated.project.to_string(),
        project_revision: validated.project_revision.clone(),
        class: validated.class.to_string(),
        requested: validated.requested.clone(),
        versions: validated
            .versions
            .iter()
            .map(|(name, version)| (name.clone(), version.to_string()))
            .collect(),
        digests: images::references(validated)
            .into_values()
            .filter_map(|reference| Some((reference.clone(), digests.get(&reference)?.clone())))
            .collect(),
        restores: None,
        keeps: None,
        overrides: validated.overrides.clone(),
        kept: Vec::new(),
        restarts: validated.restarts.clone(),
        change: validated.change.clone(),
        drift: place.class.drift.unwrap_or_default(),
        await_hosts: place.class.await_hosts,
        pod_security: place.class.pod_security,
        keep_volumes: place.class.keep_volumes.as_deref().and_then(seconds),
        renderer: RENDERER.to_owned(),
        urls: validate::routes::hosts(place.spec()).map(|host| (host.to_owned(), place.url(host))).collect(),
        parts,
        secrets,
    }
}

/// Components, each after those it uses.
fn start_order(spec: &ProjectSpec) -> Vec<&str> {
    fn visit<'a>(spec: &'a ProjectSpec, name: &'a str, order: &mut Vec<&'a str>, depth: usize) {
        if order.contains(&name) || depth > spec.components.len() {
            return;
        }
        let Some(component) = spec.components.get(name) else { return };
        for used in &component.uses {
            visit(spec, used, order, depth + 1);
        }
        order.push(name);
    }
    let mut order = Vec::new();
    for name in spec.components.keys() {
        visit(spec, name, &mut order, 0);
    }
    order
}

/// A component's environment variables, told apart by whether they hold a secret.
pub struct EnvironmentVariables {
    pub plain: BTreeMap<String, String>,
    pub secret: BTreeMap<String, Vec<SecretPiece>>,
}

impl EnvironmentVariables {
    fn of(place: &Place<'_>, name: &str, component: &Component) -> Self {
        let mut variables = Self::resolve(place, &component.env);
        for (variable, value) in [
            ("OUTBOARD_ENVIRONMENT", place.validated.environment.to_string()),
            ("OUTBOARD_COMPONENT", name.to_owned()),
        ] {
            variables.plain.entry(variable.to_owned()).or_insert(value);
        }
        variables
    }

    /// The variables that a file gives, every `${…}` replaced.
    pub fn resolve(place: &Place<'_>, env: &BTreeMap<String, String>) -> Self {
        let (mut plain, mut secret) = (BTreeMap::new(), BTreeMap::new());
        for (variable, value) in env {
            let pieces = values::pieces(place, value);
            match values::text(&pieces) {
                Some(text) => drop(plain.insert(variable.clone(), text)),
                None => drop(secret.insert(variable.clone(), pieces)),
            }
        }
        Self { plain, secret }
    }

    /// The Secret that holds what is secret of them.
    pub fn recipe(&self, part: &str) -> Option<SecretRecipe> {
        (!self.secret.is_empty()).then(|| SecretRecipe {
            name: self.secret_name(part),
            part: part.to_owned(),
            keys: self.secret.clone(),
            guards_claim: None,
            r#type: None,
        })
    }

    /// By what it is made of: another recipe is another Secret, and pods of an older revision keep theirs.
    pub fn secret_name(&self, part: &str) -> String {
        format!("{part}-env-{}", short_hash(&self.secret, 8))
    }
}

/// One part's objects, named for reading.
pub fn part(name: &str, role: Role, objects: Vec<serde_json::Value>) -> Part {
    Part {
        name: name.to_owned(),
        role,
        version: None,
        digest: None,
        start_seconds: None,
        replicas: None,
        probe: None,
        raw: vec![],
        rotates: None,
        uses: vec![],
        objects,
    }
}
