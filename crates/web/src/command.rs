//! The command that does the same, for every view: what people learn here they can type. Pure.

use std::collections::BTreeMap;

use crate::ask::Ask;

/// `outboard -n shop …`, quoted for a shell.
fn line(namespace: Option<&str>, words: &[&str]) -> String {
    let place: &[&str] = match &namespace {
        Some(namespace) => &["-n", namespace],
        None => &[],
    };
    let all = ["outboard"].iter().chain(place).chain(words);
    // Only a NUL cannot be quoted, and no name has one.
    let quoted = all.map(|word| shlex::try_quote(word).map_or_else(|_| (*word).to_owned(), Into::into));
    quoted.collect::<Vec<String>>().join(" ")
}

pub fn list(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => line(Some(namespace), &["env", "list"]),
        None => line(None, &["env", "list", "-A"]),
    }
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

pub fn drift(namespace: &str, name: &str) -> String {
    line(Some(namespace), &["env", "drift", name])
}

pub fn destroy(namespace: &str, name: &str, protected: bool) -> String {
    let mut words = vec!["env", "destroy", name];
    words.extend(protected.then_some("--protected"));
    line(Some(namespace), &words)
}

pub fn logs(namespace: &str, name: &str, parts: &[String], since: &str, query: &str, follow: bool) -> String {
    let mut words = vec!["logs", name];
    words.extend(parts.iter().map(String::as_str));
    words.extend(follow.then_some("-f"));
    words.extend(["--since", since]);
    if !query.is_empty() {
        words.extend(["--query", query]);
    }
    line(Some(namespace), &words)
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
        Ask::Create { environment, project, class, from: None, versions } => {
            words.extend(["create".to_owned(), environment.clone()]);
            words.extend(option("--project", project));
            words.extend(option("--class", class));
            words.extend(chosen(versions));
        }
        Ask::Create { environment, class, from: Some(from), versions, .. } => {
            words.extend(["clone".to_owned(), from.clone(), environment.clone()]);
            words.extend(option("--class", class));
            words.extend(chosen(versions));
        }
        Ask::Set { environment, versions } => {
            words.extend(["set".to_owned(), environment.clone()]);
            words.extend(chosen(versions));
        }
        Ask::Update { environment, revision } => {
            words.extend(["update".to_owned(), environment.clone()]);
            words.extend(option("--revision", revision));
        }
        Ask::Restart { environment, components } => {
            words.extend(["restart".to_owned(), environment.clone()]);
            words.extend(components.iter().cloned());
        }
        Ask::Rollback { environment, to } => {
            words.extend(["rollback".to_owned(), environment.clone()]);
            words.extend(option("--to", &to.map(|number| number.to_string())));
        }
    }
    line(Some(namespace), &words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_a_command() {
        let versions = BTreeMap::from([("web".to_owned(), "2".to_owned())]);
        let environment = || "qa".to_owned();
        let asks = [
            Ask::Create {
                environment: environment(),
                project: Some("shop".into()),
                class: Some("qa".into()),
                from: None,
                versions: versions.clone(),
            },
            Ask::Create {
                environment: environment(),
                project: None,
                class: None,
                from: Some("prod".into()),
                versions: versions.clone(),
            },
            Ask::Set { environment: environment(), versions },
            Ask::Update { environment: environment(), revision: None },
            Ask::Restart { environment: environment(), components: vec!["web".into()] },
            Ask::Rollback { environment: environment(), to: Some(3) },
        ];
        assert_eq!(
            asks.map(|ask| of("shop", &ask)),
            [
                "outboard -n shop env create qa --project shop --class qa --set web=2",
                "outboard -n shop env clone prod qa --set web=2",
                "outboard -n shop env set qa --set web=2",
                "outboard -n shop env update qa",
                "outboard -n shop env restart qa web",
                "outboard -n shop env rollback qa --to 3",
            ]
        );
    }

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(
            logs("shop", "qa", &["web".into()], "15m", "level:>=warn it's", true),
            r#"outboard -n shop logs qa web -f --since 15m --query "level:>=warn it's""#
        );
        assert_eq!(list(None), "outboard env list -A");
    }
}
