//! A world of one story: a control namespace, a project of that name, and what can be done with them.
//!
//! The project is the sample shop under a name of its own, so stories never meet. When a story fails, the state
//! of its world is printed; afterwards all of it is removed, unless `KEEP=1`.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Environment, Exit, Verdict, condition, marks};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, Pod};
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, ResourceExt};
use rand::RngExt;
use serde_json::{Value, json};

use crate::cluster::{self, Uids};
use crate::gateway::{self, Answer, Load};
use crate::patience::until;
use crate::{Output, binary, installation, report};

/// Removing an environment may take so long.
const REMOVAL: Duration = Duration::from_secs(120);

pub struct World {
    pub client: Client,
    /// Of the control namespace and of the project.
    pub name: String,
    directory: PathBuf,
    kubeconfig: PathBuf,
}

/// Tells a story in a world of its own.
pub async fn story(tell: impl AsyncFnOnce(&World) -> Result<()>) -> Result<()> {
    let world = World::begin().await?;
    let told = AssertUnwindSafe(Box::pin(tell(&world))).catch_unwind().await;
    if !matches!(told, Ok(Ok(()))) {
        report::print(&world).await;
    }
    let kept = std::env::var_os("KEEP").is_some_and(|keep| keep == "1");
    let ended = if kept {
        println!("kept: namespace {}", world.name);
        Ok(())
    } else {
        world.end().await
    };
    match told {
        Ok(outcome) => outcome.and(ended),
        Err(panic) => resume_unwind(panic),
    }
}

impl World {
    async fn begin() -> Result<Self> {
        let client = cluster::client().await?;
        installation::present(&client).await?;
        let mut random = rand::rng();
        let letters: String = (0..5).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect();
        let name = format!("shop-{letters}");
        let directory = std::env::temp_dir().join(format!("story-{name}"));
        std::fs::create_dir_all(&directory)?;
        println!("world: {name}");
        Ok(Self { client, name, directory, kubeconfig: cluster::kubeconfig_file()? })
    }

    /// Where the project's file lies, and commands are run.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes the shop's file, changed by `change`, and stores it.
    pub async fn apply(&self, change: impl FnOnce(&mut Value)) -> Result<Output> {
        self.write(change)?;
        self.outboard(&["project", "apply"]).await?.ended(Exit::Success)
    }

    /// Writes the shop's file, changed by `change` (which gets its `spec`).
    pub fn write(&self, change: impl FnOnce(&mut Value)) -> Result<PathBuf> {
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop/outboard.yaml");
        let text = std::fs::read_to_string(&original).context("failed to read the shop's file")?;
        let mut project: Value = serde_saphyr::from_str(&text)?;
        project["metadata"]["name"] = json!(self.name);
        change(&mut project["spec"]);
        let path = self.directory.join("outboard.yaml");
        // JSON is YAML.
        std::fs::write(&path, serde_json::to_string_pretty(&project)?)?;
        Ok(path)
    }

