//! What every command has at hand: the global flags, the output, and a connection when it asks for one.

use std::cell::RefCell;

use verbs::file::{self, Source};
use verbs::{Cluster, Event, Target};

use crate::args::{Global, Scope};
use crate::error::{Failure, Result};
use crate::output::{Output, progress};
use crate::signed;

pub struct Context {
    pub global: Global,
    pub output: Output,
    /// How to go on watching what is being waited for, should somebody press Ctrl-C.
    resume: RefCell<Option<String>>,
}

/// A connection, and where in the cluster we are.
pub struct Place {
    pub cluster: Cluster,
    pub namespace: String,
    /// The project that is meant, if that is known without asking the cluster.
    pub project: Option<String>,
}

impl Place {
    /// For questions: the server that somebody signed in to, which is easily forgotten.
    pub fn at(&self) -> String {
        if self.cluster.through { format!(" at {}", self.cluster.server) } else { String::new() }
    }
}

impl Context {
    pub fn new(global: Global) -> Self {
        let output = Output::new(global.output, global.color);
        Self { global, output, resume: RefCell::default() }
    }

    /// From now on an interruption leaves something going on in the cluster.
    pub fn waiting(&self, resume: String) {
        *self.resume.borrow_mut() = Some(resume);
    }

    pub fn resume(&self) -> Option<String> {
        self.resume.borrow().clone()
    }

    /// Tells at once of what happens before anything is waited for.
    pub fn events(&self) -> impl FnMut(Event) + Send + use<'_> {
        let output = &self.output;
        move |event| progress::tell(output, &event)
    }

    pub async fn cluster(&self) -> Result<Cluster> {
        self.cluster_as(None, &[]).await
    }

    /// For what is never done where somebody happens to have signed in: by a kubeconfig, unless a server is said with the command.
    pub async fn cluster_itself(&self) -> Result<Cluster> {
        if self.global.server.is_some() {
            return self.cluster().await;
        }
        Ok(Cluster::connect(&self.target(None, &[])).await?)
    }

    async fn cluster_as(&self, user: Option<&str>, groups: &[String]) -> Result<Cluster> {
        match (self.through().await?, user) {
            (Some(cluster), None) => return Ok(cluster),
            (Some(cluster), Some(_)) => {
                return Err(Failure::Usage {
                    sentence: format!("through {} you are yourself and nobody else", cluster.server),
                    hint: "ask for somebody else with a kubeconfig: say --kubeconfig or --context".to_owned(),
                });
            }
            (None, _) => {}
        }
        Ok(Cluster::connect(&self.target(user, groups)).await?)
    }

    fn target(&self, user: Option<&str>, groups: &[String]) -> Target {
        Target {
            kubeconfig: self.global.kubeconfig.clone(),
            context: self.global.context.clone(),
            user: user.map(str::to_owned),
            groups: groups.to_vec(),
        }
    }

    /// By a server, if one is said, or somebody signed in to one and said nothing of a kubeconfig.
    async fn through(&self) -> Result<Option<Cluster>> {
        let Global { server, context, kubeconfig, .. } = &self.global;
        let set = |name: &str| std::env::var(name).ok().filter(|said| !said.is_empty());
        let server = match server {
            Some(server) => Some(server.clone()),
            // What is said for this command counts before what is said for all.
            None if context.is_some() || kubeconfig.is_some() => return Ok(None),
            None => set("OUTBOARD_SERVER"),
        };
        if server.is_none() && set("KUBECONFIG").is_some() {
            return Ok(None);
        }
        let found = Box::pin(signed::tokens(server.as_deref())).await?;
        Ok(found.map(|(server, tokens)| signed::through(&server, tokens)).transpose()?)
    }

    /// Connects, and finds the control namespace.
    pub async fn place(&self, scope: &Scope) -> Result<Place> {
        self.place_as(scope, None, &[]).await
    }

    /// The same, never where somebody happens to have signed in.
    pub async fn place_itself(&self, scope: &Scope) -> Result<Place> {
        self.place_in(scope, self.cluster_itself().await?)
    }

    /// The same as somebody else.
    pub async fn place_as(&self, scope: &Scope, user: Option<&str>, groups: &[String]) -> Result<Place> {
        // What is wrong with a file is told before anybody is asked.
        project(scope)?;
        self.place_in(scope, self.cluster_as(user, groups).await?)
    }

    fn place_in(&self, scope: &Scope, cluster: Cluster) -> Result<Place> {
        let project = project(scope)?;
        let namespace = cluster.control_namespace(self.global.namespace.as_deref(), project.as_deref())?;
        tracing::info!(server = cluster.server, namespace, "Connecting to {}", cluster.server);
        Ok(Place { cluster, namespace, project })
    }
}

fn project(scope: &Scope) -> Result<Option<String>> {
    if let Some(project) = &scope.project {
        return Ok(Some(project.to_string()));
    }
    let source = Source::from_argument(scope.file.as_deref());
    match file::project_name(&source) {
        None if scope.file.is_some() => {
            let read = file::check(&source)?;
            Ok(read.content.project.metadata.name)
        }
        name => Ok(name),
    }
}
