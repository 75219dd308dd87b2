//! How a reconcile went, for whoever counts.

use std::time::Duration;

use api::Environment;
use kube::runtime::reflector::Store;

/// Told of every finished reconcile.
pub trait Observer: Send + Sync + 'static {
    fn reconciled(&self, controller: &'static str, took: Duration, failed: bool);

    /// Where all environments are found, as they are at any time. Said once.
    fn environments(&self, environments: Store<Environment>);

    /// Something was announced, or could not be.
    fn announced(&self, taken: bool);
}

/// Counts nothing.
pub struct Silent;

impl Observer for Silent {
    fn reconciled(&self, _controller: &'static str, _took: Duration, _failed: bool) {}

    fn environments(&self, _environments: Store<Environment>) {}

    fn announced(&self, _taken: bool) {}
}
