//! RedisShake, where somebody has it: no registry of packages does, so `REDIS_SHAKE` says where its program lies.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use stories::redis_server::{RedisDoor, RedisServer};

/// How it reads the source.
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// Key by key, as we do.
    Scan,
    /// As a replica does.
    Sync,
}

pub fn program() -> Option<PathBuf> {
    std::env::var_os("REDIS_SHAKE").map(PathBuf::from)
}

pub async fn copy(reader: Reader, source: &RedisServer, target: &RedisServer) -> Result<()> {
    let program = program().context("REDIS_SHAKE says where RedisShake lies")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shake.toml");
    std::fs::write(&file, settings(reader, source, target))?;
    // Its journal is taken, so that the table stays one.
    let mut command = tokio::process::Command::new(&program);
    let ended = command.arg(&file).current_dir(folder.path()).output().await;
    let ended = ended.with_context(|| format!("{} cannot be run", program.display()))?;
    let told = String::from_utf8_lossy(&ended.stdout);
    ensure!(ended.status.success(), "RedisShake ended with {}: {told}", ended.status);
    Ok(())
}

fn settings(reader: Reader, from: &RedisDoor, to: &RedisDoor) -> String {
    let read = match reader {
        Reader::Scan => "[scan_reader]\nscan = true\nksn = false\ncount = 1000",
        Reader::Sync => "[sync_reader]\nsync_rdb = true\nsync_aof = false",
    };
    let at = |door: &RedisDoor| {
        format!("address = \"{}:{}\"\npassword = \"{}\"\n", door.host, door.port, door.password)
    };
    format!(
        "{read}\n{}\n[redis_writer]\n{}\n[advanced]\nrdb_restore_command_behavior = \"rewrite\"\n",
        at(from),
        at(to)
    )
}
