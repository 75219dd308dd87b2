//! What of a service is copied: keys of Redis and objects of S3, chosen and renamed by words such as `cache=user:*`.

use std::collections::BTreeMap;

use clap::Args;
use verbs::data::{CopyKeys, DeniedChoice};

#[derive(Args, Clone, Debug, Default)]
pub struct Chosen {
    /// Copy only such keys of a Redis (a pattern), or objects that begin so; may be repeated [default: all]
    #[arg(long, value_name = "SERVICE=KEYS", value_parser = of_service)]
    pub include: Vec<OfService>,
    /// Leave out such keys of a Redis (a pattern), or objects that begin so; may be repeated
    #[arg(long, value_name = "SERVICE=KEYS", value_parser = of_service)]
    pub exclude: Vec<OfService>,
    /// Let what begins with FROM begin with TO on the target; may be repeated
    #[arg(long, value_name = "SERVICE=FROM=TO", value_parser = rename)]
    pub rename: Vec<Rename>,
    /// Remove objects that only the target has, if they are no more than this; 0 leaves them [default: 100000; 0 where others run the bucket]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub delete_up_to: Option<u32>,
    /// Do without objects that may not be read or written, and tell which they are
    #[arg(long)]
    pub skip_denied: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfService {
    service: String,
    keys: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    service: String,
    from: String,
    to: String,
}

impl Chosen {
    /// By service.
    pub fn keys(&self) -> BTreeMap<String, CopyKeys> {
        let mut keys = BTreeMap::<String, CopyKeys>::new();
        for OfService { service, keys: name } in &self.include {
            keys.entry(service.clone()).or_default().include.push(name.clone());
        }
        for OfService { service, keys: name } in &self.exclude {
            keys.entry(service.clone()).or_default().exclude.push(name.clone());
        }
        for Rename { service, from, to } in &self.rename {
            keys.entry(service.clone()).or_default().rename.insert(from.clone(), to.clone());
        }
        keys
    }

    pub fn denied(&self) -> DeniedChoice {
        if self.skip_denied { DeniedChoice::Skip } else { DeniedChoice::Fail }
    }
}

fn of_service(text: &str) -> Result<OfService, String> {
    match text.split_once('=') {
        Some((service, keys)) if !service.is_empty() && !keys.is_empty() => {
            Ok(OfService { service: service.to_owned(), keys: keys.to_owned() })
        }
        _ => Err("write a service and its keys, such as cache=user:* or uploads=avatars/".to_owned()),
    }
}

fn rename(text: &str) -> Result<Rename, String> {
    let wrong = || "write a service and two beginnings, such as uploads=old/=new/".to_owned();
    let OfService { service, keys } = of_service(text).map_err(|_| wrong())?;
    let (from, to) = keys.split_once('=').ok_or_else(wrong)?;
    Ok(Rename { service, from: from.to_owned(), to: to.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_gathered_by_service() {
        let chosen = Chosen {
            include: vec![of_service("cache=user:*").unwrap(), of_service("cache=a=b").unwrap()],
            exclude: vec![of_service("uploads=tmp/").unwrap()],
            rename: vec![rename("uploads=old/=new/").unwrap(), rename("uploads=gone/=").unwrap()],
            ..Chosen::default()
        };
        let keys = chosen.keys();
        assert_eq!(keys["cache"].include, ["user:*", "a=b"]);
        assert_eq!(keys["uploads"].exclude, ["tmp/"]);
        assert_eq!(
            (keys["uploads"].rename["old/"].as_str(), keys["uploads"].rename["gone/"].as_str()),
            ("new/", "")
        );
        for wrong in ["cache", "=a", "cache="] {
            assert!(of_service(wrong).is_err() && rename(wrong).is_err(), "{wrong}");
        }
        assert!(rename("uploads=old/").is_err());
    }
}
