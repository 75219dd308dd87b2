//! The web front: reads its configuration, serves until asked to stop, finishes what is under way.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::Version;
use crate::access_log::AccessLog;
use crate::config::Fail;
use crate::database::Database;
use crate::http::{Shop, router};
use crate::page::Place;
use crate::process::{self, BAD_CONFIGURATION};
use crate::queue::Queue;
use crate::uploads::Uploads;

pub fn main(version: Version) -> ExitCode {
    process::run("web", run(version))
}

async fn run(version: Version) -> Result<(), (u8, String)> {
    let bad = |line: String| (BAD_CONFIGURATION, line);
    let variables = process::variables();
    let fail = variables.fail().map_err(bad)?;
    if fail == Some(Fail::Crash) {
        return Err(crash());
    }
    let port = variables.port().map_err(bad)?;
    let options = variables.database().map_err(bad)?;
    let queue = variables.redis().map_err(bad)?.map(Queue::new);
    let uploads = variables.s3().map_err(bad)?.map(Uploads::new).transpose().map_err(bad)?;
    let log = variables.get("ACCESS_LOG").map_or_else(|| "/var/log/web/access.log".into(), PathBuf::from);
    let database = Database::new(options, version);
    let place = Place { environment: variables.get("ENVIRONMENT"), url: variables.get("PUBLIC_URL") };

    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .map_err(|error| (1, format!("failed to listen on port {port}: {error}")))?;
    // One for the life of the process: handlers borrow it.
    let shop: &'static Shop = Box::leak(Box::new(Shop {
        version,
        place,
        database: database.clone(),
        queue,
        uploads,
        unready: fail == Some(Fail::Unready),
        log: AccessLog::open(log),
    }));
    tokio::spawn(reopen_on_hangup(&shop.log));
    tracing::info!("shop web version {} listens on port {port}", version.name());
    axum::serve(listener, router(shop))
        .with_graceful_shutdown(process::stop())
        .await
        .map_err(|error| (1, format!("failed to serve: {error}")))?;
    database.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn reopen_on_hangup(log: &AccessLog) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        log.reopen();
    }
}

/// Something to find in the logs of a container that is gone.
fn crash() -> (u8, String) {
    for line in 1..=25 {
        println!("loading catalogue part {line} of 25");
    }
    (42, "catalogue is corrupt: part 26 is missing".to_owned())
}
