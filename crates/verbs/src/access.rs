//! What people do with outboard and which rights that takes: the one table that `can-i`, the guide and refusals are made
//! from. The rights of roles are read from what is installed.

mod ask;

use api::project::PersonRole;
use serde::Serialize;

pub use ask::{Answer, Question, ask};

use crate::install::roles;

const OUTBOARD: &str = "outboard.dev";

/// One right that a deed takes.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// In the environment's namespace, not in the control namespace.
    pub inside: bool,
    pub group: &'static str,
    /// With its subresource: `pods/exec`.
    pub resource: &'static str,
    pub verb: &'static str,
    /// The object, where the right is on one alone.
    pub name: Option<&'static str>,
}

/// Something that people do.
#[derive(Clone, Copy, Debug)]
pub struct Deed {
    pub word: &'static str,
    /// The commands that do it.
    pub commands: &'static str,
    pub needs: &'static [Need],
    /// Where the class is protected, it takes the right to release as well.
    pub released: bool,
}

const fn control(group: &'static str, resource: &'static str, verb: &'static str) -> Need {
    Need { inside: false, group, resource, verb, name: None }
}

const fn inside(resource: &'static str, verb: &'static str) -> Need {
    Need { inside: true, group: "", resource, verb, name: None }
}

/// What policies ask for before something that is protected is written.
pub const RELEASE: Need = control(OUTBOARD, "environments", "release");

/// Everything that people do.
pub const DEEDS: &[Deed] = &[
    Deed {
        word: "look",
        commands: "env list, show, diff, history, explain",
        needs: &[
            control(OUTBOARD, "environments", "list"),
            control(OUTBOARD, "projects", "get"),
            control("apps", "controllerrevisions", "list"),
        ],
        released: false,
    },
    Deed {
        word: "logs",
        commands: "logs",
        needs: &[inside("pods", "list"), inside("pods/log", "get")],
        released: false,
    },
    Deed {
        word: "create",
        commands: "env create, env clone, preview up",
        needs: &[control(OUTBOARD, "plans", "create"), control(OUTBOARD, "environments", "create")],
        released: true,
    },
    Deed {
        word: "change",
        commands: "env set, update, promote, rollback, restart, rotate, freeze, thaw",
        needs: &[control(OUTBOARD, "plans", "create"), control(OUTBOARD, "environments", "patch")],
        released: true,
    },
    Deed {
        word: "versions",
        commands: "project versions",
        needs: &[control(OUTBOARD, "versionqueries", "create"), control(OUTBOARD, "projects", "get")],
        released: true,
    },
    Deed {
        word: "destroy",
        commands: "env destroy",
        needs: &[control(OUTBOARD, "environments", "delete")],
        released: true,
    },
    Deed {
        word: "exec",
        commands: "exec",
        needs: &[inside("pods", "list"), inside("pods/exec", "create")],
        released: false,
    },
    Deed {
        word: "forward",
        commands: "forward",
        needs: &[inside("pods", "list"), inside("pods/portforward", "create")],
        released: false,
    },
    Deed {
        word: "debug",
        commands: "debug",
        needs: &[inside("pods/ephemeralcontainers", "patch"), inside("pods/attach", "create")],
        released: false,
    },
    Deed {
        word: "run",
        commands: "env run",
        needs: &[inside("pods", "create"), inside("pods/attach", "create"), control("", "events", "create")],
        released: false,
    },
    Deed {
        word: "copy",
        commands: "data copy, data reset, env backup, env restore --backup",
        needs: &[control(OUTBOARD, "datacopies", "create")],
        released: true,
    },
    Deed {
        word: "apply",
        commands: "project apply",
        needs: &[control(OUTBOARD, "projects", "create"), control(OUTBOARD, "projects", "update")],
        released: true,
    },
    Deed {
        word: "host",
        commands: "hostname claim, hostname release",
        needs: &[control(OUTBOARD, "hostnames", "create"), control(OUTBOARD, "hostnames", "delete")],
        released: true,
    },
    Deed {
        word: "assign",
        commands: "an environment of somebody else's; `limits` of a project",
        needs: &[control(OUTBOARD, "environments", "assign"), control(OUTBOARD, "projects", "administer")],
        released: false,
    },
    Deed {
        word: "grant",
        commands: "`access` of a project",
        needs: &[
            control(OUTBOARD, "projects", "update"),
            Need {
                name: Some("outboard-admin"),
                ..control("rbac.authorization.k8s.io", "clusterroles", "bind")
            },
        ],
        released: false,
    },
];

