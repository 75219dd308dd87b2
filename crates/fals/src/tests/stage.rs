//! A log, whoever writes and rotates it, and a process that ships it and may be killed anywhere.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::gather::Gatherer;
use crate::metrics::Metrics;
use crate::parcel::Parcel;
use crate::plan::batch::Limits;
use crate::plan::cut::Format;
use crate::record::{Origin, Template};
use crate::shape::Shape;
use crate::tail::source::Wanted;

/// Small, so that parcels end in the middle of everything.
const LIMITS: Limits = Limits { records: 3, bytes: 4000, record: 1500 };

/// A line that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub text: String,
    pub resent: bool,
    pub timestamp: i64,
    pub part: Option<u64>,
    pub more: bool,
}

pub struct Stage {
    folder: TempDir,
    gatherer: Option<Gatherer>,
    pub arrived: Vec<Arrived>,
    pub metrics: Metrics,
    pub spool: u64,
    now: Instant,
    seconds: u64,
    rotations: usize,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        Self {
            folder,
            gatherer: None,
            arrived: vec![],
            metrics: Metrics::default(),
            spool: 1024 * 1024,
            now: Instant::now(),
            seconds: 0,
            rotations: 0,
        }
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join("logs/a.log")
    }

    /// Every change has a time of its own, as it has outside of tests.
    fn date(&mut self, path: &PathBuf) {
        self.seconds += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.seconds);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    pub fn append(&mut self, bytes: &[u8]) {
        let log = self.log();
        OpenOptions::new().create(true).append(true).open(&log).unwrap().write_all(bytes).unwrap();
        self.date(&log);
    }

    fn rotated(&mut self) -> PathBuf {
        self.rotations += 1;
        self.log().with_file_name(format!("a.log.{}", self.rotations))
    }

    pub fn rename(&mut self) -> PathBuf {
        let to = self.rotated();
        if self.log().exists() {
            fs::rename(self.log(), &to).unwrap();
        }
        let log = self.log();
        File::create(&log).unwrap();
        self.date(&log);
        to
    }

    pub fn rename_and_compress(&mut self) {
        let renamed = self.rename();
        if !renamed.exists() {
            return;
        }
        let packed = renamed.with_added_extension("gz");
        let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
        encoder.write_all(&fs::read(&renamed).unwrap()).unwrap();
        encoder.finish().unwrap();
        let time = fs::metadata(&renamed).unwrap().modified().unwrap();
        File::options().write(true).open(&packed).unwrap().set_modified(time).unwrap();
        fs::remove_file(renamed).unwrap();
    }

    pub fn copy_and_truncate(&mut self) {
        let to = self.rotated();
        if self.log().exists() {
            fs::copy(self.log(), &to).unwrap();
            self.date(&to);
            let log = self.log();
            File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
            self.date(&log);
        }
    }

    /// In three steps, with whatever happens after each of the first.
    pub fn copy_and_truncate_slowly(&mut self, mut meanwhile: impl FnMut(&mut Self)) {
        let (log, to) = (self.log(), self.rotated());
        let Ok(bytes) = fs::read(&log) else { return };
        for part in [0, bytes.len() / 2, bytes.len()] {
            fs::write(&to, &bytes[..part]).unwrap();
            self.date(&to);
            meanwhile(self);
        }
        File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
        self.date(&log);
    }

    pub fn rename_and_compress_slowly(&mut self, mut meanwhile: impl FnMut(&mut Self)) {
        let renamed = self.rename();
        let Ok(bytes) = fs::read(&renamed) else { return };
        let packed = renamed.with_added_extension("gz");
        let mut encoder = GzEncoder::new(vec![], Compression::fast());
        encoder.write_all(&bytes).unwrap();
        let whole = encoder.finish().unwrap();
        for part in [0, whole.len() / 2, whole.len()] {
            fs::write(&packed, &whole[..part]).unwrap();
            self.date(&packed);
            meanwhile(self);
        }
        let time = fs::metadata(&renamed).unwrap().modified().unwrap();
        File::options().write(true).open(&packed).unwrap().set_modified(time).unwrap();
        fs::remove_file(renamed).unwrap();
    }

    pub fn gatherer(&mut self) -> &mut Gatherer {
        let (path, spool, metrics) = (self.log(), self.spool, self.metrics.clone());
        let state = self.folder.path().join("state");
        self.gatherer.get_or_insert_with(|| {
            let mut gatherer = Gatherer::open(&state, spool, LIMITS, metrics).unwrap();
            let origin =
                Origin { project: "p".into(), env: "e".into(), component: "c".into(), ..Origin::default() };
            let shape = Shape::Object(Template::of(&origin));
            let key = "c:a".to_owned();
            gatherer.follow(vec![Wanted { key, path, format: Format::Lines, shape, origin: None }]);
            gatherer
        })
    }

    pub fn look(&mut self) {
        self.now += Duration::from_secs(20);
        let now = self.now;
        self.gatherer().look(now);
    }

    pub fn is_alive(&self) -> bool {
        self.gatherer.is_some()
    }

    /// Nothing of the process is left but what it has written down.
    pub fn kill(&mut self) {
        self.gatherer = None;
    }

    /// Up to where it is written down what goes; what is killed here, nobody has got.
    pub fn intend(&mut self) -> Option<Parcel> {
        self.look();
        let (now, at) = (self.now, i64::try_from(self.seconds).unwrap());
        let gatherer = self.gatherer();
        let mut parcel = Parcel::new(LIMITS);
        gatherer.fill(&mut parcel, now, at);
        if parcel.batch.is_empty() {
            return None;
        }
        gatherer.intend(&parcel).unwrap();
        Some(parcel)
    }

    /// Up to where it has arrived.
    pub fn send(&mut self) -> Option<Parcel> {
        let mut parcel = self.intend()?;
        for record in parcel.batch.take_records() {
            for object in serde_json::Deserializer::from_slice(&record).into_iter::<Value>() {
                let object = object.unwrap();
                self.arrived.push(Arrived {
                    text: object["Text"].as_str().unwrap().to_owned(),
                    resent: object["Resent"] == true,
                    timestamp: object["Timestamp"].as_i64().unwrap(),
                    part: object["Part"].as_u64(),
                    more: object["More"] == true,
                });
            }
        }
        Some(parcel)
    }

    /// One parcel from its files to the end. False: there is nothing to be sent.
    pub fn ship(&mut self) -> bool {
        let Some(parcel) = self.send() else { return false };
        self.gatherer().accepted(&parcel);
        self.gatherer().settle().unwrap();
        true
    }

    /// Everything that is there.
    pub fn ship_all(&mut self) {
        for _ in 0..3 {
            while self.ship() {}
            self.look();
        }
    }

    pub fn texts(&self) -> Vec<&str> {
        self.arrived.iter().map(|line| line.text.as_str()).collect()
    }
}
