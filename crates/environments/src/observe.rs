//! How a reconcile went, for whoever counts.

use std::time::Duration;

/// Told of every finished reconcile.
pub trait Observer: Send + Sync + 'static {
    fn reconciled(&self, controller: &'static str, took: Duration, failed: bool);
}

/// Counts nothing.
pub struct Silent;

impl Observer for Silent {
    fn reconciled(&self, _controller: &'static str, _took: Duration, _failed: bool) {}
}
