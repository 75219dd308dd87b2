//! How a program of the shop begins and ends: log lines on stdout, one line for an error, SIGTERM.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::Variables;

/// A mistake in the configuration: nothing was started.
pub const BAD_CONFIGURATION: u8 = 2;

pub fn variables() -> Variables<impl Fn(&str) -> Option<String>> {
    Variables(|name: &str| std::env::var(name).ok())
}

/// Runs the program and turns its end into an exit code; an error is (exit code, one line).
pub fn run(program: &str, work: impl Future<Output = Result<(), (u8, String)>>) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_ansi(false).with_target(false).with_env_filter(filter).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(program, 1, &error.to_string()),
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, line)) => end(program, code, &line),
    }
}

fn end(program: &str, code: u8, line: &str) -> ExitCode {
    eprintln!("{program}: {line}");
    ExitCode::from(code)
}

/// Resolves when the process is asked to stop.
pub async fn stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("asked to stop; finishing what is under way");
}