    /// Stores another project beside that one.
    pub async fn apply_another(&self, name: &str, spec: &Value) -> Result<Output> {
        let project = json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "Project", "metadata": {"name": name}, "spec": spec});
        let path = self.directory.join(format!("{name}.yaml"));
        std::fs::write(&path, project.to_string())?;
        let file = path.to_str().context("a path that is no text")?;
        self.outboard(&["project", "apply", "--file", file]).await?.ended(Exit::Success)
    }

    /// Runs `outboard -n <control namespace> …` as an administrator.
    pub async fn outboard(&self, arguments: &[&str]) -> Result<Output> {
        self.outboard_as(&self.kubeconfig, arguments).await
    }

    /// The same with these variables of the environment, too.
    pub async fn outboard_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Output> {
        let arguments = [&["-n", &self.name], arguments].concat();
        let output = binary::outboard_with(&self.kubeconfig, &self.directory, variables, &arguments).await?;
        println!("{} → {} after {:.1} s", output.line, output.code, output.took.as_secs_f32());
        Ok(output)
    }

    /// The same with another kubeconfig.
    pub async fn outboard_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<Output> {
        let arguments = [&["-n", &self.name], arguments].concat();
        let output = binary::outboard(kubeconfig, &self.directory, &arguments).await?;
        println!("{} → {} after {:.1} s", output.line, output.code, output.took.as_secs_f32());
        Ok(output)
    }

    /// The administrator's kubeconfig, changed, in a file of that name.
    pub fn kubeconfig(&self, name: &str, change: impl FnOnce(&mut Value)) -> Result<PathBuf> {
        let text = std::fs::read_to_string(&self.kubeconfig)?;
        let mut file: Value = serde_saphyr::from_str(&text)?;
        change(&mut file);
        let path = self.directory.join(name);
        std::fs::write(&path, file.to_string())?;
        Ok(path)
    }

    /// Creates an environment and waits until it is ready.
    pub async fn create(&self, environment: &str, arguments: &[&str]) -> Result<Output> {
        self.outboard(&[&["env", "create", environment], arguments].concat()).await?.ended(Exit::Success)
    }

    pub fn environments(&self) -> Api<Environment> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Its terminal verdict, if it has one.
    pub async fn verdict(&self, environment: &str) -> Result<Option<Verdict>> {
        let found = self.environments().get_opt(environment).await?;
        Ok(found.and_then(|found| found.status?.verdict).filter(|verdict| verdict.terminal))
    }

    /// Waits until the newest settings are ready.
    pub async fn ready(&self, environment: &str, at_most: Duration) -> Result<()> {
        until(&format!("{environment} ready"), at_most, async || {
            let found = self.environments().get(environment).await?;
            let (generation, status) = (found.metadata.generation, found.status.unwrap_or_default());
            let ready = condition::find(&status.conditions, condition::READY);
            let holds = ready.is_some_and(|ready| {
                ready.is_true() && Some(ready.observed_generation) == generation && status.verdict.is_none()
            });
            Ok(holds.then_some(()))
        })
        .await
    }

    /// The namespace an environment runs in.
    pub fn namespace(&self, environment: &str) -> String {
        format!("{}-{environment}", self.name)
    }

    pub fn host(&self, environment: &str) -> String {
        self.host_of("web", environment)
    }

    /// The hostname of another route.
    pub fn host_of(&self, route: &str, environment: &str) -> String {
        format!("{route}-{environment}-{}.localhost", self.name)
    }

    pub async fn pods(&self, environment: &str) -> Result<Vec<Pod>> {
        cluster::pods(&self.client, &self.namespace(environment)).await
    }

    /// Pods that run: a finished job's pod may be tidied away at any time.
    pub async fn uids(&self, environment: &str) -> Result<Uids> {
        let mut pods = self.pods(environment).await?;
        pods.retain(|pod| {
            pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"))
        });
        Ok(cluster::uids(&pods))
    }

    pub async fn get(&self, environment: &str, path: &str) -> Result<Answer> {
        gateway::ask(&self.host(environment), path, None).await
    }

    /// Orders something; answers with the order's number.
    pub async fn order(&self, environment: &str) -> Result<u64> {
        let body = json!({"product": 1, "quantity": 2});
        let answer = gateway::ask(&self.host(environment), "/api/orders", Some(&body)).await?;
        ensure!(answer.status == 201, "the order was answered with {} {}", answer.status, answer.body);
        answer.json()?["id"].as_u64().context("an order without number")
    }

    pub async fn orders(&self, environment: &str) -> Result<Vec<u64>> {
        let orders = self.get(environment, "/api/orders").await?.json()?;
        let orders = orders.as_array().context("no list of orders")?;
        Ok(orders.iter().filter_map(|order| order["id"].as_u64()).collect())
    }

    /// A small load on an environment's page, which asks the database.
    pub fn load(&self, environment: &str) -> Load {
        Load::begin(&self.host(environment), "/", 4)
    }

    pub async fn namespace_exists(&self, environment: &str) -> Result<bool> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        Ok(namespaces.get_opt(&self.namespace(environment)).await?.is_some())
    }

    /// Volumes that belong to this world's environments.
    pub async fn volumes(&self) -> Result<Vec<String>> {
        let volumes = Api::<PersistentVolume>::all(self.client.clone()).list(&ListParams::default()).await?;
        let prefix = format!("{}-", self.name);
        let ours = |volume: &PersistentVolume| {
            let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
            claim
                .and_then(|claim| claim.namespace.as_deref())
                .is_some_and(|namespace| namespace.starts_with(&prefix))
        };
        Ok(volumes.iter().filter(|volume| ours(volume)).map(ResourceExt::name_any).collect())
    }

    /// Namespaces that outboard made for this world's environments.
    pub async fn namespaces(&self) -> Result<Vec<String>> {
        let ours = ListParams::default().labels(&format!("{}={}", marks::CONTROL_NAMESPACE, self.name));
        let found = Api::<Namespace>::all(self.client.clone()).list(&ours).await?;
        Ok(found.iter().map(ResourceExt::name_any).collect())
    }

    /// Removes everything, environments first: deleting the control namespace alone would let go of them.
    async fn end(&self) -> Result<()> {
        let environments = self.environments();
        let namespaces = Api::<Namespace>::all(self.client.clone());
        // There may be no such kind while outboard is not installed; then there is nothing to delete.
        let all = environments.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
        for environment in &all {
            let _ = environments.delete(&environment.name_any(), &DeleteParams::default()).await;
        }
        let destroyed = until("every environment destroyed", REMOVAL, async || {
            let list = environments.list(&ListParams::default()).await.map(|list| list.items);
            Ok(list.unwrap_or_default().is_empty().then_some(()))
        })
        .await;
        // What an environment left that was let go of on purpose.
        for namespace in self.namespaces().await?.iter().chain([&self.name]) {
            let _ = namespaces.delete(namespace, &DeleteParams::default()).await;
        }
        let gone = until("the world gone", REMOVAL, async || {
            let control = namespaces.get_opt(&self.name).await?;
            Ok((control.is_none() && self.namespaces().await?.is_empty()).then_some(()))
        })
        .await;
        std::fs::remove_dir_all(&self.directory)?;
        destroyed.and(gone)
    }
}
