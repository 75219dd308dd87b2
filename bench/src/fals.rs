//! How fast fals ships a large file, and what that costs, against a Firehose on this machine that only counts. Needs no
//! cluster.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::meter::children;
use crate::setting;
use crate::table::Table;

/// Smaller: MIB=100.
const MIB: usize = 1024;
const RUNS: usize = 3;
const LOOK: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(600);

pub fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (size, lines) = generate(&folder.path().join("access.log"), setting("MIB", MIB) << 20)?;
    let sink = Sink::begin()?;
    let mut table = Table::new(&[
        "run",
        "MB/s of the file",
        "CPU s per GB",
        "most memory",
        "calls",
        "sent bytes per byte of the file",
    ]);
    for run in 1..=RUNS {
        let (calls, bytes) = (sink.calls.load(Ordering::Relaxed), sink.bytes.load(Ordering::Relaxed));
        let before = children()?;
        let begun = Instant::now();
        let mut shipper = start(folder.path(), sink.port, run)?;
        let metrics = folder.path().join(format!("metrics-{run}"));
        let shipped = wait(&mut shipper, &metrics, lines, begun);
        let took = begun.elapsed().as_secs_f64();
        let memory = memory(&shipper);
        shipper.kill()?;
        shipper.wait()?;
        shipped?;
        let cpu = children()? - before;
        let gigabytes = size as f64 / 1e9;
        table.row([
            run.to_string(),
            format!("{:.0}", size as f64 / 1e6 / took),
            format!("{:.1}", cpu / gigabytes),
            format!("{} MiB", memory? / 1024),
            (sink.calls.load(Ordering::Relaxed) - calls).to_string(),
            format!("{:.2}", (sink.bytes.load(Ordering::Relaxed) - bytes) as f64 / size as f64),
        ]);
    }
    println!("{lines} lines of an access log, {} MiB, warm in the page cache", size >> 20);
    print!("{table}");
    Ok(())
}

fn generate(path: &Path, size: usize) -> anyhow::Result<(usize, u64)> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut written, mut lines) = (0, 0_u64);
    while written < size {
        let line = format!(
            "10.{}.{}.{} - - [25/Nov/2026:12:{:02}:{:02} +0000] \"GET /articles/{lines}?page={} HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\" {:.3}\n",
            lines % 250,
            lines % 199,
            lines % 97,
            lines / 60 % 60,
            lines % 60,
            lines % 13,
            lines * 7919 % 50_000,
            (lines % 1000) as f64 / 1000.0,
        );
        file.write_all(line.as_bytes())?;
        written += line.len();
        lines += 1;
    }
    file.flush()?;
    Ok((written, lines))
}

fn start(folder: &Path, sink: u16, run: usize) -> anyhow::Result<Child> {
    let config = json!({
        "aws_region": "eu-west-1",
        "aws_access_key": "bench",
        "aws_secret_key": "bench",
        "firehose_stream_name": "bench",
        "project": "shop",
        "env": "bench",
        "shipping_interval": 1,
        "components": [{"name": "web", "file": folder.join("access.log")}],
    });
    fs::write(folder.join("config.json"), config.to_string())?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    fs::write(folder.join(format!("metrics-{run}")), port.to_string())?;
    Command::new(std::env::var_os("OUTBOARD").context("OUTBOARD names no binary")?)
        .args(["fals", "--config", "config.json", "--state", &format!("state-{run}")])
        .arg(format!("--metrics=127.0.0.1:{port}"))
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{sink}"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join(format!("fals-{run}.log")))?)
        .spawn()
        .context("failed to start fals")
}

fn wait(shipper: &mut Child, metrics: &Path, lines: u64, begun: Instant) -> anyhow::Result<()> {
    let port: u16 = fs::read_to_string(metrics)?.parse()?;
    while begun.elapsed() < LONGEST {
        ensure!(shipper.try_wait()?.is_none(), "fals ended by itself");
        let shipped = scrape(port).unwrap_or_default();
        if shipped == lines {
            return Ok(());
        }
        ensure!(shipped < lines, "{shipped} lines of {lines}");
        thread::sleep(LOOK);
    }
    bail!("not shipped within {} s", LONGEST.as_secs())
}

fn scrape(port: u16) -> anyhow::Result<u64> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: fals\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let line = answer.lines().find_map(|line| line.strip_prefix("fals_lines_total "));
    Ok(line.context("no such metric")?.trim().parse()?)
}

fn memory(child: &Child) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Takes everything, and counts calls and the bytes of records.
struct Sink {
    port: u16,
    calls: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Sink {
    fn begin() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (calls, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let sink = Self { port, calls: calls.clone(), bytes: bytes.clone() };
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (calls, bytes) = (calls.clone(), bytes.clone());
                // It ends with its connection.
                thread::spawn(move || serve(connection, &calls, &bytes));
            }
        });
        Ok(sink)
    }
}

fn serve(mut connection: TcpStream, calls: &AtomicU64, bytes: &AtomicU64) -> anyhow::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if connection.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("no content-length")?.trim().parse()?;
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        let records = memchr::memmem::find_iter(&body, b"\"Data\":").count();
        calls.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add((length * 3 / 4) as u64, Ordering::Relaxed);
        let answers: Vec<_> = (0..records).map(|number| json!({"RecordId": number.to_string()})).collect();
        let answer =
            json!({"FailedPutCount": 0, "Encrypted": false, "RequestResponses": answers}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        connection.write_all(head.as_bytes())?;
        connection.write_all(answer.as_bytes())?;
    }
}
