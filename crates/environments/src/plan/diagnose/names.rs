//! Hostnames that a container cannot resolve, read from its last lines in the words of the usual resolvers.

use api::{Cause, Verdict};

use super::case::Case;

/// What is said when nobody knows the name, …
const UNKNOWN: [&str; 8] = [
    "no such host",
    "name or service not known",
    "enotfound",
    "could not resolve host",
    "unknown mysql server host",
    "nodename nor servname provided",
    "name does not resolve",
    "unknownhostexception",
];
/// … and when nobody was there to ask.
const NO_ANSWER: [&str; 4] = [
    "temporary failure in name resolution",
    "eai_again",
    "server misbehaving",
    "failed to lookup address information",
];
/// After these the name stands.
const BEFORE: [&str; 9] = [
    "lookup ",
    "enotfound ",
    "eai_again ",
    "resolve host: ",
    "resolve host '",
    "server host '",
    "unknownhostexception: ",
    "host name \"",
    "redis at ",
];

/// The verdict on a container whose last lines say that it cannot resolve a name.
pub fn verdict(case: &Case<'_>, lines: &[String]) -> Option<Verdict> {
    let says = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
    let found = lines.iter().rev().map(|line| line.to_lowercase());
    let line = found.into_iter().find(|line| says(line, &UNKNOWN) || says(line, &NO_ANSWER))?;
    let answered = says(&line, &UNKNOWN);
    let host = host(&line);
    let (name, environment) = (&case.part.name, case.environment);
    let of_ours = host.as_deref().is_some_and(|host| {
        let first = host.split('.').next().unwrap_or(host);
        case.part.uses.iter().any(|used| used == first)
    });
    let what = host.map_or_else(|| "a hostname".to_owned(), |host| format!("hostname {host}"));
    let fix = match (answered, of_ours) {
        (true, false) => format!(
            "correct that name in {name} of outboard.yaml or in its secret; what the environment runs is reached by its own name, as in ${{db.host}}; then outboard env update {environment}"
        ),
        _ => "see that the cluster's DNS answers (kubectl get pods -n kube-system -l k8s-app=kube-dns), that it may ask further for names outside of the cluster, and that no NetworkPolicy keeps pods from it".to_owned(),
    };
    let message = match answered {
        true => format!("{name} cannot resolve {what}: no such name"),
        false => format!("{name} cannot resolve {what}: DNS does not answer"),
    };
    Some(case.verdict(Cause::NameNotResolved, message, lines.to_vec(), fix))
}

fn host(line: &str) -> Option<String> {
    let rest = BEFORE.iter().find_map(|before| line.split_once(before).map(|(_, rest)| rest))?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let host = rest[..end].trim_end_matches('.');
    // `failed to lookup address information` names none.
    (!host.is_empty() && host != "address").then(|| host.to_owned())
}
