//! The command that does the same, for every view: what people learn here they can type. Pure.

use std::collections::{BTreeMap, BTreeSet};

use verbs::data::{MaskChoice, Wanted};
use verbs::{hostname, preview};

use crate::ask::Ask;
use crate::pages::Place;

/// `outboard -n shop …`, quoted for a shell.
fn line(namespace: Option<&str>, words: &[&str]) -> String {
    let place: &[&str] = match &namespace {
        Some(namespace) => &["-n", namespace],
        None => &[],
    };
    let all = ["outboard"].iter().chain(place).chain(words);
    all.map(|word| quoted(word)).collect::<Vec<String>>().join(" ")
}

/// `web=2` needs no quotes, though some shells' own tools would add them.
fn quoted(word: &str) -> String {
    // A query may have any character; a terminal acts on some.
    let word: String = word.chars().filter(|c| !c.is_control()).collect();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word;
    }
    // Only a NUL cannot be quoted, and none is left.
    shlex::try_quote(&word).map_or_else(|_| String::new(), Into::into)
}

/// Lists everywhere somebody may look: none where they may look nowhere, or in more places than anybody reads in a line.
fn everywhere(places: &[Option<String>], [noun, verb]: [&str; 2]) -> Option<String> {
    const FEW: usize = 8;
    match places {
        [] => None,
        [None] => Some(line(None, &[noun, verb, "-A"])),
        some if some.len() > FEW => None,
        some => {
            let each = some.iter().map(|place| line(place.as_deref(), &[noun, verb]));
            Some(each.collect::<Vec<String>>().join("; "))
        }
    }
}

pub fn list(places: &[Option<String>]) -> Option<String> {
    everywhere(places, ["env", "list"])
}

pub fn show(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["env", "show", name])
}

pub fn wait(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["env", "show", name, "--wait"])
}

pub fn history(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["env", "history", name])
}

pub fn events(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["env", "events", name])
}

pub fn changed(namespace: &str, name: &str, revision: i64, against: Option<i64>) -> String {
    let revision = revision.to_string();
    let against = against.map(|number| number.to_string());
    let mut words = vec!["env", "history", name, "--diff", &revision];
    words.extend(against.iter().flat_map(|number| ["--against", number]));
    line(Some(namespace), &words)
}

pub fn diff(namespace: &str, left: &str, right: &str) -> String {
    line(Some(namespace), &["env", "diff", left, right])
}

pub fn drift(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["env", "drift", name])
}

pub fn destroy(namespace: &str, name: &str, protected: bool) -> String {
    let mut words = vec!["env", "destroy", name];
    words.extend(protected.then_some("--protected"));
    line(Some(namespace), &words)
}

pub fn copies(places: &[Option<String>]) -> Option<String> {
    everywhere(places, ["data", "list"])
}

pub fn nodes() -> String {
    line(None, &["cluster", "nodes"])
}

pub fn cluster_drift(file: &str) -> String {
    line(None, &["cluster", "drift", "-f", file])
}

pub fn hosts(places: &[Option<String>]) -> Option<String> {
    everywhere(places, ["hostname", "list"])
}

pub fn copy(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["data", "show", name, "--wait"])
}

/// A copy, a backup or a restore with all that was chosen.
pub fn asked(namespace: &str, wanted: &Wanted) -> String {
    let words = words::asked(wanted);
    line(Some(namespace), &words.iter().map(String::as_str).collect::<Vec<&str>>())
}

/// The same of one that nobody has asked for yet: a name is drawn when somebody does.
pub fn unnamed(namespace: &str, wanted: &Wanted) -> String {
    let mut words = words::asked(wanted);
    if let Some(at) = words.iter().position(|word| word == "--name") {
        words.drain(at..(at + 2).min(words.len()));
    }
    line(Some(namespace), &words.iter().map(String::as_str).collect::<Vec<&str>>())
}

pub fn reset(place: &Place, protected: bool) -> String {
    let mut words = vec!["data", "reset", place.name.as_str()];
    words.extend(protected.then_some("--protected"));
    line(Some(&place.namespace), &words)
}

