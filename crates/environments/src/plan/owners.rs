//! How many environments one owner may have: which of them are let in, and which waits for another to go.

use api::project::{Project, ProjectLimits};
use api::{Cause, Environment, Verdict};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

/// So many are named.
const SHOWN: usize = 20;

/// What counts of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct One {
    pub name: String,
    /// It runs, or is on its way: it keeps its place, whatever the limit becomes.
    pub admitted: bool,
    pub created: Timestamp,
}

/// The environments of a project that count for `owner`; `admitted` says which of those without a revision were let in.
pub fn of<'a>(
    environments: impl Iterator<Item = &'a Environment>,
    project: &Project,
    owner: &str,
    admitted: impl Fn(&Environment) -> bool,
) -> Vec<One> {
    let counts = |environment: &&Environment| {
        let spec = &environment.spec;
        spec.project == project.name_any()
            && environment.namespace() == project.namespace()
            && spec.owner.as_deref() == Some(owner)
            && !is_protected(project, &spec.class)
    };
    let one = |environment: &Environment| {
        let runs = environment.status.as_ref().is_some_and(|status| status.revision.is_some());
        let created = environment.metadata.creation_timestamp.as_ref();
        One {
            name: environment.name_any(),
            admitted: runs || admitted(environment),
            created: created.map_or(Timestamp::MAX, |created| created.0),
        }
    };
    // One that was never let in and is on its way out takes nobody's place.
    let all =
        environments.filter(counts).map(|found| (one(found), found.metadata.deletion_timestamp.is_some()));
    all.filter(|(one, going)| one.admitted || !going).map(|(one, _)| one).collect()
}

/// Whether environments of a class count.
pub fn is_protected(project: &Project, class: &str) -> bool {
    project.spec.class(class).is_some_and(|class| class.protected)
}

/// Why `name` has to wait: those that were let in come first, then the older ones.
pub fn waits(
    name: &str,
    owner: &str,
    mut environments: Vec<One>,
    limits: Option<&ProjectLimits>,
) -> Option<Verdict> {
    let at_most = limits?.environments_per_owner?;
    let allowed = usize::try_from(at_most).unwrap_or(usize::MAX);
    environments.sort_by(|a, b| (!a.admitted, a.created, &a.name).cmp(&(!b.admitted, b.created, &b.name)));
    let place = environments.iter().position(|one| one.name == name).unwrap_or(environments.len());
    if place < allowed {
        return None;
    }
    // Whoever else waits is nobody's concern: of a thousand that come at once each would tell of all the others, and anew for
    // each that comes.
    let let_in = environments.iter().filter(|one| one.admitted).count().max(allowed);
    let before = &environments[..place.min(let_in)];
    let plural = if at_most == 1 { "" } else { "s" };
    Some(Verdict {
        cause: Cause::QuotaExceeded,
        about: format!("environment {name}"),
        message: format!(
            "{owner} may have {at_most} environment{plural} of this project and has {}",
            before.len()
        ),
        evidence: evidence(before),
        fix: match before.first() {
            Some(oldest) => format!(
                "destroy one that is not needed, the oldest is `outboard env destroy {}`: it goes on by itself then",
                oldest.name
            ),
            None => "ask the project's admins for a higher `limits.environmentsPerOwner`".to_owned(),
        },
        terminal: true,
        holds: true,
    })
}

fn evidence(before: &[One]) -> Vec<String> {
    let told = before.iter().take(SHOWN).map(|one| {
        let waits = if one.admitted { "" } else { ", which waits, too" };
        format!("{}, since {}{waits}", one.name, one.created)
    });
    let more = before.len().checked_sub(SHOWN).filter(|more| *more > 0);
    told.chain(more.map(|more| format!("and {more} more"))).collect()
}

#[cfg(test)]
mod tests {
    use api::EnvironmentSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;

    fn one(name: &str, admitted: bool, second: i64) -> One {
        One { name: name.into(), admitted, created: Timestamp::from_second(second).unwrap() }
    }

