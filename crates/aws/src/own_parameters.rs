//! Parameters of outboard's own in Parameter Store: secrets that are written once and never over.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::types::{ParameterType, Tag};

use crate::Failure;
use crate::access::Access;
use crate::failure::sort;

/// As many names as AWS takes at once.
const AT_ONCE: usize = 10;

pub struct OwnParameters {
    client: Client,
}

impl OwnParameters {
    pub async fn reach(region: &str) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(&Access::default().of_region(Some(region)).await?) })
    }

    /// Writes a secret unless there is one of this name; says whether it did. `key`: else the account's own.
    pub async fn put_new(
        &self,
        name: &str,
        value: &str,
        key: Option<&str>,
        tag: (&str, &str),
    ) -> Result<bool, Failure> {
        let tag = Tag::builder().key(tag.0).value(tag.1).build();
        let tag = tag.map_err(|error| Failure::Refused(error.to_string()))?;
        let call = self.client.put_parameter().name(name).value(value).r#type(ParameterType::SecureString);
        match call.set_key_id(key.map(str::to_owned)).tags(tag).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ParameterAlreadyExists") => Ok(false),
            Err(error) => Err(sort(&error)),
        }
    }

    pub async fn get(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.client.get_parameter().name(name).with_decryption(true).send().await {
            Ok(told) => Ok(told.parameter.and_then(|parameter| parameter.value)),
            Err(error) => match sort(&error) {
                Failure::Missing => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// Names and values of everything under a path; values of secrets as AWS keeps them, which is of no use to anybody.
    pub async fn under(&self, path: &str) -> Result<Vec<(String, String)>, Failure> {
        let (mut found, mut next) = (Vec::new(), None::<String>);
        loop {
            let asked = self.client.get_parameters_by_path().path(path).recursive(true);
            let page = asked.set_next_token(next.take()).send().await.map_err(|error| sort(&error))?;
            let parameters = page.parameters.unwrap_or_default().into_iter();
            found.extend(
                parameters
                    .filter_map(|parameter| Some((parameter.name?, parameter.value.unwrap_or_default()))),
            );
            next = page.next_token;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes everything under a path; how much that was.
    pub async fn delete_under(&self, path: &str) -> Result<usize, Failure> {
        let names: Vec<String> = self.under(path).await?.into_iter().map(|(name, _)| name).collect();
        for some in names.chunks(AT_ONCE) {
            let call = self.client.delete_parameters().set_names(Some(some.to_vec()));
            call.send().await.map_err(|error| sort(&error))?;
        }
        Ok(names.len())
    }
}
