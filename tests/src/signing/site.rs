//! A server as browsers see it: people sign in at its provider, look at its pages and send its forms.

use anyhow::{Context, Result};
use hyper::Method;

use super::provider::{PASSWORD, Provider};
use super::way::Way;
use crate::ui::Page;

pub struct Site {
    pub(super) way: Way,
    pub provider: Provider,
}

impl Site {
    pub fn url(&self) -> String {
        self.way.url()
    }

    /// Signs somebody in as a browser does; the cookie of their session, or the page that says why not.
    pub async fn sign_in(&self, name: &str) -> Result<Result<String, Page>> {
        let html = ("accept", "text/html");
        let away = self.way.visit(Method::GET, "/sign-in?to=/who", &[html], "").await?;
        let kept = cookie(&away, "outboard-sign-in")?;
        let at = &self.provider.way;
        let page = at.visit(Method::GET, &place(&away)?, &[html], "").await?;
        let request = place(&page)?;
        let id = request.split("authRequestID=").nth(1).context("no page to sign in at")?.to_owned();
        let page = self
            .provider
            .form("/login/username", &format!("id={id}&username={name}&password={PASSWORD}"))
            .await?;
        let page = at.visit(Method::GET, &place(&page)?, &[html], "").await?;
        let back = self.way.visit(Method::GET, &place(&page)?, &[html, ("cookie", &kept)], "").await?;
        Ok(if back.status == 303 { Ok(cookie(&back, "outboard-session")?) } else { Err(back) })
    }

    /// A page, as somebody sees it.
    pub async fn see(&self, path: &str, cookie: &str) -> Result<Page> {
        self.way.visit(Method::GET, path, &[("accept", "text/html"), ("cookie", cookie)], "").await
    }

    /// Sends a form, as a page of its own does.
    pub async fn send(&self, path: &str, cookie: &str, body: &str) -> Result<Page> {
        self.send_with(path, cookie, &[], body).await
    }

    /// The same, with headers that no page of its own sends.
    pub async fn send_with(
        &self,
        path: &str,
        cookie: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Result<Page> {
        let origin = self.url();
        let headers = [
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", cookie),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
        ];
        self.way.visit(Method::POST, path, &[&headers[..], more].concat(), body).await
    }
}

/// Where a page leads to, without the server.
fn place(page: &Page) -> Result<String> {
    let to = page.header("location").with_context(|| format!("leads nowhere: {page:?}"))?;
    let rest =
        to.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, rest)| format!("/{rest}"));
    Ok(rest.unwrap_or_else(|| to.to_owned()))
}

/// By its name with or without what keeps other hosts from setting it.
fn cookie(page: &Page, name: &str) -> Result<String> {
    let all = page.headers.iter().filter(|(said, _)| said == "set-cookie").map(|(_, value)| value.as_str());
    let found = all
        .filter_map(|cookie| cookie.split(';').next())
        .find(|cookie| cookie.trim_start_matches("__Host-").starts_with(&format!("{name}=")));
    found.map(str::to_owned).with_context(|| format!("no cookie {name}: {page:?}"))
}

/// What a form of a page has to carry.
pub fn form_token(page: &Page) -> Result<String> {
    let after = page.body.split("name=\"token\" value=\"").nth(1);
    let token = after.and_then(|after| after.split('"').next());
    token.map(str::to_owned).with_context(|| format!("a form without its token: {page:?}"))
}
