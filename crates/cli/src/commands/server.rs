//! `outboard server`: the pages and the API for many, behind a sign-in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStr, Resettable};
use clap::{Args, Command, FromArgMatches};
use identity::Naming;
use verbs::audit::Shelf;
use verbs::logs::served::{Served, mixed};
use web::{Public, Server, Settings};

use super::{interruption, serving};
use crate::args::duration;
use crate::context::Context;
use crate::error::{Failure, Result};

/// Serve pages and API to people who sign in, and the command line to those without a kubeconfig
///
/// Everything is done as whoever asks, by impersonation: what they may, Kubernetes says. `outboard install --with-server` runs
/// it in the cluster. With --namespace it is for that control namespace and what its environments run in, pages, API and command line.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// How people call it: https://…, and nothing after the host
    #[arg(long, env = "OUTBOARD_SERVER_URL", value_name = "URL", value_parser = public)]
    pub url: Public,
    /// Provider where people sign in (OpenID Connect), as it calls itself
    #[arg(long, env = "OUTBOARD_SERVER_ISSUER", value_name = "URL")]
    pub issuer: String,
    /// File with authorities (PEM) that certificates of providers may be of, besides those that this machine trusts
    #[arg(long, env = "OUTBOARD_SERVER_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// This server's client at the provider
    #[arg(long, env = "OUTBOARD_SERVER_CLIENT_ID", value_name = "ID")]
    pub client_id: String,
    /// File with the client's secret; without one the client is a public one
    #[arg(long, env = "OUTBOARD_SERVER_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// File with the keys that sessions are sealed with: 32 random bytes in base64, one key a line. The first seals, all open
    #[arg(long, env = "OUTBOARD_SERVER_SESSION_KEY_FILE", value_name = "FILE")]
    pub session_key_file: PathBuf,
    /// The client that `outboard login` signs in with; a public one, to which the provider gives codes for devices
    #[arg(long, env = "OUTBOARD_SERVER_CLI_CLIENT_ID", value_name = "ID")]
    pub cli_client_id: Option<String>,
    /// What the provider is asked for by pages
    #[arg(long, env = "OUTBOARD_SERVER_SCOPES", value_name = "SCOPE", value_delimiter = ',', default_values = ["openid", "email", "profile", "groups"])]
    pub scopes: Vec<String>,
    /// What it is asked for by `outboard login`
    #[arg(long, env = "OUTBOARD_SERVER_CLI_SCOPES", value_name = "SCOPE", value_delimiter = ',', default_values = ["openid", "email", "profile", "groups", "offline_access"])]
    pub cli_scopes: Vec<String>,
    /// Claim that is somebody's name
    #[arg(long, env = "OUTBOARD_SERVER_NAME_CLAIM", value_name = "CLAIM", default_value = "email")]
    pub name_claim: String,
    /// Take addresses for names of which the provider does not say that they were checked; anybody who may type one there is whoever has it
    #[arg(long, env = "OUTBOARD_SERVER_UNVERIFIED_EMAIL")]
    pub unverified_email: bool,
    /// Claim that has somebody's groups
    #[arg(long, env = "OUTBOARD_SERVER_GROUPS_CLAIM", value_name = "CLAIM", default_value = "groups")]
    pub groups_claim: String,
    /// Keep only groups that begin so, where people have very many
    #[arg(long, env = "OUTBOARD_SERVER_KEEP_GROUPS", value_name = "PREFIX", value_delimiter = ',')]
    pub keep_groups: Vec<String>,
    /// Keep these groups only, of people and of programs
    #[arg(long, env = "OUTBOARD_SERVER_ONLY_GROUPS", value_name = "GROUP", value_delimiter = ',')]
    pub only_groups: Vec<String>,
    /// Claim that people's tokens have to have, such as hd=example.com or groups=shop-*: where anybody may have an account at the
    /// provider. `*` stands for anything without `/`; may be repeated
    #[arg(long, value_name = "CLAIM=VALUE", value_parser = claim)]
    pub require_claim: Vec<(String, String)>,
    /// Clients besides whose ID tokens are for this server, too; whoever has one of these is that person here
    #[arg(long, env = "OUTBOARD_SERVER_AUDIENCES", value_name = "CLIENT", value_delimiter = ',')]
    pub audience: Vec<String>,
    /// File with issuers of tokens for programs, such as CI, and who is who there
    #[arg(long, env = "OUTBOARD_SERVER_ISSUERS", value_name = "FILE")]
    pub issuers: Option<PathBuf>,
    /// How long somebody stays signed in
    #[arg(long, env = "OUTBOARD_SERVER_SESSION", value_name = "DURATION", default_value = "8h", value_parser = session)]
    pub session: Duration,
    /// Proxies before this that add to X-Forwarded-For, such as the Gateway; with 0 nothing that a request says of where it comes from is believed
    #[arg(long, env = "OUTBOARD_SERVER_PROXIES", value_name = "NUMBER", default_value_t = 0)]
    pub proxies: u8,
    /// Whom people ask who may do nothing yet
    #[arg(long, env = "OUTBOARD_SERVER_CONTACT", value_name = "TEXT")]
    pub contact: Option<String>,
    /// How many days it is kept who changed what
    #[arg(long, env = "OUTBOARD_SERVER_AUDIT_DAYS", value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub audit_days: u16,
    /// Store what is on record in a bucket, too: s3://BUCKET, or s3://BUCKET/PREFIX, with ?region=REGION where it lies in another
    #[arg(long, env = "OUTBOARD_SERVER_AUDIT_BUCKET", value_name = "URL", value_parser = bucket)]
    pub audit_bucket: Option<Shelf>,
    /// Archive of logs to read for whoever may read a project's logs: NAMESPACE/PROJECT=s3://BUCKET/PREFIX, with bucket and prefix
    /// as the project's `logs.archive` has them, and ?region=REGION where it lies in another. May be repeated
    #[arg(long, env = "OUTBOARD_SERVER_LOG_ARCHIVES", value_name = "ARCHIVE", value_delimiter = ',', value_parser = archive)]
    pub log_archive: Vec<Served>,
    /// Folder with files of clusters to show to those who may list nodes; AWS is asked with this process' credentials
    #[arg(long, env = "OUTBOARD_SERVER_CLUSTERS", value_name = "DIR")]
    pub clusters: Option<PathBuf>,
    /// Where it listens, in clear: something before it speaks TLS
    #[arg(long, env = "OUTBOARD_SERVER_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Where it says besides that it is well, at /healthz
    #[arg(long, env = "OUTBOARD_SERVER_HEALTH", value_name = "ADDRESS")]
    pub health: Option<SocketAddr>,
}