impl Deed {
    pub fn named(word: &str) -> Option<&'static Self> {
        DEEDS.iter().find(|deed| deed.word == word)
    }

    /// Everything that it takes.
    pub fn needs(&self, protected: bool) -> impl Iterator<Item = Need> {
        let release = (protected && self.released).then_some(RELEASE);
        self.needs.iter().copied().chain(release)
    }

    /// Whether it takes to be in an environment's namespace.
    pub fn is_inside(&self) -> bool {
        self.needs.iter().any(|need| need.inside)
    }

    /// The first role, from the least on, that may do it; none: nobody may, in what is protected.
    pub fn role(&self, protected: bool) -> Option<PersonRole> {
        PersonRole::ALL.into_iter().find(|role| may(*role, self, protected))
    }
}

/// Whether a role has all that a deed takes.
pub fn may(role: PersonRole, deed: &Deed, protected: bool) -> bool {
    deed.needs(protected).all(|need| has(role, &need, protected))
}

fn has(role: PersonRole, need: &Need, protected: bool) -> bool {
    let bound = if need.inside { role.inside(protected) } else { role.cluster_roles() };
    bound.iter().any(|name| roles::allows(name, need))
}

/// The least role that has one right in the control namespace, or inside of what is not protected.
pub(crate) fn role_with(group: &str, resource: &str, verb: &str) -> Option<PersonRole> {
    let known = |need: &&Need| need.group == group && need.resource == resource && need.verb == verb;
    let need = DEEDS.iter().flat_map(|deed| deed.needs).find(known)?;
    PersonRole::ALL.into_iter().find(|role| has(*role, need, false))
}

/// One line of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub deed: &'static str,
    pub commands: &'static str,
    pub protected: bool,
    /// The roles that may, by name.
    pub roles: Vec<&'static str>,
}

/// Every deed, and once more for what is protected where the answers differ.
pub fn matrix() -> Vec<Row> {
    let row = |deed: &'static Deed, protected: bool| {
        let roles = PersonRole::ALL.into_iter().filter(|role| may(*role, deed, protected));
        Row {
            deed: deed.word,
            commands: deed.commands,
            protected,
            roles: roles.map(PersonRole::as_str).collect(),
        }
    };
    let both = DEEDS.iter().flat_map(|deed| {
        let (open, protected) = (row(deed, false), row(deed, true));
        let differs = open.roles != protected.roles;
        [Some(open), differs.then_some(protected)]
    });
    both.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix as it stands in the guide.
    fn table() -> String {
        let mut text = String::from("| | commands |");
        text.extend(PersonRole::ALL.iter().map(|role| format!(" {} |", role.as_str())));
        text.push_str("\n|---|---|");
        text.extend(PersonRole::ALL.iter().map(|_| "---|"));
        for row in matrix() {
            let what =
                if row.protected { format!("`{}`, protected", row.deed) } else { format!("`{}`", row.deed) };
            text.push_str(&format!("\n| {what} | {} |", row.commands));
            let cells = PersonRole::ALL
                .iter()
                .map(|role| if row.roles.contains(&role.as_str()) { " ✓ |" } else { " |" });
            text.extend(cells);
        }
        text
    }

    #[test]
    fn the_guide_shows_the_matrix_that_the_rules_make() {
        let guide = include_str!("../../../docs/guide/access.md");
        let table = table();
        assert!(guide.contains(&table), "docs/guide/access.md lacks this table:\n{table}");
    }

    #[test]
    fn whoever_may_more_may_also_what_the_others_may() {
        for deed in DEEDS {
            for protected in [false, true] {
                let may: Vec<bool> =
                    PersonRole::ALL.into_iter().map(|role| may(role, deed, protected)).collect();
                assert!(may.is_sorted(), "{}, protected {protected}: {may:?}", deed.word);
            }
        }
    }

    #[test]
    fn nobody_gets_into_what_is_protected_and_releasers_alone_change_it() {
        for word in ["exec", "forward", "debug", "run"] {
            assert_eq!(Deed::named(word).unwrap().role(true), None, "{word}");
            assert_eq!(Deed::named(word).unwrap().role(false), Some(PersonRole::Qa), "{word}");
        }
        for word in ["create", "change", "destroy", "copy"] {
            assert_eq!(Deed::named(word).unwrap().role(true), Some(PersonRole::Releaser), "{word}");
        }
        assert_eq!(Deed::named("grant").unwrap().role(false), Some(PersonRole::Admin));
    }

    #[test]
    fn a_lacking_right_names_the_least_role_that_has_it() {
        let role = |group, resource, verb| role_with(group, resource, verb).map(PersonRole::as_str);
        assert_eq!(role("outboard.dev", "environments", "create"), Some("qa"));
        assert_eq!(role("outboard.dev", "projects", "update"), Some("developer"));
        assert_eq!(role("", "pods/exec", "create"), Some("qa"));
        assert_eq!(role("", "secrets", "get"), None);
    }
}
