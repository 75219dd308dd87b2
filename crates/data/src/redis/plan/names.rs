//! Which keys a copy is about, and what they are called on the target.

use std::collections::BTreeMap;

use api::Problem;

use super::glob::matches;

/// Keys of our own begin so; they are never copied, compared or removed with the rest.
pub const OURS: &[u8] = b"outboard:copy:";

#[derive(Clone, Debug, Default)]
pub struct Scope {
    include: Vec<Vec<u8>>,
    exclude: Vec<Vec<u8>>,
    /// Prefixes, the longest first.
    renames: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Scope {
    pub fn new<'a>(
        include: impl IntoIterator<Item = &'a String>,
        exclude: impl IntoIterator<Item = &'a String>,
        renames: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        let bytes = |text: &String| text.as_bytes().to_vec();
        let mut renames: Vec<(Vec<u8>, Vec<u8>)> =
            renames.into_iter().map(|(from, to)| (bytes(from), bytes(to))).collect();
        renames.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        Self {
            include: include.into_iter().map(bytes).collect(),
            exclude: exclude.into_iter().map(bytes).collect(),
            renames,
        }
    }

    /// Every key, under its own name.
    pub fn is_everything(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && self.renames.is_empty()
    }

    /// What a server may leave out of an answer by itself: the one pattern there is.
    pub fn pattern(&self) -> Option<&[u8]> {
        match self.include.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether the source's key of this name is copied.
    pub fn takes(&self, name: &[u8]) -> bool {
        let any = |patterns: &[Vec<u8>]| patterns.iter().any(|pattern| matches(pattern, name));
        !name.starts_with(OURS) && (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    pub fn renamed(&self, name: &[u8]) -> Vec<u8> {
        let rename = self.renames.iter().find(|(from, _)| name.starts_with(from));
        rename.map_or_else(|| name.to_vec(), |(from, to)| [to, &name[from.len()..]].concat())
    }

    /// What the source's keys are called that would become this one of the target; none: the copy is not about it.
    pub fn origins(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let back = self.renames.iter().filter(|(_, to)| name.starts_with(to));
        let back = back.map(|(from, to)| [from, &name[to.len()..]].concat());
        let mut origins: Vec<Vec<u8>> = back
            .chain([name.to_vec()])
            .filter(|origin| self.takes(origin) && self.renamed(origin) == name)
            .collect();
        origins.sort();
        origins.dedup();
        origins
    }
}

/// A key's name for people; with `short` only as far as its last colon, since the rest may be personal.
pub fn shown(name: &[u8], short: bool) -> String {
    let end =
        if short { name.iter().rposition(|byte| *byte == b':').map_or(0, |at| at + 1) } else { name.len() };
    format!("{}{}", name[..end].escape_ascii(), if short { "…" } else { "" })
}

/// What cannot be renamed so.
pub fn problems(rename: &BTreeMap<String, String>) -> Vec<Problem> {
    let mut problems = vec![];
    for (from, to) in rename {
        let place = format!("/keys/rename/{from}");
        if to.as_bytes().starts_with(OURS) {
            let ours = String::from_utf8_lossy(OURS);
            problems
                .push(Problem::new(&place, format!("{ours} is where the copy keeps what it needs itself")));
        }
        if rename.iter().any(|(other, same)| other < from && same == to) {
            problems.push(
                Problem::new(&place, format!("{to} stands there twice"))
                    .hint("keys of two names would become one"),
            );
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(include: &[&str], exclude: &[&str], renames: &[(&str, &str)]) -> Scope {
        let owned = |list: &[&str]| -> Vec<String> { list.iter().map(|&text| text.to_owned()).collect() };
        let renames: Vec<(String, String)> =
            renames.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        Scope::new(&owned(include), &owned(exclude), renames.iter().map(|(from, to)| (from, to)))
    }

    #[test]
    fn a_key_is_taken_by_what_includes_it_unless_something_excludes_it() {
        let scope = scope(&["user:*", "cart:*"], &["*:lock"], &[]);
        assert!(scope.takes(b"user:1") && scope.takes(b"cart:1"));
        assert!(!scope.takes(b"user:1:lock") && !scope.takes(b"session:1"));
        assert!(!Scope::default().takes(b"outboard:copy:lock") && Scope::default().takes(b"\xff"));
    }

    #[test]
    fn the_longest_prefix_renames_and_a_new_name_leads_back() {
        let scope = scope(&[], &[], &[("prod:", "qa:"), ("prod:eu:", "eu:")]);
        assert_eq!(scope.renamed(b"prod:eu:1"), b"eu:1");
        assert_eq!(scope.renamed(b"prod:1"), b"qa:1");
        assert_eq!(scope.renamed(b"other"), b"other");
        assert_eq!(scope.origins(b"qa:1"), [b"prod:1".to_vec(), b"qa:1".to_vec()]);
        // `prod:eu:1` would be called `eu:1`.
        assert_eq!(scope.origins(b"qa:eu:1"), [b"qa:eu:1".to_vec()]);
        assert!(scope.origins(b"prod:1").is_empty());
    }

    #[test]
    fn a_name_that_may_be_personal_is_shown_in_part() {
        assert_eq!(shown(b"user:ann@example.org", true), "user:…");
        assert_eq!(shown(b"\xffa", false), "\\xffa");
    }
}