fn public(text: &str) -> std::result::Result<Public, String> {
    let shape = "write https:// and the host that people open, such as https://outboard.example.com; without TLS only for 127.0.0.1";
    Public::parse(text).ok_or_else(|| shape.to_owned())
}

fn claim(text: &str) -> std::result::Result<(String, String), String> {
    let (claim, value) = text
        .split_once('=')
        .filter(|(claim, value)| !claim.is_empty() && !value.is_empty())
        .ok_or("write the claim and what it has to be, such as hd=example.com")?;
    Ok((claim.to_owned(), value.to_owned()))
}

fn bucket(text: &str) -> std::result::Result<Shelf, String> {
    Shelf::parse(text).ok_or_else(|| "write s3://BUCKET/PREFIX, such as s3://shop-audit/outboard".to_owned())
}

fn archive(text: &str) -> std::result::Result<Served, String> {
    let shape =
        "write NAMESPACE/PROJECT=s3://BUCKET/PREFIX, such as shop/shop=s3://shop-logs/fals/?region=eu-west-1";
    Served::parse(text).ok_or_else(|| shape.to_owned())
}

fn session(text: &str) -> std::result::Result<Duration, String> {
    let lasts = duration(text)?;
    let sensible = Duration::from_secs(5 * 60)..=Duration::from_secs(7 * 24 * 60 * 60);
    sensible.contains(&lasts).then_some(lasts).ok_or_else(|| "between 5m and 7d".to_owned())
}

/// What is wrong with some of these flags, in the words in which it would be told at the start; whatever else is needed.
pub fn refused(flags: &[String]) -> Option<String> {
    let needed = [
        "--url=https://outboard.example.com",
        "--issuer=https://id.example.com",
        "--client-id=outboard",
        "--session-key-file=session-key",
    ];
    let command = ServerArgs::augment_args(Command::new("server").no_binary_name(true));
    // What is set around this process is not set around that one.
    let command = command.mut_args(|arg| arg.env(Resettable::<OsStr>::Reset));
    let said = needed.into_iter().chain(flags.iter().map(String::as_str));
    let told = match command.try_get_matches_from(said).and_then(|read| ServerArgs::from_arg_matches(&read)) {
        Ok(args) => return mixed(&args.log_archive).map(|reason| format!("--log-archive: {reason}")),
        Err(error) => error.to_string(),
    };
    let line = told.lines().next().unwrap_or_default();
    Some(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}

pub fn run(context: &Context, args: ServerArgs) -> Result<()> {
    serving(serve(context, args))
}

async fn serve(context: &Context, args: ServerArgs) -> Result<()> {
    let ended = interruption()?;
    let cluster = context.cluster_itself().await?;
    let session =
        args.session.try_into().map_err(|_| Failure::Start("the session is too long".to_owned()))?;
    let url = args.url.origin();
    let server = Server::begin(
        cluster,
        Settings {
            listen: args.listen,
            health: args.health,
            public: args.url,
            issuer: args.issuer,
            ca_file: args.ca_file,
            client_id: args.client_id,
            client_secret_file: args.client_secret_file,
            key_file: args.session_key_file,
            scopes: args.scopes,
            naming: Naming {
                name: args.name_claim,
                groups: args.groups_claim,
                kept: args.keep_groups,
                unverified: args.unverified_email,
            },
            only_groups: args.only_groups,
            required: args.require_claim,
            audiences: args.audience,
            terminal: args.cli_client_id,
            terminal_scopes: args.cli_scopes,
            issuers_file: args.issuers,
            session,
            proxies: args.proxies.into(),
            contact: args.contact,
            namespace: context.global.namespace.clone(),
            audit_days: args.audit_days,
            audit_bucket: args.audit_bucket,
            log_archives: args.log_archive,
            clusters: args.clusters,
        },
    )
    .await?;
    tracing::info!(url, "Serving {url}, listening on {}", args.listen);
    Ok(server.run(ended).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_a_name_and_what_it_has_to_be() {
        assert_eq!(claim("hd=example.com"), Ok(("hd".into(), "example.com".into())));
        assert_eq!(claim("a=b=c"), Ok(("a".into(), "b=c".into())));
        for wrong in ["", "hd", "hd=", "=example.com"] {
            assert!(claim(wrong).is_err(), "{wrong}");
        }
    }
}
