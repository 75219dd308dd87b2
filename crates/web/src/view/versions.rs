//! What a field for a version offers: what the component's registry has, and what environments run. Pure.

use std::collections::BTreeSet;

use askama::Template;
use jiff::Timestamp;
use verbs::project::{Version, Versions};
use words::Words;
use words::time::age_at;

/// The inside of what stands below such a field: the choice, and a sentence about it.
#[derive(Debug, Template)]
#[template(path = "_versions.html")]
pub struct Offered {
    component: String,
    choice: Vec<(String, String)>,
    said: String,
    bad: bool,
}

impl Offered {
    /// Before the registry was asked.
    pub fn known(component: &str, known: BTreeSet<String>) -> Self {
        let choice = known.into_iter().map(|tag| (tag, String::new())).collect();
        Self { component: component.to_owned(), choice, said: String::new(), bad: false }
    }

    /// What the registry has, then what it was not asked for and runs somewhere. `typed`: what is in the field, if somebody
    /// wrote in it.
    pub fn found(found: &Versions, known: BTreeSet<String>, typed: &str, now: Timestamp) -> Self {
        let mut choice: Vec<(String, String)> = found
            .versions
            .iter()
            .map(|version| {
                let tag = version.version.tag.clone();
                let says = says(version, now);
                // Some browsers show what an option says in the place of its value.
                let label = if says.is_empty() { String::new() } else { format!("{tag} · {says}") };
                (tag, label)
            })
            .collect();
        let listed: BTreeSet<String> = choice.iter().map(|(tag, _)| tag.clone()).collect();
        choice.extend(known.into_iter().filter(|tag| !listed.contains(tag)).map(|tag| (tag, String::new())));
        let mut said = sentence(found, typed, now);
        for note in &found.notes {
            said = format!("{said}; {note}");
        }
        Self { component: found.component.clone(), choice, said, bad: false }
    }

    /// The registry says nothing. What environments run stays.
    pub fn untold(component: &str, known: BTreeSet<String>, why: &Words) -> Self {
        let details = why.details.first().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let rest = if known.is_empty() { "" } else { ". What environments run is offered" };
        let said = format!("{}{details}{rest}", why.sentence);
        Self { said, bad: true, ..Self::known(component, known) }
    }
}

fn sentence(found: &Versions, typed: &str, now: Timestamp) -> String {
    let exact = found.versions.iter().find(|version| version.version.tag == typed);
    let many = found.matching;
    match (exact, typed, many) {
        (Some(version), ..) => match says(version, now) {
            says if says.is_empty() => "its registry has this version".to_owned(),
            says => says,
        },
        (None, "", 0) => "its registry has no version yet".to_owned(),
        (None, "", 1) => "one version in its registry".to_owned(),
        (None, "", _) if many > i64::try_from(found.versions.len()).unwrap_or(i64::MAX) => {
            format!("{many} versions in its registry: type to narrow them")
        }
        (None, "", _) => format!("{many} versions in its registry"),
        (None, _, 0) => format!("its registry has no version with `{typed}` in it"),
        (None, _, 1) => format!("one version with `{typed}` in it"),
        (None, ..) => format!("{many} versions with `{typed}` in them"),
    }
}

/// When it was built, from what, by whom, and where it runs.
fn says(version: &Version, now: Timestamp) -> String {
    let Version { version, runs_in, outdated_in } = version;
    let built =
        version.created.as_ref().map(|time| format!("built {} ago", age_at(Some(&time.0.to_string()), now)));
    let runs = (!runs_in.is_empty()).then(|| format!("runs in {}", runs_in.join(", ")));
    let outdated =
        (!outdated_in.is_empty()).then(|| format!("pushed again since {} got it", outdated_in.join(", ")));
    let all = [built, version.branch.clone(), version.author.clone(), runs, outdated];
    all.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use api::Exit;
    use api::RegistryVersion;
    use serde_json::json;

    use super::*;

    fn found(many: i64) -> Versions {
        let version = |tag: &str, runs: &[&str]| Version {
            version: serde_json::from_value(
                json!({"tag": tag, "created": "1970-01-12T13:46:40Z", "branch": "<main>", "author": "Ada"}),
            )
            .unwrap(),
            runs_in: runs.iter().map(|name| (*name).to_owned()).collect(),
            outdated_in: vec![],
        };
        let plain = Version {
            version: RegistryVersion { tag: "latest".into(), ..RegistryVersion::default() },
            runs_in: vec![],
            outdated_in: vec!["old".into()],
        };
        Versions {
            project: "shop".into(),
            component: "web".into(),
            class: "qa".into(),
            repository: "r.example/shop/web".into(),
            versions: vec![version("1.4.2", &["qa", "qa-2"]), version("1.4.1", &[]), plain],
            matching: many,
            tags: many,
            notes: vec![],
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000 + 3 * 86_400).unwrap()
    }

    #[test]
    fn a_choice_says_when_from_what_and_by_whom_and_keeps_what_runs() {
        let known = BTreeSet::from(["1.4.1".to_owned(), "hotfix".to_owned()]);
        let drawn = Offered::found(&found(412), known, "", now()).render().unwrap();
        insta::assert_snapshot!(drawn, @r#"
        <datalist id="known-web"><option value="1.4.2" label="1.4.2 · built 3d ago · &#60;main&#62; · Ada · runs in qa, qa-2"></option><option value="1.4.1" label="1.4.1 · built 3d ago · &#60;main&#62; · Ada"></option><option value="latest" label="latest · pushed again since old got it"></option><option value="hotfix"></option></datalist>
        <span class="under" id="said-web" role="status">412 versions in its registry: type to narrow them</span>
        "#);
    }

    #[test]
    fn the_sentence_is_about_what_was_typed() {
        let said = |typed: &str, many: i64| sentence(&found(many), typed, now());
        assert_eq!(said("", 3), "3 versions in its registry");
        assert_eq!(said("", 412), "412 versions in its registry: type to narrow them");
        assert_eq!(said("1.4", 3), "3 versions with `1.4` in them");
        assert_eq!(said("1.4.2", 1), "built 3d ago · <main> · Ada · runs in qa, qa-2");
        assert_eq!(said("nope", 0), "its registry has no version with `nope` in it");
        assert_eq!(said("latest", 1), "pushed again since old got it");
    }

    #[test]
    fn a_registry_that_says_nothing_is_told_and_what_runs_is_offered() {
        let why = Words::new(Exit::Registry, "component web: the registry of r.example cannot be read")
            .details(vec!["connection refused".into()]);
        let drawn = Offered::untold("web", BTreeSet::from(["1".to_owned()]), &why).render().unwrap();
        assert!(
            drawn.contains("cannot be read (connection refused). What environments run is offered"),
            "{drawn}"
        );
        assert!(drawn.contains(r#"<option value="1"></option>"#) && drawn.contains("untold"), "{drawn}");
    }
}
