//! How somebody reaches a server: in clear on this machine, or over TLS by its name in the testbed's zone.

use anyhow::Result;
use hyper::Method;

use crate::ui::{Page, visit, visit_tls};

#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Host and port.
    Clear(String),
    Tls(String),
}

impl Way {
    pub fn url(&self) -> String {
        match self {
            Self::Clear(host) => format!("http://{host}"),
            Self::Tls(host) => format!("https://{host}"),
        }
    }

    pub async fn visit(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Page> {
        match self {
            Self::Clear(host) => visit(host, method, path, headers, body).await,
            Self::Tls(host) => visit_tls(host, method, path, headers, body).await,
        }
    }

    pub async fn get(&self, path: &str) -> Result<Page> {
        self.visit(Method::GET, path, &[], "").await
    }
}
