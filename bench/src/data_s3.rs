//! Copies of S3: `outboard data-copy` beside rclone and s5cmd, between buckets of two versitygw on this machine, and of one.
//! Needs no cluster.

mod rival;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::Client;
use futures::{StreamExt, TryStreamExt};
use stories::shelf;
use stories::versity::Versity;

use self::rival::{RIVALS, Rival, Run};
use crate::data::cost::Meter;
use crate::setting;
use crate::table::Table;

const SOURCE: &str = "source";
const AT_ONCE: usize = 32;

/// Files lie in memory, if there is enough of it: what is measured is not the disk.
const MEMORY: &str = "/dev/shm";

/// Objects of one size.
#[derive(Clone, Copy)]
struct Set {
    name: &'static str,
    count: usize,
    bytes: usize,
}

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    Endpoints,
    Buckets,
}

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(measure()))
}

async fn measure() -> Result<()> {
    testbed::tools(&testbed::Cache::open()?, &["rclone".to_owned(), "s5cmd".to_owned()])?;
    let sets = [
        Set { name: "4 KB", count: setting("SMALL", 100_000), bytes: 4096 },
        Set { name: "1 MB", count: setting("LARGE", 1_000), bytes: 1 << 20 },
    ];
    let parent = Path::new(MEMORY);
    let parent = if parent.is_dir() { parent.to_owned() } else { std::env::temp_dir() };
    for set in sets {
        let source = Versity::start_in(&parent, &[SOURCE]).await?;
        fill(&source, set).await?;
        for between in [Between::Endpoints, Between::Buckets] {
            println!("{} objects of {}, {}", set.count, set.name, between.says());
            let mut table = Table::new(&[
                "",
                "wall s",
                "objects/s",
                "first object after s",
                "requests",
                "servers' CPU s",
                "tool CPU s",
                "tool's peak memory MB",
                "same content",
                "same headers and tags",
                "again, nothing to do: s",
                "requests",
            ]);
            for rival in RIVALS.into_iter().filter(|rival| rival.can(between)) {
                table.row(once(rival, between, &source, &parent, set).await?);
            }
            println!("\n{table}");
        }
    }
    Ok(())
}

impl Between {
    fn says(self) -> &'static str {
        match self {
            Self::Endpoints => "between two endpoints",
            Self::Buckets => "between two buckets of one endpoint",
        }
    }
}

/// Into a bucket that nobody has copied to.
async fn once(
    rival: Rival,
    between: Between,
    source: &Versity,
    parent: &Path,
    set: Set,
) -> Result<Vec<String>> {
    let bucket = rival.bucket(between);
    let other = match between {
        Between::Endpoints => Some(Versity::start_in(parent, &[&bucket]).await?),
        Between::Buckets => {
            source.client().await?.create_bucket().bucket(&bucket).send().await?;
            None
        }
    };
    let target = other.as_ref().unwrap_or(source);
    let folder = target.folder(&bucket);
    let requests =
        || -> Result<usize> { Ok(source.requests()? + other.as_ref().map_or(Ok(0), Versity::requests)?) };
    let pid = |server: &Versity| server.pid().context("a server does not run");
    let before = requests()?;
    let meter = Meter::of([pid(source)?, pid(target)?])?;
    let first = First::watch(&folder);
    let Run { memory } = rival.run((source, SOURCE), (target, &bucket))?;
    let cost = meter.end()?;
    let first = first.seconds()?;
    let asked = requests()? - before;
    let (content, attributes) = shelf::differing(&source.folder(SOURCE), &folder)?;
    let (before, begun) = (requests()?, Instant::now());
    rival.run((source, SOURCE), (target, &bucket))?;
    let (again, asked_again) = (begun.elapsed().as_secs_f64(), requests()? - before);
    println!("{:<40} {:>6.1} s", rival.name(), cost.wall);
    let yes = |differing: usize| {
        if differing == 0 { "yes".to_owned() } else { format!("**no**, {differing} differ") }
    };
    // One server is both ends.
    let servers = if other.is_some() { cost.source + cost.target } else { cost.source };
    let row = vec![
        rival.name().to_owned(),
        format!("{:.1}", cost.wall),
        format!("{:.0}", set.count as f64 / cost.wall),
        format!("{first:.2}"),
        asked.to_string(),
        format!("{servers:.1}"),
        format!("{:.1}", cost.tool),
        format!("{:.0}", memory as f64 / 1e6),
        yes(content),
        yes(attributes),
        format!("{again:.1}"),
        asked_again.to_string(),
    ];
    if other.is_none() {
        empty(&folder)?;
    }
    Ok(row)
}

/// Its memory is for the next one.
fn empty(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
    }
    Ok(())
}

/// Looks for the first object in a folder.
struct First(std::thread::JoinHandle<Option<f64>>);

impl First {
    fn watch(folder: &Path) -> Self {
        let (folder, begun) = (folder.to_owned(), Instant::now());
        Self(std::thread::spawn(move || {
            const LONGEST: Duration = Duration::from_secs(600);
            while begun.elapsed() < LONGEST {
                let there = shelf::any(&folder).unwrap_or(false);
                if there {
                    return Some(begun.elapsed().as_secs_f64());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            None
        }))
    }

    fn seconds(self) -> Result<f64> {
        let seen = self.0.join().map_err(|_| anyhow::anyhow!("nobody looked"))?;
        seen.context("there was no first object")
    }
}

/// As an application would have put them there: in folders by a digest, some with metadata and tags.
async fn fill(server: &Versity, set: Set) -> Result<()> {
    let client = server.client().await?;
    let puts = (0..set.count).map(|at| put(&client, at, set.bytes));
    let () = futures::stream::iter(puts).buffer_unordered(AT_ONCE).try_collect().await?;
    let there = shelf::count(&server.folder(SOURCE))?;
    ensure!(there == set.count, "{there} of {} objects are there", set.count);
    Ok(())
}

async fn put(client: &Client, at: usize, bytes: usize) -> Result<()> {
    let digest = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let content: Vec<u8> = (0..bytes).map(|byte| (byte.wrapping_mul(31) ^ at) as u8).collect();
    let key = format!("objects/{:02x}/{digest:016x}", digest >> 56);
    let mut asked = client.put_object().bucket(SOURCE).key(key).body(content.into());
    if at.is_multiple_of(10) {
        asked = asked.content_type("text/plain").metadata("owner", "bench").tagging("team=bench");
    }
    Box::pin(asked.send()).await?;
    Ok(())
}
