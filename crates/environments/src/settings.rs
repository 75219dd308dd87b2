//! What the operator is told about the cluster it runs in.

/// Settings of one installation, the same for every environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this installation; it marks everything that is made.
    pub install: String,
    /// Domain under which every environment's hosts lie.
    pub domain: String,
    /// `http` or `https`, as people type it.
    pub url_scheme: String,
    /// Port as people type it, where it is not the scheme's own.
    pub url_port: Option<u16>,
    /// The Gateway that routes attach to.
    pub gateway_namespace: String,
    pub gateway_name: String,
    /// How many environments are reconciled at once.
    pub concurrency: u16,
}
