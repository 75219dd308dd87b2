//! On every node of a cluster: ships what the containers of environments write, which is all that a node keeps of it.
//! Alone has credentials for Firehose; asks Kubernetes for nothing but the names and labels of its node's pods.

mod folders;
mod pods;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kube::{Client, Config};

use self::pods::Pods;
use crate::Error;
use crate::engine::{self, Orders, Running, Stream, Supply, Target};
use crate::gather::Gatherer;
use crate::metrics::Metrics;

/// How often the node's folders are looked through. Between the first line of a pod and the end of its folder lie
/// seconds, whoever deletes it.
const OFTEN: Duration = Duration::from_millis(500);
/// How long a record may wait for others.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often what is known of files that are gone is given up.
const SWEEP: Duration = Duration::from_secs(60);
/// Longer than a watch is ever silent, shorter than load balancers forget.
const READ_TIMEOUT: Duration = Duration::from_secs(240);

/// How the command was called.
#[derive(Clone, Debug)]
pub struct Options {
    pub node: String,
    pub stream: Stream,
    /// Where the kubelet keeps pods' logs.
    pub pods: PathBuf,
    pub state: PathBuf,
    pub spool: u64,
    pub drain: Duration,
    pub metrics: SocketAddr,
}

pub async fn run(options: &Options) -> Result<(), Error> {
    // The client takes the process's own provider; a second one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics = Metrics::default();
    metrics.serve(options.metrics).await?;
    let pods = Pods::watch(connect().await?, &options.node);
    let node = Node { folder: options.pods.clone(), pods, looked: None, swept: None };
    let running = Running { state: &options.state, spool: options.spool, drain: options.drain };
    let target = Target::Firehose(options.stream.clone());
    tracing::info!("Shipping the logs of node {} to stream {}", options.node, options.stream.name);
    engine::run(&running, target, &metrics, node).await
}

async fn connect() -> Result<Client, Error> {
    let mut config = Config::infer().await.map_err(|error| Error::Kubernetes(error.to_string()))?;
    config.read_timeout = Some(READ_TIMEOUT);
    Client::try_from(config).map_err(|error| Error::Kubernetes(error.to_string()))
}

struct Node {
    folder: PathBuf,
    pods: Pods,
    looked: Option<Instant>,
    swept: Option<Instant>,
}

impl Supply for Node {
    fn orders(&mut self, gatherer: &mut Gatherer, _: bool) -> Option<Orders> {
        if self.looked.is_some_and(|looked| looked.elapsed() < OFTEN) {
            return None;
        }
        self.looked = Some(Instant::now());
        if self.swept.is_none_or(|swept| swept.elapsed() > SWEEP) {
            self.swept = Some(Instant::now());
            gatherer.sweep(|place| folders::is_gone(&place.source));
        }
        let mut wanted = folders::of_pods(&self.folder, &self.pods.known());
        self.pods.forget(|pod| !folders::of_pod(&self.folder, pod).exists());
        // What has begun is shipped to its end, whatever has become of its pod.
        for place in gatherer.open_places() {
            let begun = place.origin.as_ref().and_then(|origin| folders::begun(&place.source, origin));
            if let Some(begun) = begun {
                wanted.entry(begun.key.clone()).or_insert(begun);
            }
        }
        let wanted = wanted.into_values().collect();
        Some(Orders { wanted, target: None, interval: Some(INTERVAL) })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::path::Path;

    use serde_json::Value;
    use tempfile::TempDir;

    use super::pods::example;
    use super::*;
    use crate::parcel::Parcel;
    use crate::plan::batch::Limits;

    /// A node, its kubelet and what ships its logs.
    struct Stage {
        folder: TempDir,
        node: Node,
        gatherer: Gatherer,
    }

    impl Stage {
        fn set() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pods = folder.path().join("pods");
            let node = Node {
                folder: pods,
                pods: Pods::of(example("shop-qa", "web-1", "u1")),
                looked: None,
                swept: None,
            };
            let gatherer = open(folder.path());
            Self { folder, node, gatherer }
        }

        fn pod(&self) -> PathBuf {
            self.folder.path().join("pods/shop-qa_web-1_u1")
        }

        fn write(&self, container: &str, text: &str) {
            let path = self.pod().join(container).join("0.log");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut log = OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(log, "2026-11-25T10:00:00.000000001Z stdout F {text}").unwrap();
        }

        /// Nothing of the process is left but what it has written down.
        fn kill(self) -> Self {
            let Self { folder, node, gatherer } = self;
            drop(gatherer);
            let gatherer = open(folder.path());
            Self { node: Node { looked: None, swept: None, ..node }, gatherer, folder }
        }

        fn look(&mut self) {
            self.node.looked = None;
            let orders = self.node.orders(&mut self.gatherer, false).unwrap();
            self.gatherer.follow(orders.wanted);
            self.gatherer.look(Instant::now());
        }

        fn ship(&mut self) -> Vec<Value> {
            self.look();
            let mut parcel = Parcel::new(Limits::FIREHOSE);
            self.gatherer.fill(&mut parcel, Instant::now(), 1);
            self.gatherer.intend(&parcel).unwrap();
            let records = parcel.batch.take_records().concat();
            self.gatherer.accepted(&parcel);
            self.gatherer.settle().unwrap();
            serde_json::Deserializer::from_slice(&records).into_iter().map(Result::unwrap).collect()
        }
    }

    fn open(folder: &Path) -> Gatherer {
        Gatherer::open(&folder.join("state"), 1 << 20, Limits::FIREHOSE, Metrics::default()).unwrap()
    }

    fn texts(lines: &[Value]) -> Vec<&str> {
        lines.iter().filter_map(|line| line["Text"].as_str()).collect()
    }

    #[test]
    fn what_was_written_before_its_pod_and_its_folder_went_is_shipped_and_then_forgotten() {
        let mut stage = Stage::set();
        stage.write("web", "first");
        assert_eq!(texts(&stage.ship()), ["first"]);
        stage.write("web", "last");
        fs::remove_dir_all(stage.pod()).unwrap();
        stage.node.pods.end();
        assert_eq!(texts(&stage.ship()), ["last"]);
        assert!(stage.node.pods.known().is_empty());
        assert!(stage.ship().is_empty());
    }

    #[test]
    fn a_line_of_a_file_and_one_of_the_output_come_once_and_say_where_they_were_written() {
        let mut stage = Stage::set();
        stage.write("web", "aloud");
        stage.write("outboard-logs", "[/var/log/web/a.log] into a file");
        let mut lines = stage.ship();
        stage = stage.kill();
        lines.extend(stage.ship());
        insta::assert_json_snapshot!(lines);
    }

    #[test]
    fn a_pod_that_is_nobodys_any_more_is_shipped_on_by_a_new_process() {
        let mut stage = Stage::set();
        stage.write("web", "first");
        stage.ship();
        stage.write("web", "second");
        stage.node.pods = Pods::default();
        stage = stage.kill();
        assert_eq!(texts(&stage.ship()), ["second"]);
    }
}
