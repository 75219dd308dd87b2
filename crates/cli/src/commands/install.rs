//! `outboard install`.

use std::time::Duration;

use clap::Args;
use verbs::install::{self, Logs, Options, Outcome, Server, Settings};

use crate::args::{Format, duration};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::settings::{DnsArgs, SettingsArgs};

/// Install outboard in the cluster, or upgrade it: definitions, rights, the operator, and what ships logs
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Print what would be installed, as YAML; asks no cluster
    #[arg(long)]
    pub dry_run: bool,
    /// outboard's image, for the operator and what runs beside components [default: the one of this version]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub dns: DnsArgs,
    /// Operators that run; one leads, more take over faster when its node dies
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=5))]
    pub replicas: u16,
    /// IAM role that the operator may assume, on EKS: for secrets and images that lie in AWS
    #[arg(long, value_name = "ARN", value_parser = role)]
    pub aws_role: Option<String>,
    /// Environment variable of the operator, such as AWS_REGION=eu-west-1 or HTTPS_PROXY=…; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Secret of namespace outboard-system whose keys are environment variables of the operator; may be repeated
    #[arg(long, value_name = "SECRET", value_parser = secret)]
    pub env_from: Vec<String>,
    #[command(flatten)]
    pub shipping: LogsArgs,
    #[command(flatten)]
    pub serving: ServerArgs,
    /// Return as soon as everything is written
    #[arg(long)]
    pub no_wait: bool,
    /// Give up waiting for the operator after this long
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = duration)]
    pub timeout: Duration,
}

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

/// A server that people sign in to.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Run a server for people who sign in, at https://HOST, by a route of the Gateway. Installed again without it, it is removed
    #[arg(long, value_name = "HOST", value_parser = host, requires_all = ["server_issuer", "server_client_id"])]
    pub with_server: Option<String>,
    /// Provider where they sign in (OpenID Connect)
    #[arg(long, value_name = "URL", requires = "with_server")]
    pub server_issuer: Option<String>,
    /// The server's client at the provider
    #[arg(long, value_name = "ID", requires = "with_server")]
    pub server_client_id: Option<String>,
    /// Secret of namespace outboard-system with `session-key` and `client-secret`
    #[arg(long, value_name = "SECRET", default_value = "outboard-server", value_parser = secret)]
    pub server_secret: String,
    /// The server's client is a public one: the Secret has no `client-secret`
    #[arg(long, requires = "with_server")]
    pub server_public_client: bool,
    /// The client that `outboard login` signs in with
    #[arg(long, value_name = "ID", requires = "with_server")]
    pub server_cli_client_id: Option<String>,
    /// ConfigMap of namespace outboard-system with `issuers.yaml`: issuers of tokens for programs
    #[arg(long, value_name = "CONFIGMAP", requires = "with_server", value_parser = secret)]
    pub server_issuers: Option<String>,
    /// Groups that count, as the provider says them (for programs with their issuer's prefix); the server's account may then act with
    /// these groups alone [default: all groups, Kubernetes' own included]
    #[arg(long, value_name = "GROUP", requires = "with_server", value_delimiter = ',', value_parser = group)]
    pub server_groups: Vec<String>,
    /// Listener of the Gateway that speaks TLS for the host [default: whichever takes it; in clear nobody is answered]
    #[arg(long, value_name = "LISTENER", requires = "with_server", value_parser = secret)]
    pub server_listener: Option<String>,
    /// Labels of the Gateway's own pods, which alone reach the server: KEY=VALUE, or `all` for every pod of the Gateway's namespace
    /// [default: those that Envoy Gateway gives them]
    #[arg(long, value_name = "LABEL", requires = "with_server", value_delimiter = ',', value_parser = label)]
    pub server_gateway_pods: Vec<Option<(String, String)>>,
    /// ConfigMap of namespace outboard-system with `ca.crt`: an authority that providers' certificates are of, besides those that
    /// everybody trusts
    #[arg(long, value_name = "CONFIGMAP", requires = "with_server", value_parser = secret)]
    pub server_ca: Option<String>,
    /// IAM role that the server may assume, on EKS; for --audit-bucket it needs s3:PutObject there
    #[arg(long, value_name = "ARN", value_parser = role, requires = "with_server")]
    pub server_aws_role: Option<String>,
    /// Environment variable of the server, such as AWS_REGION=eu-west-1 or HTTPS_PROXY=…; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable, requires = "with_server")]
    pub server_env: Vec<(String, String)>,
    /// Secret of namespace outboard-system whose keys are environment variables of the server; may be repeated
    #[arg(long, value_name = "SECRET", value_parser = secret, requires = "with_server")]
    pub server_env_from: Vec<String>,
    /// Proxies before the server that add to X-Forwarded-For: the Gateway, and each before it, such as a CDN or a load balancer
    /// that speaks HTTP
    #[arg(long, value_name = "NUMBER", requires = "with_server", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub server_proxies: u8,
    /// Another flag of `outboard server`, such as --contact=…; may be repeated
    #[arg(long, value_name = "FLAG", requires = "with_server", allow_hyphen_values = true, value_parser = flag)]
    pub server_flag: Vec<String>,
}

