//! One environment in the table.

use api::{Environment, Role};
use jiff::Timestamp;
use verbs::environment::{State, Summary, summary};
use words::time::age_at;

use super::tone::{Chip, of_state};

#[derive(Clone, Debug)]
pub struct Row {
    pub summary: Summary,
    pub chip: Chip,
    pub age: String,
    /// Component and version, of those that have one.
    pub versions: Vec<(String, String)>,
    /// What to open first.
    pub url: Option<String>,
}

impl Row {
    pub fn of(environment: &Environment, now: Timestamp) -> Self {
        let summary = summary(environment);
        let parts = environment.status.iter().flat_map(|status| &status.parts);
        let versions = parts
            .filter(|part| part.role == Role::Component)
            .filter_map(|part| Some((part.name.clone(), part.version.clone()?)))
            .collect();
        Self {
            chip: of_state(summary.state),
            age: age_at(summary.created.as_deref(), now),
            versions,
            url: summary.urls.values().next().cloned(),
            summary,
        }
    }

    pub fn path(&self) -> String {
        format!("/environments/{}/{}", self.summary.namespace, self.summary.name)
    }

    /// Whom it belongs to, in two where a narrow column may break it: `oidc:ann` and `@example.com`.
    pub fn owner(&self) -> Option<(&str, &str)> {
        let owner = self.summary.owner.as_deref()?;
        Some(owner.split_at(owner.find('@').unwrap_or(owner.len())))
    }

    /// Whether it can be opened in a browser now.
    pub fn is_open(&self) -> bool {
        self.summary.state == State::Ready
    }

    /// Whether any of its words has this in it.
    pub fn has(&self, text: &str) -> bool {
        let Summary { name, namespace, project, class, owner, why, urls, .. } = &self.summary;
        let words =
            [name, namespace, project, class].into_iter().chain(owner).chain(why).chain(urls.values());
        let versions = self.versions.iter().flat_map(|(part, version)| [part, version]);
        let text = text.to_lowercase();
        words.chain(versions).any(|word| word.to_lowercase().contains(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, world};

    #[test]
    fn an_owner_is_broken_before_the_domain_and_nowhere_else() {
        let mut environment = (*world()[0]).clone();
        let mut owner = |said: Option<&str>| {
            environment.spec.owner = said.map(str::to_owned);
            Row::of(&environment, *NOW).owner().map(|(name, rest)| format!("{name}|{rest}"))
        };
        assert_eq!(owner(Some("oidc:dora@example.com")).as_deref(), Some("oidc:dora|@example.com"));
        assert_eq!(owner(Some("ann")).as_deref(), Some("ann|"));
        assert_eq!(owner(None), None);
    }
}
