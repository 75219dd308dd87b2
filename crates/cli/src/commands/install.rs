//! `outboard install`.

mod logs;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use verbs::install::{self, Options, Outcome, Settings};

use crate::args::{Format, duration};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::settings::{DnsArgs, SettingsArgs};

use logs::LogsArgs;
use server::ServerArgs;

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

impl InstallArgs {
    fn options(&self) -> Result<Options> {
        Ok(Options {
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
            server: self.serving.server()?,
        })
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

/// What names of variables with secrets have in them.
const SECRETS: [&str; 6] = ["SECRET", "PASSWORD", "PASSWD", "TOKEN", "API_KEY", "PRIVATE_KEY"];

/// What is set here stands in the Deployment, where many may look.
fn variable(text: &str) -> std::result::Result<(String, String), String> {
    let named = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| named(name)) else {
        return Err("write NAME=VALUE, such as AWS_REGION=eu-west-1".to_owned());
    };
    let by_name = SECRETS.iter().any(|word| name.to_uppercase().contains(word)) && !name.ends_with("_FILE");
    if by_name || has_password(value) {
        let what = if by_name { "looks like a secret" } else { "has a password in its address" };
        return Err(format!(
            "`{name}` {what}, and whoever may see pods would read it: put it into a Secret of namespace \
             outboard-system and say --env-from SECRET (--server-env-from, --logs-env-from)"
        ));
    }
    if name == "POD_NAME" || name == "NODE_NAME" || name.starts_with("OUTBOARD_") {
        return Err(format!("`{name}` is outboard's own: there is a flag for what it sets"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Each name once, with what was said last: Kubernetes takes none twice.
fn once(variables: &[(String, String)]) -> Vec<(String, String)> {
    variables.iter().cloned().collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// An address with somebody's name or password before the host; without a scheme only with both, since `ann@example.com` is none.
fn has_password(value: &str) -> bool {
    // A password may hold what stands between several.
    value.split([',', ';', ' ']).chain([value]).any(|address| {
        let (rest, least) = address.split_once("://").map_or((address, ":"), |(_, rest)| (rest, ""));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(least))
    })
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
    let options = args.options()?;
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
        for refused in [
            "HTTPS_PROXY=http://ann:secret@proxy:3128",
            "HTTPS_PROXY=ann:secret@proxy:3128",
            "HTTPS_PROXY=http://ann:a,b@proxy",
            "HTTPS_PROXY=ann:a;b c@proxy:3128",
            "A=b,https://x@y",
        ] {
            assert!(variable(refused).unwrap_err().contains("--server-env-from"), "{refused}");
        }
        assert!(variable("CONTACT=ann@example.com").is_ok() && variable("A=http://a:1/x@y:z").is_ok());
        assert!(variable("A B=x").is_err() && variable("=x").is_err() && variable("A").is_err());
    }

    #[test]
    fn a_role_is_an_arn_and_a_secret_a_name() {
        assert!(role("arn:aws-cn:iam::123456789012:role/path/outboard").is_ok());
        assert!(role("outboard").is_err() && role("arn:aws:iam::123456789012:user/ann").is_err());
        assert!(secret("outboard-aws").is_ok() && secret("Outboard").is_err() && secret("").is_err());
    }
}