impl ServerArgs {
    fn server(&self) -> Option<Server> {
        Some(Server {
            host: self.with_server.clone()?,
            issuer: self.server_issuer.clone()?,
            client_id: self.server_client_id.clone()?,
            secret: self.server_secret.clone(),
            has_client_secret: !self.server_public_client,
            terminal: self.server_cli_client_id.clone(),
            issuers: self.server_issuers.clone(),
            groups: self.server_groups.clone(),
            listener: self.server_listener.clone(),
            gateway_pods: (!self.server_gateway_pods.is_empty())
                .then(|| self.server_gateway_pods.iter().flatten().cloned().collect()),
            authority: self.server_ca.clone(),
            aws_role: self.server_aws_role.clone(),
            env: self.server_env.clone(),
            env_from: self.server_env_from.clone(),
            proxies: self.server_proxies,
            flags: self.server_flag.clone(),
        })
    }
}

fn host(text: &str) -> std::result::Result<String, String> {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let good = text.len() <= 253 && text.contains('.') && text.split('.').all(label);
    good.then(|| text.to_owned())
        .ok_or_else(|| "write the host only, such as outboard.example.com".to_owned())
}

fn group(text: &str) -> std::result::Result<String, String> {
    match identity::Person::new("nobody", [text.to_owned()]) {
        Ok(_) => Ok(text.to_owned()),
        Err(unfit) => Err(unfit.to_string()),
    }
}

/// None: whatever their labels are.
fn label(text: &str) -> std::result::Result<Option<(String, String)>, String> {
    if text == "all" {
        return Ok(None);
    }
    let (key, value) = text
        .split_once('=')
        .filter(|(key, value)| plain(key, "-_./") && (value.is_empty() || plain(value, "-_.")))
        .ok_or("write KEY=VALUE, or `all`")?;
    Ok(Some((key.to_owned(), value.to_owned())))
}

/// What is set by flags of its own is not set twice, and no secret stands in a Deployment.
fn flag(text: &str) -> std::result::Result<String, String> {
    const OTHERS: [&str; 10] = [
        "--scopes=",
        "--cli-scopes=",
        "--name-claim=",
        "--groups-claim=",
        "--keep-groups=",
        "--require-claim=",
        "--audience=",
        "--unverified-email",
        "--session=",
        "--contact=",
    ];
    let known = OTHERS.iter().chain(&["--audit-days=", "--audit-bucket="]).any(|flag| text.starts_with(flag));
    known
        .then(|| text.to_owned())
        .ok_or_else(|| format!("write one of {}…, --audit-days=… or --audit-bucket=…", OTHERS.join("…, ")))
}

