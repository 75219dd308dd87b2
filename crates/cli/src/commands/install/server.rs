//! The server that people sign in to, as `outboard install` is told.

use std::collections::BTreeSet;

use clap::Args;
use verbs::install::Server;

use super::{once, role, secret, variable};
use crate::commands::server;
use crate::error::{Failure, Result};
use crate::label;

/// A server that people sign in to.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Run a server for people who sign in, at https://HOST, by a route of the Gateway. Installed again without it, it is removed
    #[arg(long, value_name = "HOST", value_parser = host, requires_all = ["server_issuer", "server_client_id"])]
    pub with_server: Option<String>,
    /// Provider where they sign in (OpenID Connect)
    #[arg(long, value_name = "URL", requires = "with_server", value_parser = issuer)]
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
    #[arg(long, value_name = "LABEL", requires = "with_server", value_delimiter = ',', value_parser = pod)]
    pub server_gateway_pods: Vec<Option<(String, String)>>,
    /// ConfigMap of namespace outboard-system with `ca.crt`: an authority that providers' certificates are of, besides those that
    /// everybody trusts
    #[arg(long, value_name = "CONFIGMAP", requires = "with_server", value_parser = secret)]
    pub server_ca: Option<String>,
    /// IAM role that the server may assume, on EKS; for --audit-bucket it needs s3:PutObject there, for --log-archive
    /// s3:ListBucket and s3:GetObject
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
    pub(super) fn server(&self) -> Result<Option<Server>> {
        let (Some(host), Some(issuer), Some(client_id)) =
            (self.with_server.clone(), self.server_issuer.clone(), self.server_client_id.clone())
        else {
            return Ok(None);
        };
        if let Some(reason) = server::refused(&self.server_flag) {
            let hint = "`outboard server --help` says what each takes; nothing was changed".to_owned();
            return Err(Failure::Usage { sentence: format!("--server-flag: {reason}"), hint });
        }
        Ok(Some(Server {
            host,
            issuer,
            client_id,
            secret: self.server_secret.clone(),
            has_client_secret: !self.server_public_client,
            terminal: self.server_cli_client_id.clone(),
            issuers: self.server_issuers.clone(),
            groups: self.server_groups.clone(),
            listener: self.server_listener.clone(),
            gateway_pods: pods(&self.server_gateway_pods)?,
            authority: self.server_ca.clone(),
            aws_role: self.server_aws_role.clone(),
            env: once(&self.server_env),
            env_from: self.server_env_from.clone(),
            proxies: self.server_proxies,
            flags: self.server_flag.clone(),
        }))
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

/// As the server takes it.
fn issuer(text: &str) -> std::result::Result<String, String> {
    identity::Provider::fits(text).map(|()| text.to_owned())
}

fn group(text: &str) -> std::result::Result<String, String> {
    match identity::Person::new("nobody", [text.to_owned()]) {
        Ok(_) => Ok(text.to_owned()),
        Err(unfit) => Err(unfit.to_string()),
    }
}

/// None: whatever their labels are.
fn pod(text: &str) -> std::result::Result<Option<(String, String)>, String> {
    if text == "all" {
        return Ok(None);
    }
    let wrong = || "write KEY=VALUE, as Kubernetes takes labels, or `all`".to_owned();
    label::parse(text).map(Some).ok_or_else(wrong)
}

/// None: as the Gateway gives them. Empty: every pod.
fn pods(said: &[Option<(String, String)>]) -> Result<Option<Vec<(String, String)>>> {
    let labels: Vec<(String, String)> = said.iter().flatten().cloned().collect();
    let keys: BTreeSet<&String> = labels.iter().map(|(key, _)| key).collect();
    let sentence = if !labels.is_empty() && labels.len() < said.len() {
        "--server-gateway-pods: `all` is every pod, and labels beside it would narrow that"
    } else if keys.len() < labels.len() {
        "--server-gateway-pods: no pod has one label twice"
    } else {
        return Ok((!said.is_empty()).then_some(labels));
    };
    let hint = "say the labels that each of the Gateway's pods has, or `all` alone; nothing was changed";
    Err(Failure::Usage { sentence: sentence.to_owned(), hint: hint.to_owned() })
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
    const LAST: [&str; 3] = ["--audit-days=", "--audit-bucket=", "--log-archive="];
    let known = OTHERS.iter().chain(&LAST).any(|flag| text.starts_with(flag));
    known.then(|| text.to_owned()).ok_or_else(|| {
        format!("write one of {}…, --audit-days=…, --audit-bucket=… or --log-archive=…", OTHERS.join("…, "))
    })
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    /// What becomes of such flags beside those that are needed.
    fn told(flags: &[&str]) -> std::result::Result<Server, String> {
        let needed = [
            "--with-server=outboard.example.com",
            "--server-issuer=https://id.example.com",
            "--server-client-id=a",
        ];
        let command = ServerArgs::augment_args(Command::new("install").no_binary_name(true));
        let matches =
            command.try_get_matches_from(needed.iter().chain(flags)).map_err(|error| error.to_string())?;
        let args = ServerArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        match args.server() {
            Ok(server) => Ok(server.unwrap()),
            Err(Failure::Usage { sentence, .. }) => Err(sentence),
            Err(other) => Err(other.to_string()),
        }
    }

    #[test]
    fn a_server_has_a_host_a_provider_and_flags_that_are_no_secrets() {
        assert_eq!(host("outboard.example.com").as_deref(), Ok("outboard.example.com"));
        for refused in ["https://outboard.example.com", "outboard", "-a.b", "a.b:80", "A.b", "a..b", ""] {
            assert!(host(refused).is_err(), "{refused}");
        }
        for refused in ["id.example.com", "http://id.example.com", "https://ann:secret@id.example.com"] {
            assert!(issuer(refused).unwrap_err().contains("no address of a provider"), "{refused}");
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
    fn flags_are_read_as_the_server_reads_them_before_anything_is_changed() {
        let flags = [
            "--server-flag=--audit-bucket=s3://shop-audit/a?region=eu-west-1",
            "--server-flag=--contact=#help",
            "--server-flag=--log-archive=shop/shop=s3://shop-logs/fals/?region=eu-west-1",
            "--server-flag=--log-archive=team/web=s3://shop-logs/fals/",
        ];
        assert_eq!(told(&flags).unwrap().flags.len(), 4);
        for (flag, said) in [
            ("--audit-bucket=s3://key:secret@bucket", "write s3://BUCKET/PREFIX"),
            ("--audit-bucket=shop-audit", "write s3://BUCKET/PREFIX"),
            ("--log-archive=s3://shop-logs", "write NAMESPACE/PROJECT=s3://BUCKET/PREFIX"),
            ("--audit-days=0", "--audit-days"),
            ("--session=1s", "between 5m and 7d"),
            ("--require-claim=hd", "such as hd=example.com"),
            ("--unverified-emails", "--unverified-emails"),
        ] {
            let reason = told(&[&format!("--server-flag={flag}")]).unwrap_err();
            assert!(reason.starts_with("--server-flag: ") && reason.contains(said), "{flag}: {reason}");
        }
        let shared = ["shop", "team"]
            .map(|team| format!("--server-flag=--log-archive={team}/shop=s3://shop-logs/fals/"));
        let mixed = told(&[&shared[0], &shared[1]]).unwrap_err();
        assert!(mixed.contains("--log-archive: one archive is named for projects"), "{mixed}");
        let twice = told(&["--server-flag=--contact=a", "--server-flag=--contact=b"]).unwrap_err();
        assert!(twice.contains("multiple times"), "{twice}");
    }

    #[test]
    fn of_a_variable_that_is_said_twice_the_last_counts() {
        let server = told(&["--server-env=B=1", "--server-env=A=2", "--server-env=B=3"]).unwrap();
        assert_eq!(server.env, [("A".to_owned(), "2".to_owned()), ("B".to_owned(), "3".to_owned())]);
    }

    #[test]
    fn the_gateways_pods_have_labels_or_any() {
        let pods = |said: &[&str]| told(said).map(|server| server.gateway_pods);
        assert_eq!(pods(&[]), Ok(None));
        assert_eq!(pods(&["--server-gateway-pods=all"]), Ok(Some(vec![])));
        let two = [("app".to_owned(), "gateway".to_owned()), ("tier".to_owned(), String::new())];
        assert_eq!(pods(&["--server-gateway-pods=app=gateway,tier="]), Ok(Some(two.to_vec())));
        for refused in ["app", "-a=b", "a=b-", "A.com/a=b", "all,app=gateway", "app=a,app=b"] {
            let reason = pods(&[&format!("--server-gateway-pods={refused}")]).unwrap_err();
            assert!(reason.contains("--server-gateway-pods"), "{refused}: {reason}");
        }
    }
}
