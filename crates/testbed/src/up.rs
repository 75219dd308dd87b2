//! `testbed up`: from whatever state the machine is in to a cluster that answers on 127.0.0.1:8080. Every step may have
//! been done before, half or whole.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

use crate::cache::Cache;
use crate::images::{self, Images};
use crate::kube::{self, Kubectl};
use crate::lock::Lock;
use crate::node::{HOST_IP, Node};
use crate::step::{Did, mark, step};
use crate::{
    addons, apiserver, cgroup, components, containerd, controllers, dns, down, envoy, etcd, forward, gateway,
    go, hosts, kubelet, network, packages, pki, pod_logs, policy, registry,
};

const LIMIT: Duration = Duration::from_secs(60);

pub fn up(cache: &Cache) -> anyhow::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "the testbed makes bridges, mounts and control groups: run it as root, or use --kubeconfig FILE"
        );
    }
    let start = Instant::now();
    let _lock = Lock::take(cache)?;
    let images = Images::of_this_version()?;
    let complete = cache.state().join("complete");
    let version = format!("{images:?} {} {} {}", go::KUBE.key()?, addons::mark(), gateway::mark());
    if fs::read_to_string(&complete).is_ok_and(|made| made == version) && components::all_ready(cache)? {
        println!("{} testbed is up                {:.1} s", mark("✓", "32"), start.elapsed().as_secs_f64());
        return Ok(());
    }

    step("packages", || packages::install(cache))?;
    binaries(cache)?;
    step("images", || images::build(cache))?;
    if !components::any_running(cache) {
        // What an earlier cluster left would be in the way of this one.
        step("clean start", || down::sweep(cache))?;
        let _ = fs::remove_dir_all(cache.logs());
    }
    let cluster = Cluster { cache, node: Node::first(cache), images, kubectl: Kubectl::new(cache)? };
    cluster.start()?;
    fs::write(complete, version)?;
    println!("{} testbed is up                {:.1} s", mark("✓", "32"), start.elapsed().as_secs_f64());
    println!("  export KUBECONFIG={}", cache.admin().display());
    Ok(())
}

fn binaries(cache: &Cache) -> anyhow::Result<()> {
    let built = |tool: &go::Tool| tool.path(cache).is_ok_and(|path| path.exists());
    if go::TOOLS.iter().all(built) && envoy::path(cache).exists() {
        step("binaries", || Ok(Did::Nothing))?;
        return kube::link(cache);
    }
    println!("  building Kubernetes and its companions; from nothing that takes about ten minutes");
    thread::scope(|scope| {
        // Waits for the network while Go keeps the processors busy.
        let envoy = scope.spawn(|| step("envoy", || envoy::fetch(cache)));
        for tool in go::TOOLS {
            step(tool.name, || tool.build(cache))?;
        }
        join(envoy)
    })?;
    kube::link(cache)
}

struct Cluster<'a> {
    cache: &'a Cache,
    node: Node,
    images: Images,
    kubectl: Kubectl,
}

