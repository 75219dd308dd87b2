//! What a preview is of: a pull request of a repository, or a branch. Pure.

use std::fmt;
use std::str::FromStr;

use api::names::{EnvironmentName, NameError};
use api::revision::short_hash;

/// `owner/name`, as GitHub has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repository(String);

impl Repository {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl FromStr for Repository {
    type Err = String;

    /// Only what GitHub allows, so that it leads nowhere else in an address.
    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            (1..=100).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                && part.bytes().any(|byte| byte != b'.')
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self(text.to_owned())),
            _ => Err("name it as GitHub does: OWNER/NAME".to_owned()),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    Pull(u64),
    Branch(String),
}

/// `acme/shop#42` or `acme/shop@feature/cart`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    pub repository: Repository,
    pub what: What,
}

impl Subject {
    /// GitHub takes no notice of case in the names of repositories.
    pub fn is_same(&self, other: &Self) -> bool {
        self.what == other.what && self.repository.is_same(&other.repository)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Pull(number) => write!(f, "{}#{number}", self.repository),
            What::Branch(branch) => write!(f, "{}@{branch}", self.repository),
        }
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['#', '@']).ok_or("neither `#NUMBER` nor `@BRANCH` follows the repository")?;
        let (repository, rest) = text.split_at(at);
        let what = match (rest.strip_prefix('#'), rest.strip_prefix('@')) {
            (Some(number), _) => {
                What::Pull(number.parse().map_err(|_| format!("`{number}` is no number of a pull request"))?)
            }
            (_, Some(branch)) if !branch.is_empty() => What::Branch(branch.to_owned()),
            _ => return Err("the branch has no name".to_owned()),
        };
        Ok(Self { repository: repository.parse()?, what })
    }
}

impl Subject {
    /// The name of its environment. A branch whose name cannot be one keeps what is readable of it, with a hash, so that no two
    /// branches meet.
    pub fn environment(&self) -> Result<EnvironmentName, NameError> {
        const LONGEST: usize = 38;
        let branch = match &self.what {
            What::Pull(number) => return EnvironmentName::parse(&format!("pr-{number}")),
            What::Branch(branch) => branch,
        };
        if let Ok(name) = EnvironmentName::parse(branch) {
            return Ok(name);
        }
        let mark = short_hash(branch, 5);
        let readable: String = branch
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
            .collect();
        let readable = readable.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let readable = match readable.chars().next() {
            Some(first) if first.is_ascii_lowercase() => readable,
            _ => format!("b-{readable}"),
        };
        let kept: String = readable.chars().take(LONGEST - 1 - mark.len()).collect();
        EnvironmentName::parse(&format!("{}-{mark}", kept.trim_end_matches('-')))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn branch(name: &str) -> Subject {
        Subject { repository: "acme/shop".parse().unwrap(), what: What::Branch(name.to_owned()) }
    }

    #[test]
    fn a_pull_request_is_its_number_and_a_branch_keeps_what_can_be_read() {
        let subject: Subject = "acme/shop#42".parse().unwrap();
        assert_eq!(subject.environment().unwrap().as_str(), "pr-42");
        assert_eq!(branch("cart").environment().unwrap().as_str(), "cart");
        let name = branch("Feature/Cart_2").environment().unwrap();
        assert!(name.as_str().starts_with("feature-cart-2-"), "{name}");
        assert_ne!(branch("feature/cart-2").environment(), branch("Feature/Cart_2").environment());
        assert!(branch("42").environment().unwrap().as_str().starts_with("b-42-"));
    }

    #[test]
    fn case_makes_no_other_repository_but_another_branch() {
        let same = |a: &str, b: &str| a.parse::<Subject>().unwrap().is_same(&b.parse().unwrap());
        assert!(same("Acme/shop#42", "acme/Shop#42"));
        assert!(!same("acme/shop@Cart", "acme/shop@cart"));
    }

    #[test]
    fn a_repository_leads_nowhere_else() {
        for wrong in
            ["shop", "acme/", "/shop", "acme/shop/x", "../shop", "acme/..", "acme/sh op", "acme/shop?x"]
        {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
        }
        for wrong in ["acme/shop", "acme/shop#", "acme/shop#x", "acme/shop@", "shop#1"] {
            assert!(wrong.parse::<Subject>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_branch_has_a_name_and_is_read_back_from_its_mark(name in "[^\\x00-\\x20~^:?*\\[\\\\\\x7f]{1,100}") {
            let subject = branch(&name);
            prop_assert!(subject.environment().is_ok(), "{}", name);
            prop_assert_eq!(subject.to_string().parse::<Subject>(), Ok(subject));
        }
    }
}
