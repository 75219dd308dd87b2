//! Logins of ECR, AWS' registry: good for every registry of a region that outboard's identity may use, for hours.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_ecr::Client;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Failure;
use crate::failure::sort;

/// A login is not used up to its last moment: what it is used for takes time, and clocks differ.
const MARGIN: Duration = Duration::from_secs(600);
/// AWS says when a login ends; should it ever not say so, it is asked again after this long.
const UNSAID: Duration = Duration::from_secs(3600);

/// What a registry is to be told.
#[derive(Clone)]
pub struct Login {
    pub user: String,
    pub password: String,
    ends: SystemTime,
}

impl Login {
    pub(crate) fn lasts(&self) -> bool {
        SystemTime::now() + MARGIN < self.ends
    }
}

/// The region of a registry of ECR, by its host; none if it is another registry. `public.ecr.aws` asks for no login.
pub fn region_of(registry: &str) -> Option<&str> {
    let host = registry.split(':').next()?;
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (kind, ends): (&[&str], &[&str]) = match rest {
        old if old.starts_with("dkr.") => {
            (&["dkr.ecr.", "dkr.ecr-fips."], &[".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"])
        }
        _ => (&["dkr-ecr.", "dkr-ecr-fips."], &[".on.aws", ".on.amazonwebservices.com.cn"]),
    };
    let rest = kind.iter().find_map(|start| rest.strip_prefix(start))?;
    let region = ends.iter().find_map(|end| rest.strip_suffix(end))?;
    (!region.is_empty() && !region.contains('.')).then_some(region)
}

pub async fn login(access: &SdkConfig) -> Result<Login, Failure> {
    let told = Client::new(access).get_authorization_token().send().await.map_err(|error| sort(&error))?;
    let data = told.authorization_data().first();
    let pair = data.and_then(|data| data.authorization_token()).and_then(pair);
    let (user, password) = pair.ok_or_else(|| Failure::Refused("it gave a login that is none".to_owned()))?;
    let ends = data.and_then(|data| SystemTime::try_from(*data.expires_at()?).ok());
    Ok(Login { user, password, ends: ends.unwrap_or_else(|| SystemTime::now() + UNSAID) })
}

fn pair(token: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_of_ecr_is_told_by_its_host() {
        let of = region_of;
        assert_eq!(of("123456789012.dkr.ecr.eu-west-1.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(of("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"), Some("cn-north-1"));
        assert_eq!(of("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com"), Some("us-gov-west-1"));
        assert_eq!(of("123456789012.dkr-ecr.eu-west-1.on.aws:443"), Some("eu-west-1"));
        for other in [
            "public.ecr.aws",
            "12345.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.amazonaws.com",
            "evil.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.a.b.amazonaws.com",
            "registry.example.com",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
