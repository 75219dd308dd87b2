//! A backing service of a project, key for key as `outboard.yaml` has it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::{Health, Port, Resources};

/// A backing service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    pub r#type: ServiceType,
    #[serde(flatten)]
    pub settings: ServiceSettings,
}

/// What a class changes about a backing service: with a `type` it is another service altogether.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassService {
    /// Replaces the service in this class: nothing of the project's own settings counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<ServiceType>,
    #[serde(flatten)]
    pub settings: ServiceSettings,
}

/// What runs, or where it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceType {
    #[default]
    Mariadb,
    Mysql,
    Redis,
    S3,
    // Any image. (No doc comments here: the schema would list each variant by itself, and a typing error would not
    // be told all of them.)
    Container,
    // Something that others run: it has an address and credentials.
    External,
}

impl ServiceType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
            Self::S3 => "s3",
            Self::Container => "container",
            Self::External => "external",
        }
    }
}

/// The settings of a service; which of them it may have depends on its type.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSettings {
    /// The image repository, without tag: a mirror or an image of one's own (container: required).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9][a-zA-Z0-9._:/-]*$"))]
    pub image: Option<String>,
    /// The image tag or digest of the server (mariadb: default `10.11`, mysql: `8.4`, redis: `7`, s3: `v1.8.0`, container: required).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64})$"))]
    pub version: Option<String>,
    /// Size of its volume, such as `10Gi` (mariadb, mysql, s3: default `1Gi`; others: nothing is kept without).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]*(Mi|Gi|Ti|M|G|T)$"))]
    pub storage: Option<String>,
    /// Where a container's volume is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^/[^\s:]+$"))]
    pub mount: Option<String>,
    /// Settings of the server, by the names that its own documentation gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// A container's ports by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, Port>,
    /// A container's environment variables; `${…}` is replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What a container runs instead of its image's entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments of a container's entrypoint; `${…}` is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// When a container is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Name or address of an external service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$"))]
    pub host: Option<String>,
    /// Port of an external service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// What else `${…}` may name of an external service and is no secret, such as `name` or `user`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Where the credentials of an external service lie: `${…}` may name their keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretPlace>,
    /// The environment of this project and class whose service is used instead of one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]{0,36}[a-z0-9])?$"))]
    pub from: Option<String>,
}

/// Where secret values lie: one of `kubernetes`, `secretsmanager` and `ssm`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretPlace {
    /// A Secret of the control namespace, annotated `outboard.dev/classes` with the classes that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"))]
    pub kubernetes: Option<String>,
    /// Name or ARN of a secret in AWS Secrets Manager, tagged `outboard.dev/classes` with the namespaces and classes that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9/_+=.@:-]+$"))]
    pub secretsmanager: Option<String>,
    /// Path of parameters in AWS Parameter Store, or the name of one, each tagged like a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"))]
    pub ssm: Option<String>,
    /// The AWS region of it (default: the operator's, or the one in the ARN).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$"))]
    pub region: Option<String>,
}

impl SecretPlace {
    /// The region that the ARN of a secret names.
    pub fn region_of_arn(&self) -> Option<&str> {
        let arn = self.secretsmanager.as_deref().filter(|name| name.starts_with("arn:"))?;
        arn.split(':').nth(3).filter(|region| !region.is_empty())
    }
}