    fn limits(environments: u32) -> ProjectLimits {
        ProjectLimits { environments_per_owner: Some(environments) }
    }

    #[test]
    fn whoever_has_as_many_as_allowed_waits_and_is_told_which() {
        let two = vec![one("a", true, 1), one("b", true, 2)];
        assert_eq!(waits("c", "dana", two.clone(), Some(&limits(3))), None);
        assert_eq!(waits("c", "dana", two.clone(), None), None);
        assert_eq!(
            waits("b", "dana", two.clone(), Some(&limits(1))).map(|verdict| verdict.terminal),
            Some(true)
        );
        insta::assert_yaml_snapshot!(waits("c", "dana", two, Some(&limits(2))));
    }

    #[test]
    fn what_runs_keeps_its_place_and_the_oldest_that_waits_comes_next() {
        let all = vec![one("new", false, 9), one("older", false, 5), one("runs", true, 7)];
        let waiting = |limit| -> Vec<&str> {
            let waits = |name: &&str| waits(name, "dana", all.clone(), Some(&limits(limit))).is_some();
            ["new", "older", "runs"].into_iter().filter(waits).collect()
        };
        assert_eq!(waiting(1), ["new", "older"]);
        assert_eq!(waiting(2), ["new"]);
        assert_eq!(waiting(3), Vec::<&str>::new());
    }

    #[test]
    fn of_a_thousand_that_wait_none_tells_of_the_others() {
        let mut all: Vec<One> = (0..30).map(|number| one(&format!("in-{number}"), true, number)).collect();
        all.extend((0..1000).map(|number| one(&format!("m{number}"), false, 100 + number)));
        let told = |name: &str| waits(name, "dana", all.clone(), Some(&limits(30))).unwrap();
        let (first, last) = (told("m0"), told("m999"));
        assert_eq!(first.message, "dana may have 30 environments of this project and has 30");
        assert_eq!((&first.message, &first.evidence), (&last.message, &last.evidence));
        assert_eq!(first.evidence.len(), 21);
        assert_eq!(first.evidence[20], "and 10 more");
    }

    #[test]
    fn only_ones_own_of_the_project_that_are_not_protected_count() {
        let spec = json!({"components": {}, "classes": {"qa": {}, "production": {"protected": true}}});
        let mut project = Project::new("shop", serde_json::from_value(spec).unwrap());
        project.metadata.namespace = Some("team".into());
        let environment = |name: &str, owner: Option<&str>, class: &str, project: &str, namespace: &str| {
            let spec = EnvironmentSpec {
                project: project.into(),
                class: class.into(),
                owner: owner.map(str::to_owned),
                ..EnvironmentSpec::default()
            };
            let mut environment = Environment::new(name, spec);
            environment.metadata.namespace = Some(namespace.into());
            environment.metadata.creation_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            environment
        };
        let mut going = environment("going", Some("dana"), "qa", "shop", "team");
        going.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        let mut torn_down = going.clone();
        torn_down.metadata.name = Some("torn-down".into());
        torn_down.status = Some(api::EnvironmentStatus { revision: Some(3), ..Default::default() });
        let all = [
            environment("mine", Some("dana"), "qa", "shop", "team"),
            environment("theirs", Some("quinn"), "qa", "shop", "team"),
            environment("nobodys", None, "qa", "shop", "team"),
            environment("production", Some("dana"), "production", "shop", "team"),
            environment("other-project", Some("dana"), "qa", "blog", "team"),
            environment("other-team", Some("dana"), "qa", "shop", "elsewhere"),
            going,
            torn_down,
        ];
        let counted = of(all.iter(), &project, "dana", |environment| environment.name_any() == "mine");
        let names: Vec<(&str, bool)> = counted.iter().map(|one| (one.name.as_str(), one.admitted)).collect();
        assert_eq!(names, [("mine", true), ("torn-down", true)]);
    }
}
