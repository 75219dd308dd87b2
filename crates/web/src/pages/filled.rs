//! Where a form is found again as it was filled in: by whoever was refused, and by whoever planned and thinks again. An address
//! has neither the token of a page nor what has to be confirmed anew.

use verbs::data::MaskChoice;

use super::Place;
use super::change::chosen;
use crate::ask::Ask;
use crate::view::query::encoded;

/// Fields of a form, in their order.
pub type Fields = Vec<(String, String)>;

/// What a page puts into a form by itself, or somebody has to say each time.
const LEFT_OUT: [&str; 11] =
    ["token", "action", "copy", "source", "at", "uid", "sure", "protected", "use", "was-class", "was-masks"];

/// The form of a page, with what was typed and chosen.
pub fn form(path: &str, fields: &[(String, String)]) -> String {
    let typed = chosen(fields);
    let class = fields.iter().find(|(name, _)| name == "was-class").map(|(_, class)| class);
    let kept = fields.iter().filter(|(name, value)| {
        let own = LEFT_OUT.contains(&name.as_str()) || name.starts_with("was.") || name.starts_with("at.");
        let as_it_was = match name.strip_prefix("version.") {
            Some(component) => !typed.contains_key(component),
            None => name == "class" && class == Some(value),
        };
        !own && !as_it_was && !value.is_empty()
    });
    address(path, kept.map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The form of the page from which an environment is changed that said this.
pub fn change(place: &Place, fields: &[(String, String)]) -> String {
    let said = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    match said("action") {
        Some("rollback" | "restore") => format!("{}/revisions", place.path()),
        Some("promote") if said("into").is_some() => format!("{}/revisions", place.path()),
        Some(action @ ("update" | "promote" | "restart")) => {
            format!("{}#{action}", form(&format!("{}/change", place.path()), fields))
        }
        _ => form(&format!("{}/change", place.path()), fields),
    }
}

/// The form by which this is asked for; where none can say all of it, since a program asked, the page from which one goes on.
pub fn of(namespace: &str, ask: &Ask) -> String {
    let at = |name: &str| format!("/environments/{namespace}/{name}");
    match ask {
        Ask::Create { settings, revision, .. } if !settings.is_empty() || revision.is_some() => {
            "/environments".to_owned()
        }
        Ask::Set { environment, settings, unset, .. } if !settings.is_empty() || !unset.is_empty() => {
            at(environment)
        }
        Ask::Create { environment, project, class, from, data, backup, masks, versions, .. } => {
            let project = project.as_ref().map(|project| format!("{namespace}/{project}"));
            let backup = backup.as_ref().map(|backup| format!("{BACKUP}{backup}"));
            let plain = [
                ("project", project.as_deref()),
                ("from", from.as_deref()),
                ("class", class.as_deref()),
                ("name", Some(environment.as_str())),
                ("data", data.as_deref().or(backup.as_deref())),
                ("masks", (*masks == MaskChoice::None).then_some("none")),
            ];
            let typed: Fields = versions.iter().map(|(name, tag)| (version(name), tag.clone())).collect();
            let plain = plain.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
            let typed = typed.iter().map(|(name, tag)| (name.as_str(), tag.as_str()));
            address("/environments/new", plain.chain(typed))
        }
        Ask::Set { environment, versions, .. } => {
            let typed: Fields = versions.iter().map(|(name, tag)| (version(name), tag.clone())).collect();
            let typed = typed.iter().map(|(name, tag)| (name.as_str(), tag.as_str()));
            address(&format!("{}/change", at(environment)), typed)
        }
        Ask::Update { environment, .. } => format!("{}/change#update", at(environment)),
        Ask::Restart { environment, components } => {
            let ticked = components.iter().map(|component| ("component", component.as_str()));
            format!("{}#restart", address(&format!("{}/change", at(environment)), ticked))
        }
        Ask::Promote { environment, from, .. } => {
            let from = [("from", from.as_str())].into_iter();
            format!("{}#promote", address(&format!("{}/change", at(environment)), from))
        }
        Ask::Rollback { environment, .. } | Ask::Restore { environment, .. } => {
            format!("{}/revisions", at(environment))
        }
        Ask::Keep { environment, .. } => format!("{}/drift", at(environment)),
    }
}

/// Before the name of a backup, where an environment's could stand.
pub const BACKUP: &str = "backup/";

fn version(component: &str) -> String {
    format!("version.{component}")
}

fn address<'a>(path: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let said: Vec<String> =
        fields.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    if said.is_empty() { path.to_owned() } else { format!("{path}?{}", said.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(all: &[(&str, &str)]) -> Fields {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_comes_back_with_what_was_typed_and_without_what_was_confirmed() {
        let sent = fields(&[
            ("token", "secret"),
            ("project", "shop/shop"),
            ("name", "qa 1"),
            ("from", ""),
            ("class", "qa"),
            ("was-class", "qa"),
            ("was.web", "1"),
            ("version.web", "2"),
            ("was.worker", "1"),
            ("version.worker", "1"),
            ("sure", "1"),
            ("protected", "1"),
        ]);
        let there = "/environments/new?project=shop%2Fshop&name=qa%201&version.web=2";
        assert_eq!(form("/environments/new", &sent), there);
        let another = fields(&[("class", "live"), ("was-class", "qa")]);
        assert_eq!(form("/environments/new", &another), "/environments/new?class=live");
    }

    #[test]
    fn each_change_comes_back_to_the_form_that_asked_for_it() {
        let place = Place { namespace: "shop".into(), name: "qa".into() };
        let to = |all: &[(&str, &str)]| change(&place, &fields(all));
        let page = "/environments/shop/qa";
        assert_eq!(to(&[("action", "set"), ("version.web", "2")]), format!("{page}/change?version.web=2"));
        assert_eq!(
            to(&[("action", "restart"), ("component", "web")]),
            format!("{page}/change?component=web#restart")
        );
        assert_eq!(
            to(&[("action", "promote"), ("from", "dev"), ("at.dev", "3")]),
            format!("{page}/change?from=dev#promote")
        );
        assert_eq!(to(&[("action", "promote"), ("into", "live")]), format!("{page}/revisions"));
        assert_eq!(to(&[("action", "rollback"), ("to", "3")]), format!("{page}/revisions"));
    }

    #[test]
    fn a_plan_comes_back_to_the_form_that_asked_for_it() {
        let to = |text: &str| of("shop", &serde_json::from_str(text).unwrap());
        assert_eq!(
            to(
                r#"{"action": "create", "environment": "qa", "project": "shop", "from": "live", "class": "qa",
                "backup": "gold-1", "masks": "none", "versions": {"web": "2"}}"#
            ),
            "/environments/new?project=shop%2Fshop&from=live&class=qa&name=qa&data=backup%2Fgold-1&masks=none&version.web=2"
        );
        assert_eq!(
            to(r#"{"action": "set", "environment": "qa", "versions": {"web": "2"}}"#),
            "/environments/shop/qa/change?version.web=2"
        );
        assert_eq!(
            to(r#"{"action": "restart", "environment": "qa"}"#),
            "/environments/shop/qa/change#restart"
        );
        // No form has settings: one without them would ask for something else.
        assert_eq!(
            to(r#"{"action": "set", "environment": "qa", "versions": {"web": "2"}, "unset": ["web.env"]}"#),
            "/environments/shop/qa"
        );
        assert_eq!(
            to(r#"{"action": "create", "environment": "qa", "settings": {"web.scale.min": "2"}}"#),
            "/environments"
        );
        assert_eq!(to(r#"{"action": "keep", "environment": "qa"}"#), "/environments/shop/qa/drift");
    }
}
