//! Secrets of AWS Secrets Manager. Whether one has changed is asked without its value.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;

use crate::failure::sort;
use crate::kept::{CLASSES, Holder, Kept};
use crate::{Account, Failure, content};

/// The stage of the version that counts.
const CURRENT: &str = "AWSCURRENT";

pub async fn read(access: &SdkConfig, name: &str, earlier: Option<Arc<Kept>>) -> Result<Arc<Kept>, Failure> {
    let client = Client::new(access);
    let told = client.describe_secret().secret_id(name).send().await.map_err(|error| sort(&error))?;
    if told.deleted_date().is_some() {
        return Err(Failure::Going);
    }
    let current = current(&told).ok_or(Failure::Empty)?;
    let classes = told.tags().iter().find(|tag| tag.key() == Some(CLASSES)).and_then(|tag| tag.value());
    let version = format!("{current} {}", classes.unwrap_or_default());
    if let Some(earlier) = earlier.filter(|earlier| earlier.version == version) {
        return Ok(earlier);
    }
    // That very version: what is current may have changed since.
    let value = client.get_secret_value().secret_id(name).version_id(current).send().await;
    let value = value.map_err(|error| sort(&error))?;
    let holder = Holder {
        name: name.to_owned(),
        classes: classes.map(str::to_owned),
        values: values(&value).ok_or(Failure::Empty)?,
    };
    Ok(Arc::new(Kept { holders: vec![holder], version }))
}

impl Account {
    /// The text of a secret, as it is; none: there is no such secret.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, Failure> {
        let asked = Client::new(&self.config).get_secret_value().secret_id(name).send().await;
        match asked {
            Ok(told) => Ok(told.secret_string),
            Err(error) => match sort(&error) {
                Failure::Missing => Ok(None),
                failure => Err(failure),
            },
        }
    }
}

fn current(told: &DescribeSecretOutput) -> Option<&str> {
    let mut versions = told.version_ids_to_stages()?.iter();
    let current = versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT));
    current.map(|(id, _)| id.as_str())
}

fn values(value: &GetSecretValueOutput) -> Option<std::collections::BTreeMap<String, Vec<u8>>> {
    let text = value.secret_string().map(content::keys);
    text.or_else(|| value.secret_binary().map(|bytes| content::whole(bytes.as_ref())))
}
