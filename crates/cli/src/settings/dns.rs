//! Which records of DNS an installation keeps, as `outboard install` takes it and hands it on to `outboard operator`.

use clap::Args;
use verbs::hostname::{Owner, Policy, Settings};

use super::SettingsArgs;

/// What the operator is told about hosted zones.
#[derive(Args, Clone, Debug)]
pub struct DnsArgs {
    /// Hosted zone of Route 53, by its id, in which the operator keeps records: one wildcard for --domain, if it lies there,
    /// and those of named hosts; may be repeated. Installed again without it, records stay as they are
    #[arg(long = "hosted-zone", value_name = "ID", value_parser = zone, requires = "cluster")]
    pub hosted_zones: Vec<String>,
    /// Name of this cluster among all that share a hosted zone; it stands in records of ownership
    #[arg(long, value_name = "NAME", value_parser = cluster)]
    pub cluster: Option<String>,
    /// What may be done with records: make, change and delete them; not delete; or only make new ones
    #[arg(long, value_name = "POLICY", default_value = "sync", value_parser = ["sync", "upsert-only", "create-only"])]
    pub dns_policy: String,
    /// Percent of its hosts that may be changed or deleted at once; more waits for a greater number. Below ten hosts any
    #[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub dns_at_once: u8,
    /// ClusterIssuer of cert-manager that certificates are asked of: one for the wildcard of --domain, and one for every named
    /// host. Without it they are your own affair. With --url-scheme https outboard looks at them in any case
    #[arg(long, value_name = "NAME", requires = "hosted_zones", value_parser = issuer)]
    pub certificate_issuer: Option<String>,
}

impl DnsArgs {
    pub fn settings(&self, settings: &SettingsArgs) -> Settings {
        let (gateway_namespace, gateway_name) = settings.gateway.clone();
        Settings {
            install: settings.install.clone(),
            cluster: self.cluster.clone().unwrap_or_else(|| settings.install.clone()),
            domain: settings.domain.clone(),
            zones: self.hosted_zones.clone(),
            policy: Policy::parse(&self.dns_policy).unwrap_or_default(),
            at_once: usize::from(self.dns_at_once),
            gateway_namespace,
            gateway_name,
            https: settings.url_scheme == "https",
            issuer: self.certificate_issuer.clone(),
            home: verbs::operator::NAMESPACE.to_owned(),
        }
    }
}

fn zone(text: &str) -> Result<String, String> {
    let id = text.trim_start_matches("/hostedzone/");
    let good = (1..=32).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    good.then(|| id.to_owned()).ok_or_else(|| "write the zone's id, such as Z0123456789ABCDEFGHIJ".to_owned())
}

fn cluster(text: &str) -> Result<String, String> {
    Owner::new("outboard", text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn issuer(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let good = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && bytes.iter().all(good)
    };
    let good = text.len() <= 253 && text.split('.').all(part);
    good.then(|| text.to_owned()).ok_or_else(|| {
        "write the name of a ClusterIssuer, as `kubectl get clusterissuers` shows it".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_an_id_and_a_cluster_a_name_that_fits_a_record() {
        assert_eq!(zone("/hostedzone/Z1EXAMPLE").as_deref(), Ok("Z1EXAMPLE"));
        assert!(zone("example.com").is_err() && zone("").is_err());
        assert!(issuer("letsencrypt").is_ok() && issuer("ca.example").is_ok());
        assert!(issuer("").is_err() && issuer("Let's").is_err() && issuer("a/b").is_err());
        assert!(cluster("eu-1").is_ok() && cluster("a,b").is_err());
    }
}
