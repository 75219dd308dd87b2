//! Pages with a thousand environments and two hundred people who look on: how long a page takes, how soon a change is there for
//! all of them, and what that costs the server. Environments run on nodes that KWOK plays.

mod listener;
mod report;
mod served;

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use api::Environment;
use hyper::Method;
use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use serde_json::json;
use stories::{Page, visit};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::asked::Asked;
use crate::scale::{self, Fleet, Operator, creation};
use crate::scene::{self, Scene};
use crate::setting;
use listener::Audience;
use served::Served;

const NAME: &str = "bench-web";
/// Where roles are bound by the operator.
const SOON: Duration = Duration::from_secs(30);
/// Longer than this nobody waits for a change to be seen, or to be over.
const SEEN: Duration = Duration::from_secs(60);

pub struct Measured {
    pub environments: usize,
    pub people: usize,
    /// The very first page that the server is asked for. Milliseconds, as all of these.
    pub first: f64,
    /// The first page of each of the others, and another one.
    pub each: Vec<f64>,
    pub again: Vec<f64>,
    pub searched: Vec<f64>,
    pub one: Vec<f64>,
    pub api: Vec<f64>,
    /// The page with the table, in bytes.
    pub size: usize,
    /// From a change until somebody has it, for each change and each of them.
    pub updates: Vec<f64>,
    /// … until the last has it.
    pub last: Vec<f64>,
    /// MiB: before anybody came, with all of them, and the most there ever was.
    pub memory: [f64; 3],
    /// CPU seconds of the server during the changes, and how long these took.
    pub cpu: f64,
    pub lasted: f64,
    /// … with nothing happening.
    pub idle: f64,
}

pub fn run() -> anyhow::Result<()> {
    let (environments, people) = (setting("ENVIRONMENTS", 1000), setting("PEOPLE", 200));
    let changes = setting("CHANGES", 20);
    let _asked = Asked::know(&[])?;
    let _fleet = Fleet::raise(NAME)?;
    let _operator = Operator::with_room()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut spec = scene::light(setting("COMPONENTS", 3))?;
    spec["access"] = json!({"viewer": {"groups": [served::GROUP]}});
    scene::with(NAME, &spec, |scene| {
        runtime.block_on(async {
            tokio::select! {
                done = measure(scene, environments, people, changes) => done,
                () = scale::interrupted() => bail!("interrupted; cleaning up"),
            }
        })
    })
}

async fn measure(scene: &Scene, environments: usize, people: usize, changes: usize) -> anyhow::Result<()> {
    let client = Client::try_default().await?;
    let created = creation::run(&client, &scene.name, environments).await?;
    println!("all ready after {:.1} s", created.ready.as_secs_f64());
    let served = Served::start().await?;
    let before = served.memory()?.now;
    let page = "/environments";
    // The operator has bound the role meanwhile.
    let (first, shown) = until_seen(&served, page).await?;
    let mut measured = Measured {
        environments,
        people,
        first,
        size: shown.body.len(),
        each: all(&served, people, page).await?,
        again: all(&served, people, page).await?,
        searched: all(&served, people, "/environments?q=scale-9&sort=state").await?,
        one: all(&served, people, &format!("/environments/{NAME}/{}", scale::environment(0))).await?,
        api: all(&served, people, "/api/v1/environments").await?,
        updates: vec![],
        last: vec![],
        memory: [before, 0.0, 0.0],
        cpu: 0.0,
        lasted: 0.0,
        idle: 0.0,
    };
    let mut audience = Audience::begin(&served, people, page).await?;
    println!("{people} look on");
    let (cpu, begun) = (served.cpu()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    measured.idle = (served.cpu()? - cpu) / begun.elapsed().as_secs_f64() * 100.0;
    let api = Api::<Environment>::namespaced(client, NAME);
    let (cpu, begun) = (served.cpu()?, Instant::now());
    for number in 0..changes {
        // All of the first page, which everybody sees.
        let name = scale::environment([0, 1, 10, 11][number % 4]);
        audience.look_at(&format!("{NAME}/{name}"));
        let restart = json!({"spec": {"restarts": {"app-1": Timestamp::now().to_string()}}});
        let asked = Instant::now();
        api.patch(&name, &PatchParams::default(), &Patch::Merge(restart)).await?;
        let mut seen = audience.seen(asked, SEEN).await.with_context(|| format!("{name} was restarted"))?;
        measured.last.push(crate::table::percentile(&mut seen, 100));
        measured.updates.append(&mut seen);
        let ready = await_condition(api.clone(), &name, |found: Option<&Environment>| {
            found.is_some_and(creation::is_ready)
        });
        timeout(SEEN, ready).await.with_context(|| format!("{name} does not become ready"))??;
    }
    (measured.cpu, measured.lasted) = (served.cpu()? - cpu, begun.elapsed().as_secs_f64());
    let memory = served.memory()?;
    (measured.memory[1], measured.memory[2]) = (memory.now, memory.most);
    report::print(&measured);
    drop(audience);
    let begun = Instant::now();
    block_in_place(|| scene.empty())?;
    println!("all destroyed, namespaces gone: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// The first page that is asked for; again, should the operator not have bound the role yet.
async fn until_seen(served: &Served, path: &str) -> anyhow::Result<(f64, Page)> {
    let begun = Instant::now();
    loop {
        let (took, page) = ask(served, 0, path).await?;
        if page.body.contains(&format!("row-{NAME}/")) {
            return Ok((took, page));
        }
        ensure!(begun.elapsed() < SOON, "nobody may see anything: {}", page.body);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Each of them asks once, one after the other.
async fn all(served: &Served, people: usize, path: &str) -> anyhow::Result<Vec<f64>> {
    let mut took = vec![];
    for person in 0..people {
        took.push(ask(served, person, path).await?.0);
    }
    Ok(took)
}

async fn ask(served: &Served, person: usize, path: &str) -> anyhow::Result<(f64, Page)> {
    let (bearer, from) = (served.bearer(person), Served::address(person));
    let headers = [
        ("authorization", bearer.as_str()),
        ("accept", "text/html,application/json"),
        ("x-forwarded-for", from.as_str()),
        ("x-forwarded-proto", "https"),
    ];
    let begun = Instant::now();
    let page = visit(&served.host, Method::GET, path, &headers, "").await?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    ensure!(page.status == 200, "{path} is answered with {}: {}", page.status, page.body);
    Ok((took, page))
}
