//! Which of the published ports the world should reach by a hostname.

use api::project::Route;

use super::super::draft::Draft;
use super::super::names;
use super::super::note::Kind;

pub fn add(draft: &mut Draft) {
    if draft.routed {
        return;
    }
    let (mut routes, mut notes) = (Vec::<Route>::new(), Vec::new());
    for part in &draft.parts {
        let mut first = true;
        for (target, published) in &part.published {
            let Some((port, _)) = part.component.ports.iter().find(|(_, number)| *number == target) else {
                continue;
            };
            let from = published.map(|port| format!(" as {port}")).unwrap_or_default();
            if !part.speaks_http(*target) {
                let instead =
                    format!("`outboard forward ENVIRONMENT {}` brings it to your machine", part.name);
                let message = if matches!(target, 443 | 8443) {
                    format!(
                        "port {target} was published{from}: the gateway ends TLS, so its HTTP port is what is routed"
                    )
                } else {
                    format!("port {target} was published{from}: a hostname leads to HTTP alone")
                };
                notes.push((Kind::Left, part.name.clone(), part.place.clone(), message, instead));
                continue;
            }
            let wanted = if first { part.name.clone() } else { format!("{}-{port}", part.name) };
            first = false;
            let host = names::free(&names::route(&wanted), api::names::RouteName::MAX, |name| {
                routes.iter().any(|route| route.host == name)
            });
            let several = part.component.ports.len() > 1;
            let port = several.then(|| port.clone());
            routes.push(Route { host, to: part.name.clone(), port, ..Route::default() });
        }
    }
    draft.routes = routes;
    for (kind, part, place, message, instead) in notes {
        draft.note(kind, Some(&part), &place, message, &instead);
    }
}
