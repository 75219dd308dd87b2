//! The migration: waits a while for MariaDB, applies what is missing, says what it did.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts};
use tokio::time::{sleep, timeout};

use crate::Version;
use crate::database::reason;
use crate::migrations::{MIGRATIONS, Migration};
use crate::process::{self, BAD_CONFIGURATION};

const PATIENCE: Duration = Duration::from_mins(2);
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
const ONE_TRY: Duration = Duration::from_secs(5);

/// Exit code of a migration that fails because it was told to.
const FAILED_ON_DEMAND: u8 = 3;

/// What a shell reports for SIGTERM.
const STOPPED: u8 = 143;

/// MariaDB's number for a column that is there already: an earlier run was killed before it took note.
const DUPLICATE_COLUMN: u16 = 1060;

pub fn main(version: Version) -> ExitCode {
    process::run("migrate", async {
        tokio::select! {
            done = run(version) => done,
            // The first process of a container ends on SIGTERM only if it says so.
            () = process::stop() => Err((STOPPED, "stopped before it was done".to_owned())),
        }
    })
}

async fn run(version: Version) -> Result<(), (u8, String)> {
    let variables = process::variables();
    if let Some(reason) = variables.get("MIGRATE_FAIL") {
        println!("migrating to schema {}", version.schema());
        println!("checking rows of orders: 1204 of 1204");
        println!("checking rows of products: 3 of 5");
        return Err((FAILED_ON_DEMAND, format!("migration failed: {reason}")));
    }
    let options = variables.database().map_err(|line| (BAD_CONFIGURATION, line))?;
    let mut connection = connect(&options).await.map_err(|line| (1, line))?;
    let applied = migrate(&mut connection, version.schema()).await.map_err(|line| (1, line))?;
    let _ = connection.disconnect().await;
    match applied {
        0 => println!("nothing to do: the schema has everything up to {}", version.schema()),
        count => println!("done: {count} migrations applied, schema {}", version.schema()),
    }
    Ok(())
}

async fn connect(options: &Opts) -> Result<Conn, String> {
    let start = Instant::now();
    let mut said = String::new();
    loop {
        let why = match timeout(ONE_TRY, Conn::new(options.clone())).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => reason(&error),
            Err(_) => format!("no answer within {} s", ONE_TRY.as_secs()),
        };
        if start.elapsed() > PATIENCE {
            return Err(format!("MariaDB was not there within {} s: {why}", PATIENCE.as_secs()));
        }
        if why != said {
            println!("waiting for MariaDB: {why}");
            said = why;
        }
        sleep(BETWEEN_TRIES).await;
    }
}

async fn migrate(connection: &mut Conn, schema: u32) -> Result<u32, String> {
    let failed = |error: Error| format!("failed to prepare the schema: {}", reason(&error));
    // Two migrations at once would each find the same step missing.
    let locked: Option<Option<u8>> =
        connection.query_first("SELECT GET_LOCK('shop.migrate', 60)").await.map_err(failed)?;
    if locked.flatten() != Some(1) {
        return Err("another migration has been running for a minute".to_owned());
    }
    let table = "CREATE TABLE IF NOT EXISTS schema_migrations (
        id INT UNSIGNED PRIMARY KEY, name VARCHAR(200) NOT NULL,
        applied TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";
    connection.query_drop(table).await.map_err(failed)?;
    let done: Vec<u32> = connection.query("SELECT id FROM schema_migrations").await.map_err(failed)?;
    let mut applied = 0;
    for migration in
        MIGRATIONS.iter().filter(|migration| migration.id <= schema && !done.contains(&migration.id))
    {
        let Migration { id, name, .. } = migration;
        apply(connection, migration)
            .await
            .map_err(|error| format!("migration {id} ({name}) failed: {}", reason(&error)))?;
        println!("applied {id}: {name}");
        applied += 1;
    }
    Ok(applied)
}

async fn apply(connection: &mut Conn, migration: &Migration) -> Result<(), Error> {
    match connection.query_drop(migration.sql).await {
        Err(Error::Server(error)) if error.code == DUPLICATE_COLUMN => {}
        other => other?,
    }
    let note = "INSERT IGNORE INTO schema_migrations (id, name) VALUES (?, ?)";
    connection.exec_drop(note, (migration.id, migration.name)).await
}