pub fn restored(namespace: &str, name: &str, backup: &str, services: &[String]) -> String {
    let mut words = vec!["env", "restore", name];
    words.extend(services.iter().map(String::as_str));
    words.extend(["--backup", backup]);
    line(Some(namespace), &words)
}

pub fn rotate(namespace: &str, name: &str, services: &[String]) -> String {
    let mut words = vec!["env", "rotate", name];
    words.extend(services.iter().map(String::as_str));
    line(Some(namespace), &words)
}

pub fn freeze(namespace: &str, name: &str, length: &str, reason: &str) -> String {
    line(Some(namespace), &["env", "freeze", name, "--for", length, "--reason", reason])
}

pub fn thaw(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["env", "thaw", name, "--heal"])
}

pub fn claim(namespace: &str, wanted: &hostname::Wanted) -> String {
    let weight = wanted.weight.map(|weight| weight.to_string());
    let mut words = vec!["hostname", "claim", &wanted.host, "--env", &wanted.environment];
    words.extend(wanted.route.iter().flat_map(|route| ["--route", route]));
    words.extend(weight.iter().flat_map(|weight| ["--weight", weight]));
    words.extend(wanted.health_check.iter().flat_map(|id| ["--health-check", id]));
    line(Some(namespace), &words)
}

pub fn release(namespace: &str, host: &str) -> String {
    line(Some(namespace), &["hostname", "release", host])
}

/// The whole project, or one component of it.
pub fn applied(namespace: &str, project: &str, component: Option<&str>) -> String {
    let mut words = vec!["project", "apply", "-f", "-"];
    words.extend(component.iter().flat_map(|component| ["--component", component, "--project", project]));
    line(Some(namespace), &words)
}

pub fn preview(namespace: &str, wanted: &preview::Wanted) -> String {
    let number;
    let (option, what) = match &wanted.subject.what {
        preview::What::Pull(pull) => {
            number = pull.to_string();
            ("--pr", &number)
        }
        preview::What::Branch(branch) => ("--branch", branch),
    };
    let chosen: Vec<String> =
        wanted.versions.iter().map(|choice| format!("{}={}", choice.component, choice.version)).collect();
    let repository = wanted.subject.repository.as_str();
    let mut words = vec!["preview", "up", "--repo", repository, option, what, "--name", wanted.name.as_str()];
    words.extend(wanted.like.iter().flat_map(|like| ["--like", like.as_str()]));
    words.extend(wanted.class.iter().flat_map(|class| ["--class", class.as_str()]));
    words.extend(chosen.iter().flat_map(|version| ["--set", version]));
    line(Some(namespace), &words)
}

/// `pause`, `resume` or `cancel`.
pub fn steered(namespace: &str, word: &str, name: &str) -> String {
    line(Some(namespace), &["data", word, name])
}

/// `between`: since when, and until when if that is not now.
pub fn logs(
    namespace: &str,
    name: &str,
    parts: &[String],
    between: (&str, Option<&str>),
    query: &str,
    follow: bool,
) -> String {
    let mut words = vec!["logs", name];
    words.extend(parts.iter().map(String::as_str));
    words.extend(follow.then_some("-f"));
    let (since, until) = between;
    words.extend(["--since", since]);
    words.extend(until.iter().flat_map(|until| ["--until", until]));
    match query {
        // Without a query the archive is not searched.
        "" if !follow => words.extend(["--query", "*"]),
        "" => {}
        query => words.extend(["--query", query]),
    }
    line(Some(namespace), &words)
}

/// The same of a time that has passed.
pub fn logs_between(namespace: &str, name: &str, since: &str, until: &str, query: &str) -> String {
    logs(namespace, name, &[], (since, Some(until)), query, false)
}

