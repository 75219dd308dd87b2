//! From parts as they were read to a project that outboard takes: the same steps for every format.

mod addresses;
mod backing;
mod jobs;
mod routes;

use super::draft::Draft;
use super::known;
use super::note::Kind;

pub fn all(mut draft: Draft) -> Draft {
    let servers = backing::take(&mut draft);
    addresses::ports(&mut draft);
    jobs::mark(&mut draft);
    routes::add(&mut draft);
    addresses::write(&mut draft, &servers);
    super::secret::resolve(&mut draft);
    jobs::order(&mut draft, &servers);
    plain_secrets(&mut draft);
    addresses::left_over(&mut draft, &servers);
    draft.notes.sort_by_key(|note| (note.kind, note.place.file.clone(), note.place.line));
    draft
}

/// Tells which variables hold what looks like a secret, once for each component.
fn plain_secrets(draft: &mut Draft) {
    let found: Vec<_> = draft
        .parts
        .iter()
        .filter_map(|part| {
            let held = part.component.env.iter().filter(|(name, value)| {
                known::is_secret_name(name) && !value.is_empty() && !value.replace("$${", "").contains("${")
            });
            let names: Vec<&str> = held.map(|(name, _)| name.as_str()).collect();
            (!names.is_empty()).then(|| (part.name.clone(), part.place.clone(), names.join(", ")))
        })
        .collect();
    let instead = if known::has_key("secrets") {
        "say where the real value lies under `spec.secrets`, and write `${secret.NAME.KEY}` here"
    } else {
        "leave only values here that anybody may read"
    };
    for (part, place, names) in found {
        let message =
            format!("{names}: what looks secret stands here as plain text, for all who read this file");
        draft.note(Kind::Todo, Some(&part), &place, message, instead);
    }
}
