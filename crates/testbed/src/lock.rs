//! One `testbed` at a time: `up` and `down` hold the lock, and the kernel drops it when they die.

use std::fs::File;

use anyhow::Context;

use crate::cache::Cache;

#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    pub fn take(cache: &Cache) -> anyhow::Result<Self> {
        let path = cache.root().join("testbed.lock");
        let file = File::create(&path).with_context(|| format!("failed to open {}", path.display()))?;
        if file.try_lock().is_err() {
            eprintln!("waiting for another testbed to finish …");
            file.lock().context("failed to lock the testbed")?;
        }
        Ok(Self { _file: file })
    }
}
