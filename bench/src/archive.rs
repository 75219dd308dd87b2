//! Searching an archive: `outboard logs` beside `aws s3 cp … - | zcat | grep`, over the same gzipped lines on the same S3
//! server on this machine.
//!
//! `GZIP_MIB` and `OBJECT_MIB` make it smaller; the data is made once and kept.

mod data;
mod server;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::meter::children;
use crate::scene;
use crate::setting;
use crate::table::Table;
use crate::tools::{outboard_program, run as run_program};
use data::Data;
use server::Server;

const NAME: &str = "bench-archive";
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// Of each; the middle one counts.
const ROUNDS: usize = 3;

/// One search.
#[derive(Clone, Copy, Debug)]
struct Search {
    wall: Duration,
    first: Duration,
    cpu: f64,
    lines: usize,
}

pub fn run() -> anyhow::Result<()> {
    let data = Data::provide(setting("GZIP_MIB", 2048), setting("OBJECT_MIB", 128))?;
    let server = Server::start(data.folder())?;
    let project = json!({
        "components": {"web": {"image": "registry.example.com/web", "version": "1"}},
        "logs": {"archive": {"bucket": data::BUCKET, "endpoint": server.endpoint(), "buffer": "15m"}},
    });
    let rounds = setting("ROUNDS", ROUNDS);
    let ours = scene::with(NAME, &project, |_| middle(rounds, || outboard(&server)))?;
    let one = middle(rounds, || pipeline(&server, &data, 1))?;
    let two = middle(rounds, || pipeline(&server, &data, 2))?;
    for (system, search) in [("outboard", ours), ("one pipeline", one), ("two pipelines", two)] {
        ensure!(search.lines == data.hits, "{system} found {} lines of {}", search.lines, data.hits);
    }
    println!(
        "{} objects, {:.2} GiB of gzip, {:.2} GiB unpacked, {} lines, {} of them wanted; the middle of {rounds} rounds; data {:.0} s old.\n",
        data.keys.len(),
        data.packed as f64 / GIB,
        data.unpacked as f64 / GIB,
        data.lines,
        data.hits,
        data.age().as_secs_f64(),
    );
    print!(
        "{}",
        table(
            &data,
            &[
                ("`outboard logs`", ours),
                ("`aws s3 cp … - \\| zcat \\| grep`", one),
                ("the same, two at a time", two),
            ]
        )
    );
    println!("\nCPU is that of the programs; the server's, the same for all, is in nobody's line.");
    Ok(())
}

fn table(data: &Data, searches: &[(&str, Search)]) -> Table {
    let mut table = Table::new(&["by", "wall", "ratio", "gzip", "unpacked", "first hit", "CPU"]);
    let ours = searches.first().map_or(1.0, |(_, search)| search.wall.as_secs_f64());
    for (index, (name, search)) in searches.iter().enumerate() {
        let wall = search.wall.as_secs_f64();
        let speed = |bytes: u64| format!("{:.2} GiB/s", bytes as f64 / GIB / wall);
        table.row([
            (*name).to_owned(),
            format!("{wall:.2} s"),
            if index == 0 { "–".to_owned() } else { format!("{:.1}", wall / ours) },
            speed(data.packed),
            speed(data.unpacked),
            format!("{:.2} s", search.first.as_secs_f64()),
            format!("{:.1} s", search.cpu),
        ]);
    }
    table
}

fn middle(rounds: usize, search: impl Fn() -> anyhow::Result<Search>) -> anyhow::Result<Search> {
    let mut all = (0..rounds.max(1)).map(|_| search()).collect::<anyhow::Result<Vec<Search>>>()?;
    all.sort_by_key(|search| search.wall);
    Ok(all[all.len() / 2])
}

fn outboard(server: &Server) -> anyhow::Result<Search> {
    let mut command = Command::new(outboard_program());
    command.args([
        "-n",
        NAME,
        "logs",
        data::ENVIRONMENT,
        "--project",
        NAME,
        "-o",
        "raw",
        "--yes",
        "--newest-first",
    ]);
    command.args([
        "--since",
        data::SINCE,
        "--until",
        data::UNTIL,
        "--limit",
        "100000",
        "--query",
        data::NEEDLE,
    ]);
    measure(server.identify(&mut command))
}

/// What people type; newest objects first, as `outboard` reads them.
fn pipeline(server: &Server, data: &Data, at_once: usize) -> anyhow::Result<Search> {
    let (bucket, endpoint, needle) = (data::BUCKET, server.endpoint(), data::NEEDLE);
    let copy = format!("aws --endpoint-url {endpoint} s3 cp --quiet s3://{bucket}/{{}} -");
    let search = if at_once == 1 {
        format!("xargs -I{{}} {copy} | zcat | grep -F {needle}")
    } else {
        format!("xargs -P {at_once} -I{{}} sh -c '{copy} | zcat | grep -F --line-buffered {needle} || true'")
    };
    let list = data.folder().join("newest-first");
    let mut command = Command::new("sh");
    command.arg("-c").arg(search).stdin(std::fs::File::open(list)?).env("PATH", server.path()?);
    measure(server.identify(&mut command))
}

fn measure(command: &mut Command) -> anyhow::Result<Search> {
    let (cpu, begun) = (children()?, Instant::now());
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {program}"))?;
    let output = child.stdout.take().context("its output is piped")?;
    let (mut lines, mut first) = (0, None);
    for line in BufReader::new(output).split(b'\n') {
        ensure!(
            memchr::memmem::find(&line?, data::NEEDLE.as_bytes()).is_some(),
            "{program} found a line without `{}`",
            data::NEEDLE
        );
        lines += 1;
        first.get_or_insert_with(|| begun.elapsed());
    }
    let ended = child.wait_with_output()?;
    ensure!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
    let wall = begun.elapsed();
    let search = Search { wall, first: first.unwrap_or(wall), cpu: children()? - cpu, lines };
    println!("{program}: {:.2} s, first hit {:.2} s", wall.as_secs_f64(), search.first.as_secs_f64());
    Ok(search)
}

/// Versions, for what stands over the table.
pub fn versions() -> Vec<String> {
    let said = run_program("zcat", &["--version"], None).into_iter().chain(run_program(
        "grep",
        &["--version"],
        None,
    ));
    said.filter_map(|text| text.lines().next().map(str::to_owned)).collect()
}
