//! Backups, as they are listed on the page of an environment: its own, and those of others that can be brought into it.

use askama::Template;
use jiff::Timestamp;
use verbs::data::{Backup, CopyPhase};
use words::copy::grouped;
use words::size::bytes;
use words::time::age_at;

use super::tone::{Chip, of_phase};

#[derive(Template)]
#[template(path = "_backups.html")]
pub struct Backups {
    /// Of this environment, the newest first.
    pub own: Vec<Row>,
    /// Of the others of its project, those that were destroyed too.
    pub others: Vec<Row>,
    pub environment: String,
    /// The path of the environment that they can be brought into.
    base: String,
    namespace: String,
}

pub struct Row {
    pub backup: Backup,
    pub chip: Chip,
    pub holds: Option<String>,
    pub size: Option<String>,
    pub age: String,
}

impl Row {
    pub fn of(backup: Backup, now: Timestamp) -> Self {
        Self {
            chip: of_phase(backup.phase),
            holds: (backup.rows > 0).then(|| format!("{} {}", grouped(backup.rows), backup.counts)),
            size: (backup.bytes > 0).then(|| bytes(backup.bytes)),
            age: age_at(backup.created.as_deref(), now),
            backup,
        }
    }

    pub fn is_whole(&self) -> bool {
        self.backup.phase == CopyPhase::Done
    }
}

impl Backups {
    /// `all` are the oldest first.
    pub fn of(all: Vec<Backup>, namespace: &str, environment: &str, now: Timestamp) -> Self {
        let rows = all.into_iter().rev().map(|backup| Row::of(backup, now));
        let (own, others) = rows.partition::<Vec<Row>, _>(|row| row.backup.environment == environment);
        // What is of others is only there to be brought back.
        let others = others.into_iter().filter(Row::is_whole).collect();
        let base = format!("/environments/{namespace}/{environment}");
        Self { own, others, environment: environment.to_owned(), base, namespace: namespace.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, backups};

    #[test]
    fn a_backup_says_what_it_holds_and_only_a_whole_one_can_be_brought_back() {
        insta::assert_snapshot!(Backups::of(backups(), "shop", "qa-42", *NOW).render().unwrap());
    }

    #[test]
    fn no_backups_teach_how_they_are_made() {
        insta::assert_snapshot!(Backups::of(vec![], "shop", "qa-42", *NOW).render().unwrap());
    }
}
