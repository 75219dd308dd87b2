//! Which keys are copied, what they are called on the target, and what becomes of what lies under a prefix.

use std::collections::BTreeMap;

pub use api::ObjectMask as Mask;
use api::Problem;
use serde::Deserialize;

/// Where a copy keeps what it needs itself; never copied, from nowhere.
pub const OURS: &str = ".outboard-copy/";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Prefixes {
    /// [default: every key]
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// Beginnings of keys, and what stands there instead.
    pub rename: BTreeMap<String, String>,
}

/// Keys of one beginning, which have another on the target, or the same. Ranges and rows of a scope have keys without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub from: String,
    pub to: String,
    not_from: Vec<String>,
    not_to: Vec<String>,
}

impl Scope {
    pub fn takes(&self, key: &[u8]) -> bool {
        !self.not_from.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
    }

    /// Of the target's keys.
    pub fn has(&self, key: &[u8]) -> bool {
        !self.not_to.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
    }

    /// Where to go on, if all that comes next is left out on this side.
    pub fn skip(&self, key: &str, source: bool) -> Option<String> {
        let out = if source { &self.not_from } else { &self.not_to };
        let prefix =
            out.iter().filter(|prefix| key.starts_with(prefix.as_str())).min_by_key(|prefix| prefix.len())?;
        Some(format!("{prefix}\u{10ffff}")).filter(|next| next.as_str() > key)
    }
}

/// One for each beginning that is included or renamed; a key is of the one that has the longest.
pub fn scopes(prefixes: &Prefixes) -> Vec<Scope> {
    let mut roots = prefixes.include.clone();
    if roots.is_empty() {
        roots.push(String::new());
    }
    let within = |key: &str| roots.iter().any(|root| key.starts_with(root.as_str()));
    let renamed: Vec<String> = prefixes.rename.keys().filter(|from| within(from)).cloned().collect();
    roots.extend(renamed);
    roots.sort();
    roots.dedup();
    let to: Vec<String> = roots.iter().map(|root| renamed_to(root, &prefixes.rename)).collect();
    let all = || roots.iter().zip(&to);
    let scope = |(from, to): (&String, &String)| {
        let below = |key: &String, root: &String| {
            key.strip_prefix(root.as_str()).filter(|rest| !rest.is_empty()).map(str::to_owned)
        };
        let mut not_from: Vec<String> = all().filter_map(|(other, _)| below(other, from)).collect();
        let mut not_to: Vec<String> = all().filter_map(|(_, other)| below(other, to)).collect();
        for out in &prefixes.exclude {
            if let Some(rest) = out.strip_prefix(from.as_str()) {
                not_from.push(rest.to_owned());
                not_to.push(rest.to_owned());
            } else if from.starts_with(out.as_str()) {
                not_from.push(String::new());
                not_to.push(String::new());
            }
        }
        not_from.extend(OURS.strip_prefix(from.as_str()).map(str::to_owned));
        not_to.extend(OURS.strip_prefix(to.as_str()).map(str::to_owned));
        Scope { from: from.clone(), to: to.clone(), not_from, not_to }
    };
    all().map(scope).collect()
}

fn renamed_to(key: &str, rename: &BTreeMap<String, String>) -> String {
    let fits = rename.iter().filter_map(|(from, to)| Some((from, to, key.strip_prefix(from.as_str())?)));
    fits.max_by_key(|(from, ..)| from.len())
        .map_or_else(|| key.to_owned(), |(_, to, rest)| format!("{to}{rest}"))
}

