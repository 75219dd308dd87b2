//! Parameters of AWS Systems Manager: all that lie under a path, or a single one. Whether any has changed is asked
//! without decrypting them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{Parameter, ResourceTypeForTagging};
use futures::{StreamExt, TryStreamExt, stream};

use crate::failure::sort;
use crate::kept::{CLASSES, Holder, Kept};
use crate::{Failure, content};

/// Under a path there lie one secret's keys, not a whole account's.
const MOST: usize = 50;
/// As many as AWS gives at once.
const PAGE: i32 = 10;
const SIDE_BY_SIDE: usize = 4;

/// For whom each parameter is, by name.
type Tags = BTreeMap<String, Option<String>>;

/// What was found under a name.
struct Found {
    parameters: Vec<Parameter>,
    /// They lie under it; else it is the name of the only one.
    under: bool,
}

/// `tag` tells the tag of a parameter.
pub async fn read<F: Future<Output = Result<Option<String>, Failure>>>(
    access: &SdkConfig,
    name: &str,
    earlier: Option<Arc<Kept>>,
    tag: impl Fn(String) -> F,
) -> Result<Arc<Kept>, Failure> {
    let client = Client::new(access);
    let sealed = find(&client, name, false).await?;
    let names: Vec<String> =
        sealed.parameters.iter().filter_map(|parameter| parameter.name().map(str::to_owned)).collect();
    let asked = names.into_iter().map(|name| {
        let told = tag(name.clone());
        async move { Ok((name, told.await?)) }
    });
    let tags: Tags = stream::iter(asked).buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
    let seen = version(&sealed.parameters, &tags);
    if let Some(earlier) = earlier.filter(|earlier| earlier.version == seen) {
        return Ok(earlier);
    }
    let open = find(&client, name, true).await?;
    let version = version(&open.parameters, &tags);
    let holders = open.parameters.iter().filter_map(|parameter| holder(name, parameter, open.under, &tags));
    Ok(Arc::new(Kept { holders: holders.collect(), version }))
}

/// For whom a parameter is, as its tag says.
pub async fn tag(access: &SdkConfig, name: &str) -> Result<Option<String>, Failure> {
    let asked = Client::new(access)
        .list_tags_for_resource()
        .resource_type(ResourceTypeForTagging::Parameter)
        .resource_id(name);
    let told = asked.send().await.map_err(|error| sort(&error))?;
    let classes = told.tag_list().iter().find(|tag| tag.key() == CLASSES);
    Ok(classes.map(|tag| tag.value().to_owned()))
}

async fn find(client: &Client, name: &str, decrypt: bool) -> Result<Found, Failure> {
    if name.starts_with('/') {
        let parameters = under(client, name, decrypt).await?;
        if !parameters.is_empty() {
            return Ok(Found { parameters, under: true });
        }
    }
    let told = client.get_parameter().name(name).with_decryption(decrypt).send().await;
    let told = told.map_err(|error| sort(&error))?;
    Ok(Found { parameters: told.parameter.into_iter().collect(), under: false })
}

async fn under(client: &Client, path: &str, decrypt: bool) -> Result<Vec<Parameter>, Failure> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let asked = client.get_parameters_by_path().path(path).with_decryption(decrypt).max_results(PAGE);
        let told = asked.set_next_token(next).send().await.map_err(|error| sort(&error))?;
        found.extend(told.parameters.unwrap_or_default());
        if found.len() > MOST {
            return Err(Failure::TooMany(MOST));
        }
        next = told.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// A parameter that is made anew begins again with version 1, at another time.
fn version(parameters: &[Parameter], tags: &Tags) -> String {
    let mut each: Vec<String> = parameters
        .iter()
        .map(|parameter| {
            let name = parameter.name().unwrap_or_default();
            let changed = parameter.last_modified_date().map(ToString::to_string).unwrap_or_default();
            let tag = tags.get(name).cloned().flatten().unwrap_or_default();
            format!("{name} {} {changed} {tag}", parameter.version())
        })
        .collect();
    each.sort();
    each.join("\n")
}

/// One that was added between the two looks waits for the next.
fn holder(path: &str, parameter: &Parameter, under: bool, tags: &Tags) -> Option<Holder> {
    let (name, value) = (parameter.name()?, parameter.value()?);
    let classes = tags.get(name)?.clone();
    let values = if under {
        let key = name.strip_prefix(path)?.trim_start_matches('/');
        [(key.to_owned(), value.as_bytes().to_vec())].into()
    } else {
        content::keys(value)
    };
    Some(Holder { name: name.to_owned(), classes, values })
}
