//! What a field for a version offers: a fragment that is asked for once somebody is in the field, since it waits for a registry.

use std::collections::BTreeSet;

use api::names::ClassName;
use api::version_query::USUAL;
use axum::response::Response;
use jiff::Timestamp;
use verbs::project::{self, WantedVersions};

use super::change::known_versions;
use super::{Address, ComponentPlace, html};
use crate::app::{App, Mine, Result};
use crate::failure::Failure;
use crate::view::query::encoded;
use crate::view::versions::Offered;

/// Where a field asks. `class`: whose credentials count; `revision`: whose repository; `has`: what is in the field from the
/// beginning.
pub fn address(place: &ComponentPlace, class: &str, revision: Option<&str>, has: &str) -> String {
    let mut said = vec![("class", class), ("has", has)];
    said.extend(revision.map(|revision| ("revision", revision)));
    let said = said.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    format!("{}?{}", place.path(), said.collect::<Vec<_>>().join("&"))
}

pub async fn offered(
    Mine(app): Mine,
    place: ComponentPlace,
    Address(fields): Address<Vec<(String, String)>>,
) -> Result<Response> {
    let ComponentPlace { namespace, project, component } = &place;
    let said = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
    let field = format!("version.{component}");
    // What was there already narrows nothing: whoever comes into the field looks for another.
    let typed = said(&field).filter(|typed| said("has") != Some(typed)).unwrap_or_default();
    let class = said("class").map(ClassName::parse).transpose().map_err(verbs::Error::from)?;
    let known = known_versions(&app.environments().await?.all(), namespace, project);
    let known = known.get(component).cloned().unwrap_or_default();
    let wanted = WantedVersions {
        project,
        component,
        class: class.as_ref(),
        revision: said("revision"),
        matching: typed,
        limit: USUAL,
    };
    html(&ask(&app, namespace, &wanted, known).await)
}

/// That nothing is told is no failure of the page: the field is filled in all the same.
async fn ask(app: &App, namespace: &str, wanted: &WantedVersions<'_>, known: BTreeSet<String>) -> Offered {
    match project::versions(&app.cluster, namespace, wanted, &mut |_| {}).await {
        Ok(found) => Offered::found(&found, known, wanted.matching, Timestamp::now()),
        Err(error) => Offered::untold(wanted.component, known, &Failure::from(error).words),
    }
}
