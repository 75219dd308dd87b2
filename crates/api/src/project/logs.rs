//! Where the lines that a project's environments wrote are kept once they were shipped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known about logs beyond those that nodes keep.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logs {
    /// Where Firehose delivers what is shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<LogArchive>,
}

/// Objects in S3, below `YYYY/MM/DD/HH/` in UTC, plain or gzip. Whoever searches them reads them as themselves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogArchive {
    /// Name of the bucket.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    pub bucket: String,
    /// What keys begin with before the year, such as `fals/` (default: nothing).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[^/!][^!]*$"))]
    pub prefix: Option<String>,
    /// Where the bucket is (default: the region of whoever searches).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// The URL of a server that is not AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub endpoint: Option<String>,
    /// How long a line may be on its way: the buffer time of the delivery stream, and what shippers need (default `15m`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,4}(s|m|h)$"))]
    pub buffer: Option<String>,
    /// Under which names records hold what makes a line (default: those of `fals`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<LogFields>,
}

/// Names of fields in a record; a dot leads into an object, or is part of a key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFields {
    /// RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970 (default `Time`, else `Timestamp`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub time: Option<String>,
    /// The line (default `Text`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub text: Option<String>,
    /// The project's name (default `Project`); empty: every record is this project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The environment's name (default `Env`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub environment: Option<String>,
    /// The component's name (default `Component`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The pod's name (default `Pod`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The container's name (default `Container`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The file that the line was written to (default `File`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}