impl Cluster<'_> {
    fn start(&self) -> anyhow::Result<()> {
        fs::create_dir_all(self.cache.config())?;
        step("network", || self.network())?;
        thread::scope(|scope| {
            let registry = scope.spawn(|| step("registry", || self.registry()));
            let dns = scope.spawn(|| step("dns", || self.dns()));
            let runtime = scope.spawn(|| step("containerd", || self.runtime()));
            step("control plane", || self.control_plane())?;
            join(registry)?;
            join(dns)?;
            join(runtime)
        })?;
        thread::scope(|scope| {
            let node = scope.spawn(|| step("node", || self.node()));
            let gateway = scope.spawn(|| step("gateway definitions", || self.gateway()));
            step("dns, volumes, metrics", || {
                addons::apply(self.cache, &self.kubectl, &self.images).map(|()| Did::Work)
            })?;
            join(node)?;
            join(gateway)
        })?;
        step("dns and volumes ready", || addons::wait(&self.kubectl).map(|()| Did::Work))?;
        step("gateway ready", || self.way_in())?;
        step("metrics ready", || addons::wait_for_metrics(&self.kubectl).map(|()| Did::Work))
    }

    fn network(&self) -> anyhow::Result<Did> {
        network::create(self.cache)?;
        hosts::add(HOST_IP, registry::HOST)?;
        pod_logs::publish(&self.node)?;
        cgroup::create(&self.node.cgroup)?;
        Ok(Did::Work)
    }

    fn registry(&self) -> anyhow::Result<Did> {
        registry::configure(self.cache)?;
        let daemon = registry::daemon(self.cache)?;
        daemon.ensure()?;
        daemon.wait(LIMIT, registry::ready)?;
        images::push(self.cache)?;
        Ok(Did::Work)
    }

    fn dns(&self) -> anyhow::Result<Did> {
        let daemon = dns::daemon(self.cache)?;
        daemon.ensure()?;
        daemon.wait(LIMIT, dns::ready)?;
        Ok(Did::Work)
    }

    fn runtime(&self) -> anyhow::Result<Did> {
        containerd::configure(&self.node, &self.images)?;
        let daemon = containerd::daemon(self.cache, &self.node);
        let started = daemon.ensure()?;
        daemon.wait(LIMIT, || containerd::ready(&self.node))?;
        if started
            && kubelet::daemon(self.cache, &self.node)?.pid().is_none()
            && cgroup::processes().is_empty()
        {
            containerd::forget_containers(self.cache, &self.node)?;
        }
        Ok(Did::Work)
    }

    fn control_plane(&self) -> anyhow::Result<Did> {
        let etcd = etcd::daemon(self.cache)?;
        etcd.ensure()?;
        pki::create(self.cache, &self.node)?;
        apiserver::configure(self.cache)?;
        let apiserver = apiserver::daemon(self.cache)?;
        apiserver.ensure()?;
        etcd.wait(LIMIT, etcd::ready)?;
        apiserver.wait(LIMIT, apiserver::listens)?;
        let manager = controllers::manager(self.cache)?;
        let scheduler = controllers::scheduler(self.cache)?;
        manager.ensure()?;
        scheduler.ensure()?;
        apiserver.wait(LIMIT, || self.kubectl.ready())?;
        manager.wait(LIMIT, controllers::manager_ready)?;
        scheduler.wait(LIMIT, controllers::scheduler_ready)?;
        Ok(Did::Work)
    }

    fn node(&self) -> anyhow::Result<Did> {
        kubelet::configure(self.cache, &self.node)?;
        let kubelet = kubelet::daemon(self.cache, &self.node)?;
        let proxy = kubelet::proxy(self.cache, &self.node)?;
        kubelet.ensure()?;
        proxy.ensure()?;
        let policies = policy::daemon(self.cache)?;
        policies.ensure()?;
        policies.wait(LIMIT, policy::ready)?;
        kubelet.wait(LIMIT, kubelet::ready)?;
        proxy.wait(LIMIT, || kubelet::proxy_ready(&self.node))?;
        let node = format!("node/{}", self.node.name);
        self.kubectl.wait("default", "create", &[&node])?;
        self.kubectl.wait("default", "condition=Ready", &[&node])?;
        Ok(Did::Work)
    }

    fn gateway(&self) -> anyhow::Result<Did> {
        gateway::install_definitions(self.cache, &self.kubectl)?;
        gateway::install_controller(self.cache, &self.kubectl, &self.images)?;
        gateway::install_gateway(self.cache, &self.kubectl, &self.images)?;
        Ok(Did::Work)
    }

    fn way_in(&self) -> anyhow::Result<Did> {
        gateway::wait(&self.kubectl)?;
        let forward = forward::daemon(self.cache)?;
        forward.ensure()?;
        forward.wait(LIMIT, forward::ready)?;
        Ok(Did::Work)
    }
}

fn join(thread: thread::ScopedJoinHandle<'_, anyhow::Result<()>>) -> anyhow::Result<()> {
    thread.join().unwrap_or_else(|_| Err(anyhow!("a step ended unexpectedly")))
}
