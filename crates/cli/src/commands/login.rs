//! `outboard login` and `outboard logout`.

use std::path::Path;

use clap::Args;
use identity::{Provider, device};
use serde_json::json;
use words::harmless;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::signed::{self, SignIn, Store, Tokens, address};

/// Sign in to a server, for commands without a kubeconfig
///
/// Prints an address and a code; open it in any browser. From then on commands go through that server, unless a kubeconfig or
/// context is said, or KUBECONFIG is set. `install`, `server` and `ui` never do, unless --server is said.
#[derive(Args, Debug)]
pub struct LoginArgs {
    /// The server's address, such as https://outboard.example.com
    #[arg(value_name = "URL")]
    pub server: String,
}

/// Forget a sign-in
#[derive(Args, Debug)]
pub struct LogoutArgs {
    /// The server's address [default: the one that commands go to]
    #[arg(value_name = "URL")]
    pub server: Option<String>,
}

pub async fn login(context: &Context, args: LoginArgs) -> Result<()> {
    let server = address(&args.server);
    let failed = |error| Failure::SignIn { error, server: server.clone() };
    let offer = device::offered(&server).await.map_err(failed)?;
    let provider = Provider::new(&offer.issuer).map_err(|away| failed(away.into()))?;
    let code = device::begin(&provider, &offer.client_id, &offer.scopes).await.map_err(failed)?;
    let output = &context.output;
    if output.is_json() {
        output.item(&json!({"event": "code", "url": code.verification_uri, "code": code.user_code,
            "complete": code.verification_uri_complete, "expiresIn": code.expires_in,
            "issuer": offer.issuer, "clientId": offer.client_id}))?;
    } else {
        let page = code.verification_uri_complete.as_ref().unwrap_or(&code.verification_uri);
        // In words of others, in which a terminal must find no commands.
        let (issuer, client) = (harmless(&offer.issuer), harmless(&offer.client_id));
        output.note(&format!("{server} has you sign in at {issuer} as {client}"));
        output.note(&format!(
            "open {}\nand see that the code is {}",
            harmless(page),
            harmless(&code.user_code)
        ));
    }
    let tokens = device::wait(&provider, &offer.client_id, &code).await.map_err(failed)?;
    // What the server does not take is not kept.
    let who = signed::through(&server, Tokens::Said(tokens.token.clone()))?.known_as().await?;
    let store = Store::open().await?;
    let mut signed = store.read()?;
    let kept = SignIn {
        issuer: offer.issuer,
        client_id: offer.client_id,
        token: tokens.token,
        refresh: tokens.refresh,
    };
    signed.servers.insert(server.clone(), kept.clone());
    signed.current = Some(server.clone());
    store.write(&signed)?;
    let kubeconfig = signed::kubeconfig();
    let told = json!({"server": server, "user": who, "issuer": kept.issuer, "clientId": kept.client_id,
        "kubeconfig": kubeconfig});
    output.outcome(&told, |_| {
        let who = who.as_ref().map(|who| format!(" as {who}")).unwrap_or_default();
        format!(
            "signed in to {server}{who}; commands go there from now on, until `outboard logout`{}",
            aside(kubeconfig.as_deref())
        )
    })
}

/// Who has a kubeconfig where it is looked for may have meant that.
fn aside(kubeconfig: Option<&Path>) -> String {
    let Some(file) = kubeconfig else { return String::new() };
    format!(
        "\n{} is there, too, and is not used while you are signed in: say --kubeconfig or --context, or set KUBECONFIG, for its cluster",
        file.display()
    )
}

pub async fn logout(context: &Context, args: LogoutArgs) -> Result<()> {
    let store = Store::open().await?;
    let mut signed = store.read()?;
    let server = args.server.as_deref().map(address).or_else(|| signed.current.clone());
    let gone = server.as_ref().and_then(|server| signed.servers.remove(server));
    if signed.current == server {
        signed.current = None;
    }
    store.write(&signed)?;
    if let Some(SignIn { issuer, client_id, refresh: Some(refresh), .. }) = &gone {
        // What is kept here is gone whether the provider hears of it or not.
        if let Ok(provider) = Provider::new(issuer)
            && let Err(error) = device::leave(&provider, client_id, refresh).await
        {
            context.output.note(&format!("the provider was not told: {error}"));
        }
    }
    let told = match (&server, &gone) {
        (Some(server), Some(_)) => format!("signed out of {server}"),
        _ => "you were not signed in".to_owned(),
    };
    context.output.outcome(&json!({"server": server, "signedOut": gone.is_some()}), |_| told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_kubeconfig_is_told_that_it_is_not_used() {
        assert_eq!(aside(None), "");
        let told = aside(Some(Path::new("/home/ann/.kube/config")));
        assert!(told.contains("/home/ann/.kube/config") && told.contains("--context"), "{told}");
    }
}
