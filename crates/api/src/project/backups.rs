//! Where backups of a project's environments lie, and when those of a class are made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::service::SecretPlace;

/// A bucket of S3, or of a server that answers like it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backups {
    /// Name of the bucket.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    pub bucket: String,
    /// What keys begin with before the installation's name, such as `backups/` (default: nothing).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([A-Za-z0-9!_()-][A-Za-z0-9!_.()-]*/)+$"), length(max = 200))]
    pub prefix: Option<String>,
    /// Where the bucket is; one of AWS needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// The URL of a server that is not AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub endpoint: Option<String>,
    /// Who writes there: `access_key` and `secret_key`, for the classes that it is annotated for.
    pub secret: SecretPlace,
}

/// When backups of a class's environments are made, and how many of each are kept.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassBackup {
    /// As `cron` writes it, in UTC: `0 3 * * *`.
    #[schemars(length(min = 1, max = 100))]
    pub schedule: String,
    /// So many of the backups that it made of an environment stay; older ones are removed, the newest never (default 7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep: Option<u32>,
}

impl ClassBackup {
    pub const KEPT: u32 = 7;

    pub fn kept(&self) -> usize {
        usize::try_from(self.keep.unwrap_or(Self::KEPT)).unwrap_or(usize::MAX)
    }
}
