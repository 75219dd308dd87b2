//! The settings of an installation, as `outboard install` takes them and hands them on to `outboard operator`.

mod dns;

use std::time::Duration;

use api::marks;
use clap::Args;
use verbs::install::Settings;

pub use dns::DnsArgs;

use crate::args::duration;
use crate::label;

/// What the operator is told about its cluster.
#[derive(Args, Clone, Debug)]
pub struct SettingsArgs {
    /// Name of this installation; it marks everything that is made
    #[arg(long, env = "OUTBOARD_INSTALL", value_name = "NAME", default_value = "outboard")]
    pub install: String,
    /// Domain under which every environment's hosts lie
    #[arg(long, env = "OUTBOARD_DOMAIN", value_name = "DOMAIN", default_value = "localhost")]
    pub domain: String,
    /// Scheme of the URLs that people are shown
    #[arg(long, env = "OUTBOARD_URL_SCHEME", value_name = "SCHEME", default_value = "http", value_parser = ["http", "https"])]
    pub url_scheme: String,
    /// Port of the URLs that people are shown, where it is not the scheme's own
    #[arg(long, env = "OUTBOARD_URL_PORT", value_name = "PORT")]
    pub url_port: Option<u16>,
    /// The Gateway that routes attach to
    #[arg(long, env = "OUTBOARD_GATEWAY", value_name = "NAMESPACE/NAME", default_value = "envoy-gateway-system/outboard", value_parser = gateway)]
    pub gateway: (String, String),
    /// How long the revisions of a destroyed environment are kept: for `env history` and to see what was there
    #[arg(long, env = "OUTBOARD_RETENTION", value_name = "DURATION", default_value = "7d", value_parser = duration)]
    pub retention: Duration,
    /// How many environments are reconciled at once
    #[arg(long, env = "OUTBOARD_CONCURRENCY", value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Where a registry is reached if not at https:// and its name: a mirror, or one without TLS; may be repeated
    #[arg(long = "registry", value_name = "REGISTRY=URL", value_parser = registry)]
    pub registries: Vec<(String, String)>,
    /// Label for every object of every environment, besides outboard's own; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Field manager that may add fields to what outboard made, such as a service mesh's; may be repeated
    #[arg(long = "allow-manager", value_name = "NAME", value_parser = manager)]
    pub managers: Vec<String>,
}

impl SettingsArgs {
    pub fn settings(&self) -> Settings {
        let (gateway_namespace, gateway_name) = self.gateway.clone();
        Settings {
            install: self.install.clone(),
            domain: self.domain.clone(),
            url_scheme: self.url_scheme.clone(),
            url_port: self.url_port,
            gateway_namespace,
            gateway_name,
            retention: self.retention,
            concurrency: self.concurrency,
            registries: self.registries.iter().cloned().collect(),
            labels: self.labels.iter().cloned().collect(),
            managers: self.managers.clone(),
            ..Settings::default()
        }
    }
}

fn gateway(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("write NAMESPACE/NAME".to_owned()),
    }
}

fn registry(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((registry, url))
            if !registry.is_empty() && (url.starts_with("http://") || url.starts_with("https://")) =>
        {
            Ok((registry.to_owned(), url.trim_end_matches('/').to_owned()))
        }
        _ => Err("write REGISTRY=URL, such as docker.io=https://mirror.example.com".to_owned()),
    }
}

/// Whoever edits by hand is never allowed to: that is the drift that outboard is there for.
fn manager(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 128 {
        return Err("write the name as `kubectl get --show-managed-fields` shows it".to_owned());
    }
    if text.starts_with("kubectl") || text.starts_with(marks::MANAGER_PREFIX) {
        return Err(format!("`{text}` cannot be allowed: what it changes is always told and put back"));
    }
    Ok(text.to_owned())
}

/// outboard's own labels are not for the taking: by them it knows what is its own.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = label::parse(text).ok_or("write KEY=VALUE, such as team=payments")?;
    if key.starts_with("outboard.dev/") || key.starts_with("app.kubernetes.io/") {
        return Err(format!("`{key}` is one of outboard's own labels"));
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_needs_a_url_and_a_label_must_not_be_ours() {
        assert!(
            registry("docker.io=http://registry.testbed:5000/").is_ok_and(|(_, url)| !url.ends_with('/'))
        );
        assert!(registry("docker.io=mirror").is_err());
        assert!(label("team=payments").is_ok());
        assert!(label("outboard.dev/slice=mine").unwrap_err().contains("own"));
        assert!(label("team").is_err() && label("a b=c").is_err());
    }

    #[test]
    fn a_mesh_may_be_allowed_to_add_fields_and_kubectl_may_not() {
        assert!(manager("istio-operator").is_ok());
        assert!(manager("kubectl-edit").unwrap_err().contains("put back"));
        assert!(manager("").is_err());
    }
}
