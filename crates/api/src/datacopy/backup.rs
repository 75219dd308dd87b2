//! Where a backup lies, and of what it was made: all that has to be known once its environment is gone.

use k8s_openapi::jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::project::Backups;
use crate::revision::short_hash;

#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupPlace {
    /// The bucket, as the project said when it was made.
    pub place: Backups,
    /// What keys of all its objects begin with.
    pub folder: String,
    pub project: String,
    /// The class of the environment.
    pub class: String,
    /// The project revision that it ran.
    pub project_revision: String,
    /// Whether that class was protected: so is what was stored.
    #[serde(default)]
    pub protected: bool,
}

impl BackupPlace {
    /// What a backup of that moment is called: names of one environment are in the order of their times, and fit a copy.
    pub fn name(environment: &str, moment: Timestamp) -> String {
        const LONGEST: usize = 40;
        let time = moment.strftime("%Y%m%dt%H%M%Sz").to_string();
        let room = LONGEST - 1 - time.len();
        if environment.len() <= room {
            return format!("{environment}-{time}");
        }
        let mark = short_hash(&environment, 5);
        let kept: String = environment.chars().take(room - 1 - mark.len()).collect();
        format!("{}-{mark}-{time}", kept.trim_end_matches('-'))
    }

    /// The folder of one backup, which no other ever has: names are used again, and clusters that are alike share a bucket.
    pub fn folder(
        place: &Backups,
        install: &str,
        (control, project): (&str, &str),
        (environment, backup, uid): (&str, &str, &str),
    ) -> String {
        let prefix = place.prefix.as_deref().unwrap_or_default();
        let mark = short_hash(&uid, 8);
        format!("{prefix}{install}/{control}/{project}/{environment}/{backup}-{mark}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_called_after_its_environment_and_its_time_and_namesakes_cut_short_stay_apart() {
        let moment = "2026-11-26T03:00:00Z".parse().unwrap();
        assert_eq!(BackupPlace::name("qa-42", moment), "qa-42-20261126t030000z");
        let long = |last| BackupPlace::name(&format!("{}{last}", "e".repeat(37)), moment);
        assert!(long('a').len() <= 40 && long('a') != long('b'), "{}", long('a'));
        assert!(!BackupPlace::name(&format!("{}-{}", "e".repeat(16), "f".repeat(20)), moment).contains("--"));
    }

    #[test]
    fn several_installations_and_projects_share_a_bucket() {
        let place = Backups { prefix: Some("b/".into()), ..Backups::default() };
        let folder = BackupPlace::folder(&place, "outboard", ("shop", "till"), ("qa", "qa-1", "uid-1"));
        assert!(folder.starts_with("b/outboard/shop/till/qa/qa-1-") && folder.ends_with('/'), "{folder}");
        let again = BackupPlace::folder(&place, "outboard", ("shop", "till"), ("qa", "qa-1", "uid-2"));
        assert_ne!(folder, again, "a name that is used again");
    }
}
