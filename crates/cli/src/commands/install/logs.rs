//! Where the logs of environments are shipped, as `outboard install` is told.

use clap::Args;
use verbs::install::Logs;

use super::{once, role, secret, variable};

/// Where the logs of environments are shipped.
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// Ship the logs of all environments to a delivery stream: firehose://STREAM, or firehose://STREAM?region=eu-west-1.
    /// Installed again without it, logs are no longer shipped
    #[arg(long, value_name = "URL", value_parser = stream)]
    pub logs: Option<Stream>,
    /// IAM role that what ships logs may assume, on EKS; it needs firehose:PutRecordBatch on the stream
    #[arg(long, value_name = "ARN", value_parser = role, requires = "logs")]
    pub logs_role: Option<String>,
    /// Environment variable of what ships logs; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable, requires = "logs")]
    pub logs_env: Vec<(String, String)>,
    /// Secret of namespace outboard-system whose keys are environment variables of what ships logs; may be repeated
    #[arg(long, value_name = "SECRET", value_parser = secret, requires = "logs")]
    pub logs_env_from: Vec<String>,
    /// Where nodes keep pods' logs, if not where Kubernetes has them
    #[arg(long, requires = "logs", value_name = "FOLDER", default_value = "/var/log/pods", value_parser = folder)]
    pub pod_logs: String,
}

impl LogsArgs {
    pub(super) fn logs(&self) -> Option<Logs> {
        let Stream { name, region } = self.logs.clone()?;
        Some(Logs {
            stream: name,
            region,
            role: self.logs_role.clone(),
            pods: self.pod_logs.clone(),
            env: once(&self.logs_env),
            env_from: self.logs_env_from.clone(),
        })
    }
}

/// A delivery stream, as `--logs` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    name: String,
    region: Option<String>,
}

fn stream(text: &str) -> Result<Stream, String> {
    let wrong = || "write firehose://STREAM, with ?region=REGION where it lies in another region".to_owned();
    let rest = text.strip_prefix("firehose://").ok_or_else(wrong)?;
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    let region = match query.split_once('=') {
        None if query.is_empty() => None,
        Some(("region", region)) if plain(region, "-") => Some(region.to_owned()),
        _ => return Err(wrong()),
    };
    if !plain(name, "-_.") || name.len() > 64 {
        return Err("the name of a delivery stream has letters, digits, `_`, `.` and `-`".to_owned());
    }
    Ok(Stream { name: name.to_owned(), region })
}

fn plain(text: &str, extra: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

fn folder(text: &str) -> Result<String, String> {
    let good = text.len() > 1 && text.starts_with('/') && !text.contains("..") && !text.contains(':');
    good.then(|| text.trim_end_matches('/').to_owned()).ok_or_else(|| "write the whole path".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_with_its_region() {
        let read = |text: &str| stream(text).map(|stream| (stream.name, stream.region));
        assert_eq!(read("firehose://logs"), Ok(("logs".into(), None)));
        assert_eq!(read("firehose://a-b.c?region=eu-west-1"), Ok(("a-b.c".into(), Some("eu-west-1".into()))));
        for refused in
            ["logs", "firehose://", "firehose://a/b", "firehose://a?region=", "firehose://a?x=y", "s3://a"]
        {
            assert!(stream(refused).is_err(), "{refused}");
        }
    }
}
