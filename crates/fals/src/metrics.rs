//! What Prometheus is told, and Kubernetes, on the address that it is asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::Error;
use crate::error::AwsTrouble;

/// Counted where it happens.
#[derive(Clone, Default)]
pub struct Metrics {
    pub lines: Counter,
    pub resent: Counter,
    pub bytes: Counter,
    pub records: Counter,
    pub calls: Counter,
    pub failed_calls: Counter,
    pub refused_records: Counter,
    pub lost_bytes: Counter,
    pub reloads: Counter,
    pub behind: Gauge,
    pub files: Gauge,
    pub spool: Gauge,
    pub failing: Gauge,
    /// Why Firehose takes nothing, if waiting does not mend that.
    hopeless: Arc<Mutex<Option<String>>>,
}

impl Metrics {
    pub fn accepted(&self) {
        self.failing.set(0);
        *self.hopeless.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn failed(&self, trouble: &AwsTrouble) {
        self.failing.set(1);
        let told = trouble.is_hopeless().then(|| format!("{trouble}; {}", trouble.hint()));
        *self.hopeless.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("fals");
        let counters = [
            ("lines", "Lines that Firehose has accepted", &self.lines),
            ("resent_lines", "Lines that were marked since they may have arrived before", &self.resent),
            ("sent_bytes", "Bytes of records that Firehose has accepted", &self.bytes),
            ("records", "Records that Firehose has accepted", &self.records),
            ("calls", "Calls of PutRecordBatch", &self.calls),
            ("failed_calls", "Calls that were not answered, or with an error", &self.failed_calls),
            ("refused_records", "Records that a call had to be repeated for", &self.refused_records),
            ("lost_bytes", "Bytes that were gone before they could be read", &self.lost_bytes),
            ("reloads", "Times that the configuration was read anew", &self.reloads),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let gauges = [
            ("behind_bytes", "Bytes of followed files that have not been read yet", &self.behind),
            ("files", "Files that are open", &self.files),
            ("spool_bytes", "Bytes of copies of files that are gone", &self.spool),
            ("failing", "1 while Firehose does not take records", &self.failing),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        registry
    }

    /// Binds at once, so that a taken address is told before anything else is done.
    pub async fn serve(&self, address: SocketAddr) -> Result<(), Error> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        let hopeless = self.hopeless.clone();
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(async move || ready(&hopeless)))
            .route("/metrics", get(metrics))
            .with_state(Arc::new(self.registry()));
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("Metrics are no longer served: {error}");
            }
        });
        Ok(())
    }
}

fn ready(hopeless: &Mutex<Option<String>>) -> Response {
    match &*hopeless.lock().unwrap_or_else(PoisonError::into_inner) {
        None => "ok\n".into_response(),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")).into_response(),
    }
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