/// Beginnings of the source's keys that would get names which renamed ones have: there must be none.
pub fn collisions(scopes: &[Scope]) -> Vec<String> {
    let mut found = vec![];
    for scope in scopes {
        for other in scopes {
            let Some(rest) = other.to.strip_prefix(scope.to.as_str()).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            if scope.takes(rest.as_bytes()) {
                found.push(format!("{}{rest}", scope.from));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

pub fn problems(prefixes: &Prefixes) -> Vec<Problem> {
    let mut problems = vec![];
    let scopes = scopes(prefixes);
    for (at, scope) in scopes.iter().enumerate() {
        if scopes.iter().take(at).any(|other| other.to == scope.to) {
            problems.push(
                Problem::new("/prefixes/rename", format!("two beginnings would become `{}`", scope.to))
                    .hint("objects of two names would become one"),
            );
        }
    }
    for from in prefixes.rename.keys() {
        let included = prefixes.include.is_empty()
            || prefixes
                .include
                .iter()
                .any(|root| from.starts_with(root.as_str()) || root.starts_with(from.as_str()));
        if !included {
            problems.push(Problem::new(
                format!("/prefixes/rename/{from}"),
                "is not included: nothing would be renamed",
            ));
        }
    }
    let named = [("include", &prefixes.include), ("exclude", &prefixes.exclude)];
    for (list, names) in named {
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|other| other == name) {
                problems.push(Problem::new(
                    format!("/prefixes/{list}/{at}"),
                    format!("`{name}` stands there twice"),
                ));
            }
        }
    }
    if prefixes.exclude.iter().any(String::is_empty) {
        problems.push(Problem::new("/prefixes/exclude", "an empty prefix is every key").hint("leave it out"));
    }
    let ours = |name: &String| name.starts_with(OURS);
    if prefixes.rename.values().chain(&prefixes.include).any(ours) {
        problems
            .push(Problem::new("/prefixes", format!("{OURS} is where the copy keeps what it needs itself")));
    }
    problems
}

/// As the longest prefix that fits says; none: it is copied as it is.
pub fn mask(key: &str, masks: &BTreeMap<String, Mask>) -> Option<Mask> {
    let fits = masks.iter().filter(|(prefix, _)| key.starts_with(prefix.as_str()));
    fits.max_by_key(|(prefix, _)| prefix.len()).map(|(_, mask)| *mask).filter(|mask| *mask != Mask::Keep)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefixes(include: &[&str], exclude: &[&str], rename: &[(&str, &str)]) -> Prefixes {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        let rename = rename.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        Prefixes { include: names(include), exclude: names(exclude), rename }
    }

    /// What a key is called on the target; none: it is not copied.
    fn name(key: &str, scopes: &[Scope]) -> Vec<String> {
        let of = |scope: &Scope| {
            let rest = key.strip_prefix(scope.from.as_str())?;
            scope.takes(rest.as_bytes()).then(|| format!("{}{rest}", scope.to))
        };
        scopes.iter().filter_map(of).collect()
    }

    #[test]
    fn keys_are_left_out_and_renamed_by_how_they_begin() {
        let scopes = scopes(&prefixes(&["a/", "b/"], &["a/tmp/"], &[("a/", "x/"), ("a/deep/", "y/")]));
        assert_eq!(name("a/1", &scopes), ["x/1"]);
        assert_eq!(name("a/deep/1", &scopes), ["y/1"]);
        assert_eq!(name("b/1", &scopes), ["b/1"]);
        assert!(name("a/tmp/1", &scopes).is_empty() && name("c", &scopes).is_empty());
        let everything = super::scopes(&Prefixes::default());
        assert_eq!(name("", &everything), [""]);
        assert!(name(".outboard-copy/x", &everything).is_empty());
    }

    #[test]
    fn names_that_two_would_have_are_found() {
        let twice = prefixes(&[], &[], &[("a/", "x/"), ("b/", "x/")]);
        assert_eq!(problems(&twice).len(), 1);
        let scopes = scopes(&prefixes(&[], &[], &[("old/", "new/")]));
        assert_eq!(collisions(&scopes), ["new/"]);
        assert!(collisions(&super::scopes(&prefixes(&[], &["new/"], &[("old/", "new/")]))).is_empty());
        assert!(collisions(&super::scopes(&prefixes(&["", "deep/"], &[], &[]))).is_empty());
    }

    #[test]
    fn the_longest_prefix_says_what_becomes_of_an_object() {
        let masks = [("a/".to_owned(), Mask::Drop), ("a/b/".to_owned(), Mask::Placeholder)].into();
        assert_eq!(mask("a/1", &masks), Some(Mask::Drop));
        assert_eq!(mask("a/b/1", &masks), Some(Mask::Placeholder));
        assert_eq!(mask("b", &masks), None);
        let all = [(String::new(), Mask::Drop), ("public/".to_owned(), Mask::Keep)].into();
        assert_eq!((mask("public/1", &all), mask("b", &all)), (None, Some(Mask::Drop)));
    }

    #[test]
    fn what_is_left_out_is_not_listed_to_its_end() {
        let scopes = scopes(&prefixes(&[], &["tmp/"], &[]));
        let next = scopes[0].skip("tmp/123", true).unwrap();
        assert!(next.as_str() > "tmp/zzz" && next.as_str() < "tmp0");
        assert_eq!(scopes[0].skip("tmp0", true), None);
    }

    proptest! {
        #[test]
        fn a_key_is_of_one_scope_at_most_and_of_one_exactly_if_all_are_included(
            include in proptest::collection::btree_set("[ab/]{0,3}", 0..4),
            rename in proptest::collection::btree_map("[ab/]{1,3}", "[xy/]{1,3}", 0..4),
            key in "[ab/]{0,5}",
        ) {
            let all = include.is_empty() || include.contains("");
            let prefixes = Prefixes { include: include.into_iter().collect(), exclude: vec![], rename };
            let names = name(&key, &scopes(&prefixes));
            prop_assert!(names.len() <= 1);
            prop_assert!(!all || names == [renamed_to(&key, &prefixes.rename)]);
        }
    }
}
