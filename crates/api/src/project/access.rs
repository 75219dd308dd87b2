//! Who may do what with a project: people and groups by role, and the ClusterRoles that a role is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may do what with a project and its environments. Whoever is not named here may still have rights from elsewhere.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// They look: environments, plans, logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer: Option<Subjects>,
    /// Besides, they make, change and destroy environments that are not protected, and get inside of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qa: Option<Subjects>,
    /// Besides, they change the project, but for its protected classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub developer: Option<Subjects>,
    /// Besides, they change what is protected: environments, classes, copies of their data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releaser: Option<Subjects>,
    /// Besides, they say who may do what, set limits, and give environments to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Subjects>,
}

/// People and groups, as Kubernetes knows them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subjects {
    /// Names of users; an account of a program is `system:serviceaccount:NAMESPACE:NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 256)))]
    pub users: Vec<String>,
    /// Names of groups, such as those that a login tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 256)))]
    pub groups: Vec<String>,
}

/// How much a project lets its people have.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectLimits {
    /// How many environments one owner may have; those of protected classes do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub environments_per_owner: Option<u32>,
}

/// What people are to a project, each with what the ones before may.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PersonRole {
    Viewer,
    Qa,
    Developer,
    Releaser,
    Admin,
}

/// In namespaces of environments: looking at what runs.
pub const INSIDE_VIEWER: &str = "outboard-inside-viewer";
/// In namespaces of environments that are not protected: getting inside.
pub const INSIDE: &str = "outboard-inside";

impl PersonRole {
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Qa, Self::Developer, Self::Releaser, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Qa => "qa",
            Self::Developer => "developer",
            Self::Releaser => "releaser",
            Self::Admin => "admin",
        }
    }

    /// The ClusterRole of its name.
    pub fn cluster_role(self) -> &'static str {
        match self {
            Self::Viewer => "outboard-viewer",
            Self::Qa => "outboard-qa",
            Self::Developer => "outboard-developer",
            Self::Releaser => "outboard-releaser",
            Self::Admin => "outboard-admin",
        }
    }

    /// The ClusterRoles that it has in the control namespace: the roles of releasers and of admins are what they have
    /// besides.
    pub fn cluster_roles(self) -> &'static [&'static str] {
        match self {
            Self::Viewer => &["outboard-viewer"],
            Self::Qa => &["outboard-qa"],
            Self::Developer => &["outboard-developer"],
            Self::Releaser => &["outboard-developer", "outboard-releaser"],
            Self::Admin => &["outboard-developer", "outboard-releaser", "outboard-admin"],
        }
    }

    /// Those that it has in namespaces of environments. Into what is protected nobody gets: whoever is inside reads its
    /// secrets.
    pub fn inside(self, protected: bool) -> &'static [&'static str] {
        match self {
            Self::Viewer => &[INSIDE_VIEWER],
            _ if protected => &[INSIDE_VIEWER],
            _ => &[INSIDE_VIEWER, INSIDE],
        }
    }
}

impl Access {
    /// Every role with who has it.
    pub fn granted(&self) -> impl Iterator<Item = (PersonRole, &Subjects)> {
        PersonRole::ALL.into_iter().filter_map(|role| Some((role, self.of(role)?)))
    }

    pub fn of(&self, role: PersonRole) -> Option<&Subjects> {
        match role {
            PersonRole::Viewer => self.viewer.as_ref(),
            PersonRole::Qa => self.qa.as_ref(),
            PersonRole::Developer => self.developer.as_ref(),
            PersonRole::Releaser => self.releaser.as_ref(),
            PersonRole::Admin => self.admin.as_ref(),
        }
    }

    /// Nobody is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
