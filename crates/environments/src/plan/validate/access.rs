//! What can be wrong with who may do what, and with limits.

use std::collections::BTreeSet;

use api::Problem;
use api::project::{ProjectLimits, ProjectSpec, Subjects};

/// Kubernetes' own names, which a project gives no rights: everybody who has logged in, say.
const OWN: &str = "system:";
/// Programs are known by such names.
const ACCOUNT: &str = "system:serviceaccount:";
const ACCOUNTS: &str = "system:serviceaccounts:";

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    for (role, subjects) in spec.access.granted() {
        named(subjects, &format!("/spec/access/{}", role.as_str()), problems);
    }
    if spec.limits.as_ref().is_some_and(|limits| *limits == ProjectLimits::default()) {
        let problem = Problem::new("/spec/limits", "this limits nothing");
        problems.push(problem.hint("say `environmentsPerOwner`, or leave it out"));
    }
}

fn named(subjects: &Subjects, at: &str, problems: &mut Vec<Problem>) {
    if subjects.users.is_empty() && subjects.groups.is_empty() {
        let problem = Problem::new(at, "this names nobody");
        problems.push(problem.hint("say `users`, `groups` or both, or leave it out"));
    }
    let lists = [("users", &subjects.users, ACCOUNT), ("groups", &subjects.groups, ACCOUNTS)];
    for (key, names, allowed) in lists {
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let at = format!("{at}/{key}/{index}");
            if name.trim() != name || name.is_empty() {
                problems.push(Problem::new(at, format!("`{name}` is nobody's name")));
            } else if name.starts_with(OWN) && !name.starts_with(allowed) {
                let hint =
                    format!("name people and groups of your own, or programs as `{allowed}NAMESPACE…`");
                problems.push(Problem::new(at, format!("`{name}` is Kubernetes' own")).hint(hint));
            } else if !seen.insert(name) {
                problems.push(Problem::new(at, format!("`{name}` stands there twice")));
            }
        }
    }
}