/// The command that asks for the same change.
pub fn of(namespace: &str, ask: &Ask) -> String {
    let chosen = |versions: &BTreeMap<String, String>| -> Vec<String> {
        versions
            .iter()
            .flat_map(|(component, version)| ["--set".to_owned(), format!("{component}={version}")])
            .collect()
    };
    let mut words: Vec<String> = vec!["env".to_owned()];
    let option = |name: &str, value: &Option<String>| -> Vec<String> {
        value.iter().flat_map(|value| [name.to_owned(), value.clone()]).collect()
    };
    match ask {
        Ask::Create {
            environment,
            project,
            class,
            from,
            data,
            backup,
            masks,
            versions,
            settings,
            revision,
        } => {
            match from {
                None => {
                    words.extend(["create".to_owned(), environment.clone()]);
                    words.extend(settings.iter().map(|(path, value)| set(path, value)));
                    words.extend(option("--project", project));
                    words.extend(option("--revision", revision));
                }
                Some(from) => words.extend(["clone".to_owned(), from.clone(), environment.clone()]),
            }
            words.extend(option("--class", class));
            match from {
                None => words.extend(option("--data", data)),
                // Said alone it is the data of what it starts from.
                Some(_) if data == from => words.push("--data".to_owned()),
                Some(_) => words.extend(data.iter().map(|data| format!("--data={data}"))),
            }
            words.extend(option("--backup", backup));
            let bare = *masks == MaskChoice::None;
            words.extend(bare.then_some(["--mask", "none"]).into_iter().flatten().map(str::to_owned));
            words.extend(chosen(versions));
        }
        Ask::Set { environment, versions, settings, unset } => {
            words.extend(["set".to_owned(), environment.clone()]);
            words.extend(settings.iter().map(|(path, value)| set(path, value)));
            words.extend(chosen(versions));
            words.extend(unset.iter().flat_map(|path| ["--unset".to_owned(), path.clone()]));
        }
        Ask::Update { environment, revision } => {
            words.extend(["update".to_owned(), environment.clone()]);
            words.extend(option("--revision", revision));
        }
        Ask::Restart { environment, components } => {
            words.extend(["restart".to_owned(), environment.clone()]);
            let mut said = BTreeSet::new();
            words.extend(components.iter().filter(|component| said.insert(*component)).cloned());
        }
        Ask::Promote { environment, from, .. } => {
            words.extend(["promote".to_owned(), from.clone(), environment.clone()]);
        }
        Ask::Rollback { environment, to } => {
            words.extend(["rollback".to_owned(), environment.clone()]);
            words.extend(option("--to", &to.map(|number| number.to_string())));
        }
        Ask::Keep { environment, thaw: false } => words.extend(["keep".to_owned(), environment.clone()]),
        Ask::Keep { environment, thaw: true } => {
            words.extend(["thaw".to_owned(), environment.clone(), "--keep".to_owned()]);
        }
        Ask::Restore { environment, revision, kept, without_data } => {
            words.extend(["restore".to_owned(), environment.clone()]);
            words.extend(option("--revision", &revision.map(|number| number.to_string())));
            words.extend(option("--kept", kept));
            words.extend(without_data.then(|| "--without-data".to_owned()));
        }
    }
    line(Some(namespace), &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A setting as it is typed. Commands are kept on record, and a variable may hold a secret.
fn set(path: &str, value: &str) -> String {
    let value = if path.split('.').nth(1) == Some("env") { "…" } else { value };
    format!("{path}={value}")
}

/// What can become of several environments at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Several {
    Restart,
    Update,
    Destroy,
}

impl Several {
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Restart, Self::Update, Self::Destroy].into_iter().find(|action| action.word() == text)
    }

    /// As a form and the command line say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Update => "update",
            Self::Destroy => "destroy",
        }
    }

    pub fn title(self, count: usize) -> String {
        let verb = match self {
            Self::Restart => "Restart",
            Self::Update => "Update",
            Self::Destroy => "Destroy",
        };
        format!("{verb} {}", words::size::count(count as u64, "environment"))
    }
}

/// The same for each of them, by namespace.
pub fn several(action: Several, places: &[Place]) -> String {
    let mut by_namespace = BTreeMap::<&str, Vec<&str>>::new();
    for place in places {
        by_namespace.entry(&place.namespace).or_default().push(&place.name);
    }
    // Names that were parsed need no quotes.
    let each = |(namespace, names): (&&str, &Vec<&str>)| {
        let names = names.join(" ");
        format!("for name in {names}; do outboard -n {namespace} env {} $name; done", action.word())
    };
    by_namespace.iter().map(each).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
