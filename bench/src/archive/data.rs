//! A day's lines as Firehose would have delivered them. Made from a fixed seed, and kept: making them takes longer than
//! searching them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::tools::side_by_side;

pub const BUCKET: &str = "archive";
pub const ENVIRONMENT: &str = "qa-42";
pub const NEEDLE: &str = "insufficient-funds-0451";
pub const SINCE: &str = "2026-11-23T00:00:00Z";
pub const UNTIL: &str = "2026-11-24T00:00:00Z";
/// Another generator makes other data.
const EDITION: u32 = 2;
/// One line of so many is wanted.
const RARE: u64 = 500_000;
const MIB: u64 = 1 << 20;
/// Parts of the day, for an object that tells how much they shrink.
const SAMPLE: u64 = 1000;

#[derive(Deserialize, Serialize)]
pub struct Data {
    folder: PathBuf,
    /// Newest first.
    pub keys: Vec<String>,
    pub packed: u64,
    pub unpacked: u64,
    pub lines: u64,
    pub hits: usize,
    made: Timestamp,
}

impl Data {
    /// So many MiB of gzip, in objects of so many MiB unpacked.
    pub fn provide(gzip_mib: usize, object_mib: usize) -> anyhow::Result<Self> {
        let cache =
            std::env::var_os("OUTBOARD_CACHE").map(PathBuf::from).context("OUTBOARD_CACHE is not set")?;
        let folder = cache.join("bench").join(format!("archive-{EDITION}-{gzip_mib}-{object_mib}"));
        let about = folder.join("about.json");
        if let Ok(text) = fs::read(&about) {
            return Ok(serde_json::from_slice(&text)?);
        }
        println!("making {gzip_mib} MiB of gzip in {}", folder.display());
        let _ = fs::remove_dir_all(&folder);
        // Shrinks as much as one of many will, or a little more.
        let first = Object::make(&folder, 0, SAMPLE, object_mib)?;
        let count = (gzip_mib as u64 * MIB).div_ceil(first.packed.max(1)).max(1);
        let all = Mutex::new(vec![]);
        fs::remove_dir_all(&folder)?;
        side_by_side(usize::try_from(count)?, threads(), |number| {
            let object = Object::make(&folder, number as u64, count, object_mib)?;
            if let Ok(mut all) = all.lock() {
                all.push(object);
            }
            Ok(())
        })?;
        let mut all = all.into_inner().unwrap_or_default();
        all.sort_by(|one, other| other.key.cmp(&one.key));
        let sum = |of: fn(&Object) -> u64| all.iter().map(of).sum::<u64>();
        let data = Self {
            packed: sum(|object| object.packed),
            unpacked: sum(|object| object.unpacked),
            lines: sum(|object| object.lines),
            hits: usize::try_from(sum(|object| object.hits))?,
            keys: all.iter().map(|object| object.key.clone()).collect(),
            made: Timestamp::now(),
            folder: folder.clone(),
        };
        fs::write(folder.join("newest-first"), data.keys.join("\n") + "\n")?;
        fs::write(about, serde_json::to_vec(&data)?)?;
        Ok(data)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn age(&self) -> Duration {
        Duration::try_from(Timestamp::now().duration_since(self.made)).unwrap_or_default()
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

struct Object {
    key: String,
    packed: u64,
    unpacked: u64,
    lines: u64,
    hits: u64,
}

impl Object {
    /// The object of one of `count` equal parts of the day.
    fn make(folder: &Path, number: u64, count: u64, mib: usize) -> anyhow::Result<Self> {
        let day: Timestamp = SINCE.parse()?;
        let (begin, length) = (86_400_000 * number / count, 86_400_000 / count);
        let begun = Timestamp::from_millisecond(day.as_millisecond() + i64::try_from(begin)?)?;
        let key = format!("{}.gz", begun.strftime("%Y/%m/%d/%H/shop-1-%Y-%m-%d-%H-%M-%S-0a1b2c3d"));
        let path = folder.join("buckets").join(BUCKET).join(&key);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        let mut encoder = GzEncoder::new(File::create(&path)?, Compression::default());
        let mut random = StdRng::seed_from_u64(number);
        let (mut line, mut object) = (String::new(), Self { key, packed: 0, unpacked: 0, lines: 0, hits: 0 });
        let whole = mib as u64 * MIB;
        while object.unpacked < whole {
            // Evenly over the part's time.
            let at = begun.as_millisecond() + i64::try_from(length * object.unpacked / whole)?;
            let hit = random.random_range(0..RARE) == 0 || object.lines == 1000;
            line.clear();
            write_line(&mut line, &mut random, Timestamp::from_millisecond(at)?, hit)?;
            encoder.write_all(line.as_bytes())?;
            object.unpacked += line.len() as u64;
            object.lines += 1;
            object.hits += u64::from(hit);
        }
        object.packed = encoder.finish()?.metadata()?.len();
        Ok(object)
    }
}

const PATHS: [&str; 8] = [
    "/",
    "/products",
    "/products/search",
    "/cart",
    "/checkout",
    "/account/orders",
    "/healthz",
    "/api/v2/prices",
];
const WORDS: [&str; 12] = [
    "customer",
    "basket",
    "payment",
    "gateway",
    "cache",
    "refreshed",
    "retrying",
    "order",
    "warehouse",
    "session",
    "expired",
    "connected",
];

/// A line of a web shop: half access log in JSON, half plain text, of two environments.
fn write_line(line: &mut String, random: &mut StdRng, at: Timestamp, hit: bool) -> anyhow::Result<()> {
    let environment = if hit || random.random_bool(0.7) { ENVIRONMENT } else { "qa-7" };
    let (component, pod) = if random.random_bool(0.6) {
        ("web", "web-7d4f9c6b5d-x2k9p")
    } else {
        ("worker", "worker-5f6d8c9b7-q8r2z")
    };
    write!(line, r#"{{"Project":"bench-archive","Env":"{environment}","Component":"{component}","Text":""#)?;
    let trace: u128 = random.random();
    if hit {
        write!(line, r#"level=error msg=\"payment refused\" reason={NEEDLE} trace={trace:032x}"#)?;
    } else if random.random_bool(0.5) {
        let path = PATHS[random.random_range(0..PATHS.len())];
        let (status, ms) =
            (if random.random_bool(0.97) { 200 } else { 503 }, random.random_range(0.2..900.0));
        let (user, bytes) = (random.random_range(1..500_000), random.random_range(200..90_000));
        write!(
            line,
            r#"{{\"level\":\"info\",\"method\":\"GET\",\"path\":\"{path}\",\"status\":{status},\"ms\":{ms:.2},\"bytes\":{bytes},\"user\":{{\"id\":{user}}},\"trace\":\"{trace:032x}\"}}"#
        )?;
    } else {
        write!(line, "{} INFO ", at.strftime("%Y-%m-%d %H:%M:%S"))?;
        for _ in 0..random.random_range(4..12) {
            write!(line, "{} ", WORDS[random.random_range(0..WORDS.len())])?;
        }
        write!(line, "id={:016x}", trace as u64)?;
    }
    let nanoseconds: u32 = random.random_range(0..1_000_000);
    writeln!(
        line,
        r#"","Timestamp":{},"Time":"{}{nanoseconds:06}Z","Pod":"{pod}","Container":"{component}","Stream":"stdout"}}"#,
        at.as_second(),
        at.strftime("%Y-%m-%dT%H:%M:%S.%3f"),
    )?;
    Ok(())
}
