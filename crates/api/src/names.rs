//! Names, parsed once at the edge so that later steps cannot fail on them.
//!
//! Never trims or repairs: a name is right or it is refused with what to change.

use std::fmt;

use thiserror::Error;

/// Why a text is no name, in words that say what to change.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    #[error("a {what} name cannot be empty")]
    Empty { what: &'static str },
    #[error("{what} name `{value}` is longer than {max} characters")]
    TooLong { what: &'static str, value: String, max: usize },
    #[error(
        "{what} name `{value}` is not valid: use lower-case letters, digits and `-`, starting with a letter and not ending in `-`"
    )]
    Malformed { what: &'static str, value: String },
    #[error("version `{value}` is not valid: use an image tag such as `1.4.2` or a digest `sha256:…`")]
    Version { value: String },
}

/// A DNS label that starts with a letter: it becomes part of hostnames, namespaces and Service names.
fn label(what: &'static str, value: &str, max: usize) -> Result<(), NameError> {
    if value.is_empty() {
        return Err(NameError::Empty { what });
    }
    if value.len() > max {
        return Err(NameError::TooLong { what, value: value.to_owned(), max });
    }
    let well_formed = value.starts_with(|c: char| c.is_ascii_lowercase())
        && !value.ends_with('-')
        && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if well_formed { Ok(()) } else { Err(NameError::Malformed { what, value: value.to_owned() }) }
}

macro_rules! label_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The longest such name.
            pub const MAX: usize = $max;

            pub fn parse(value: &str) -> Result<Self, NameError> {
                label($what, value, Self::MAX).map(|()| Self(value.to_owned()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                Self::parse(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

label_name!(
    /// A project; with an environment's name and a hyphen it must fit a namespace (63).
    ProjectName, "project", 24
);
label_name!(
    /// An environment of a project.
    EnvironmentName, "environment", 38
);
label_name!(
    /// A component or backing service; it is the name of a Kubernetes Service, and leaves room for suffixes.
    PartName, "component or service", 40
);
label_name!(
    /// A class (stage) of environments.
    ClassName, "class", 30
);
label_name!(
    /// The first part of a route's hostname.
    RouteName, "route host", 40
);
label_name!(
    /// A named port; Kubernetes allows 15 characters.
    PortName, "port", 15
);

/// An image tag or digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

impl Version {
    pub fn parse(value: &str) -> Result<Self, NameError> {
        let digest = value.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
        });
        let tag = !value.is_empty()
            && value.len() <= 128
            && value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if digest || tag {
            Ok(Self(value.to_owned()))
        } else {
            Err(NameError::Version { value: value.to_owned() })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The image reference of this version in `repository`.
    pub fn image(&self, repository: &str) -> String {
        let separator = if self.0.starts_with("sha256:") { '@' } else { ':' };
        format!("{repository}{separator}{}", self.0)
    }
}

impl std::str::FromStr for Version {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        Self::parse(value)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The namespace an environment runs in.
pub fn namespace(project: &ProjectName, environment: &EnvironmentName) -> String {
    format!("{project}-{environment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_not_be_a_hostname_is_refused_with_the_rule() {
        for bad in ["Qa", "4qa", "qa_4", "qa-", "qä"] {
            let error = EnvironmentName::parse(bad).unwrap_err().to_string();
            assert!(error.contains("lower-case letters"), "{bad}: {error}");
        }
        assert!(EnvironmentName::parse("qa-42").is_ok());
    }

    #[test]
    fn the_longest_names_still_fit_a_namespace() {
        let project = ProjectName::parse(&"p".repeat(ProjectName::MAX)).unwrap();
        let environment = EnvironmentName::parse(&"e".repeat(EnvironmentName::MAX)).unwrap();
        assert_eq!(namespace(&project, &environment).len(), 63);
    }

    #[test]
    fn a_digest_joins_its_repository_with_an_at_sign() {
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(Version::parse(&digest).unwrap().image("r/web"), format!("r/web@{digest}"));
        assert_eq!(Version::parse("1.4.2").unwrap().image("r/web"), "r/web:1.4.2");
        assert!(Version::parse("1:2").is_err());
    }
}