impl LogsArgs {
    fn logs(&self) -> Option<Logs> {
        let Stream { name, region } = self.logs.clone()?;
        Some(Logs {
            stream: name,
            region,
            role: self.logs_role.clone(),
            pods: self.pod_logs.clone(),
            env: self.logs_env.clone(),
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

fn stream(text: &str) -> std::result::Result<Stream, String> {
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

fn folder(text: &str) -> std::result::Result<String, String> {
    let good = text.len() > 1 && text.starts_with('/') && !text.contains("..") && !text.contains(':');
    good.then(|| text.trim_end_matches('/').to_owned()).ok_or_else(|| "write the whole path".to_owned())
}

impl InstallArgs {
    fn options(&self) -> Options {
        Options {
            settings: Settings {
                image: self.image.clone().unwrap_or_else(|| Settings::default().image),
                ..self.settings.settings()
            },
            hostnames: self.dns.settings(&self.settings),
            replicas: self.replicas,
            aws_role: self.aws_role.clone(),
            env: self.env.iter().cloned().collect(),
            env_from: self.env_from.clone(),
            logs: self.shipping.logs(),
            server: self.serving.server(),
        }
    }
}

fn role(text: &str) -> std::result::Result<String, String> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields.as_slice() {
        ["arn", partition, "iam", "", account, name]
            if partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|digit| digit.is_ascii_digit())
                && name.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("write the role's ARN: arn:aws:iam::123456789012:role/NAME".to_owned()),
    }
}

/// What is set here stands in the Deployment, where many may look.
fn variable(text: &str) -> std::result::Result<(String, String), String> {
    let named = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| named(name)) else {
        return Err("write NAME=VALUE, such as AWS_REGION=eu-west-1".to_owned());
    };
    let secret = ["SECRET", "PASSWORD", "TOKEN"].iter().any(|word| name.to_uppercase().contains(word));
    if secret && !name.ends_with("_FILE") {
        return Err(format!(
            "`{name}` looks like a secret, and whoever may see pods would read it: put it into a Secret of namespace \
             outboard-system and say --env-from SECRET"
        ));
    }
    if name == "POD_NAME" || name == "NODE_NAME" || name.starts_with("OUTBOARD_") {
        return Err(format!("`{name}` is outboard's own: there is a flag for what it sets"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn secret(text: &str) -> std::result::Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let named = text.starts_with(good)
        && text.ends_with(good)
        && text.chars().all(|c| good(c) || c == '-' || c == '.')
        && text.len() <= 253;
    named.then(|| text.to_owned()).ok_or_else(|| "write the name of a Secret".to_owned())
}

pub async fn run(context: &Context, args: InstallArgs) -> Result<()> {
    let options = args.options();
    if args.dry_run {
        let manifests = install::manifests(&options);
        return match context.output.format {
            Format::Json => context.output.result(&manifests, |_| String::new()),
            _ => {
                let text =
                    install::to_yaml(&manifests).map_err(|error| Failure::Output(error.to_string()))?;
                context.output.line(text.trim_end())
            }
        };
    }
    let cluster = context.cluster_itself().await?;
    context.waiting("kubectl -n outboard-system get pods".to_owned());
    let report = install::apply(&cluster, &options).await?;
    for warning in &report.warnings {
        context.output.note(&format!("warning: {warning}"));
    }
    for object in report.objects.iter().filter(|object| object.outcome != Outcome::Unchanged) {
        let done = match object.outcome {
            Outcome::Created => "created",
            Outcome::Removed => "removed",
            Outcome::Changed | Outcome::Unchanged => "changed",
        };
        context.output.note(&format!("{done} {} {}", object.kind, object.name));
    }
    if !args.no_wait {
        context.output.note("waiting until it is ready");
        install::wait(&cluster, &options, args.timeout).await?;
    }
    context.output.outcome(&report, |paint| {
        let counts =
            [(Outcome::Created, "created"), (Outcome::Changed, "changed"), (Outcome::Unchanged, "unchanged")];
        let mut counts: Vec<String> =
            counts.iter().map(|(outcome, word)| format!("{} {word}", report.count(*outcome))).collect();
        if let removed @ 1.. = report.count(Outcome::Removed) {
            counts.push(format!("{removed} removed"));
        }
        let state = if args.no_wait { "written" } else { "ready" };
        format!("outboard is {} in {}: {}", paint.good(state), cluster.server, counts.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_become_an_environment_variable_that_many_may_read() {
        assert!(variable("AWS_ENDPOINT_URL=http://a:1/?b=c").is_ok_and(|(_, value)| value.ends_with("b=c")));
        assert!(variable("AWS_WEB_IDENTITY_TOKEN_FILE=/run/token").is_ok());
        for refused in ["AWS_SECRET_ACCESS_KEY=x", "aws_session_token=x", "OUTBOARD_DOMAIN=x", "POD_NAME=x"] {
            assert!(variable(refused).is_err(), "{refused}");
        }
        assert!(variable("A B=x").is_err() && variable("=x").is_err() && variable("A").is_err());
    }

    #[test]
    fn a_server_has_a_host_and_flags_that_are_no_secrets() {
        assert_eq!(host("outboard.example.com").as_deref(), Ok("outboard.example.com"));
        for refused in ["https://outboard.example.com", "outboard", "-a.b", "a.b:80", "A.b", "a..b", ""] {
            assert!(host(refused).is_err(), "{refused}");
        }
        assert!(group("shop-qa").is_ok() && group("system:masters").is_err() && group("").is_err());
        assert!(flag("--require-claim=hd=example.com").is_ok());
        assert!(flag("--contact=#help").is_ok() && flag("--audit-days=90").is_ok());
        for refused in
            ["--listen=0.0.0.0:1", "--client-secret-file=/x", "--proxies=9", "contact=x", "--contact"]
        {
            assert!(flag(refused).is_err(), "{refused}");
        }
    }

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

    #[test]
    fn a_role_is_an_arn_and_a_secret_a_name() {
        assert!(role("arn:aws-cn:iam::123456789012:role/path/outboard").is_ok());
        assert!(role("outboard").is_err() && role("arn:aws:iam::123456789012:user/ann").is_err());
        assert!(secret("outboard-aws").is_ok() && secret("Outboard").is_err() && secret("").is_err());
    }
}
