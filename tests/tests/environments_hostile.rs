//! A developer who means ill: what they ask for is refused, or does no harm, and what they read is a sentence.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use api::{Environment, Exit, Hostname, Plan, Project, marks};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use stories::{Person, World, light, same, story, until};

const SOON: Duration = Duration::from_secs(30);

fn project() -> Value {
    let mut spec = light();
    spec["classes"]["production"] = json!({"protected": true});
    spec["access"] = json!({"developer": {"users": ["dana"]}, "releaser": {"users": ["rita"]}});
    spec["limits"] = json!({"environmentsPerOwner": 3});
    spec
}

/// What was tried, and how it was refused.
#[derive(Default)]
struct Tried(Vec<(String, u16, String)>);

impl Tried {
    /// It must have been refused with one of these codes and a text that has `words` in it.
    fn refused<T>(&mut self, what: &str, outcome: kube::Result<T>, codes: &[u16], words: &str) -> Result<()> {
        match outcome {
            Ok(_) => bail!("{what}: nobody refused it"),
            Err(kube::Error::Api(status)) => {
                let (code, message) = (status.code, status.message.clone());
                ensure!(codes.contains(&code), "{what}: {code} {message}");
                ensure!(message.contains(words), "{what}: `{words}` is not in: {message}");
                println!("{what} → {code} {message}");
                self.0.push((what.to_owned(), code, message));
                Ok(())
            }
            Err(error) => bail!("{what}: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn whatever_a_hostile_developer_asks_for_is_refused_or_harmless() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = project()).await?;
        world.create("live", &["--class", "production"]).await?;
        let dana = Person::new(world, "dana").await?;
        dana.outboard(world, &["env", "create", "qa"]).await?.ended(Exit::Success)?;
        let protected = async || {
            let live = world.environments().get("live").await?;
            Ok(live.status.is_some_and(|status| status.protection.is_some()).then_some(()))
        };
        until("live is protected", SOON, protected).await?;
        let (before, uids) = (world.environments().get("live").await?, world.uids("live").await?);
        let project_before = project_of(world, &world.client).get(&world.name).await?;

        let mut tried = Tried::default();
        environments(world, &dana, &mut tried).await?;
        hosts(world, &dana, &mut tried).await?;
        projects(world, &dana, &mut tried).await?;
        made_anew(world, &dana, &mut tried).await?;
        rights(world, &dana, &mut tried).await?;
        records(world, &dana, &mut tried).await?;
        insides(world, &dana).await?;
        with_kubectl(world, &dana).await?;
        ensure!(tried.0.len() > 25, "only {} things were tried", tried.0.len());

        let after = world.environments().get("live").await?;
        same("the spec of live", &after.spec, &before.spec)?;
        same("the owner of live", &after.spec.owner, &before.spec.owner)?;
        same("the pods of live", &world.uids("live").await?, &uids)?;
        same(
            "the project",
            &project_of(world, &world.client).get(&world.name).await?.spec,
            &project_before.spec,
        )
    })
    .await
}

async fn environments(world: &World, dana: &Person, tried: &mut Tried) -> Result<()> {
    let api: Api<Environment> = Api::namespaced(dana.client.clone(), &world.name);
    let releaser = "a releaser of the project";
    let qa = api.get("qa").await?;
    let merge = PatchParams::default();
    let patch = async |name: &str, patch: Value| api.patch(name, &merge, &Patch::Merge(&patch)).await;

    tried.refused(
        "renames qa to production",
        patch("qa", json!({"spec": {"class": "production"}})).await,
        &[422],
        "stays in its class",
    )?;
    tried.refused(
        "renames production to qa",
        patch("live", json!({"spec": {"class": "qa"}})).await,
        &[422],
        "stays in its class",
    )?;
    let mut new = Environment::new("mine", qa.spec.clone());
    new.spec.class = "production".into();
    tried.refused(
        "creates one of production",
        api.create(&PostParams::default(), &new).await,
        &[403],
        releaser,
    )?;
    tried.refused(
        "changes production",
        patch("live", json!({"spec": {"versions": {"web": "2"}}})).await,
        &[403],
        releaser,
    )?;
    tried.refused(
        "freezes production",
        patch("live", json!({"metadata": {"annotations": {marks::FREEZE_UNTIL: "2100-01-01T00:00:00Z"}}}))
            .await,
        &[403],
        releaser,
    )?;
    tried.refused(
        "deletes production",
        api.delete("live", &DeleteParams::default()).await.map(drop),
        &[403],
        releaser,
    )?;
    tried.refused(
        "deletes everything",
        api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.map(drop),
        &[403],
        "deletecollection",
    )?;
    tried.refused(
        "takes away finalizers of production",
        patch("live", json!({"metadata": {"finalizers": null}})).await,
        &[403],
        "ValidatingAdmissionPolicy 'outboard-",
    )?;
    tried.refused(
        "takes away finalizers",
        patch("qa", json!({"metadata": {"finalizers": null}})).await,
        &[403],
        "stay behind for ever",
    )?;

    let mut forged = Environment::new("forged", qa.spec.clone());
    forged.spec.owner = Some("quinn".into());
    tried.refused(
        "forges an owner",
        api.create(&PostParams::default(), &forged).await,
        &[403],
        "belongs to whoever creates it",
    )?;
    forged.spec.owner = None;
    tried.refused(
        "says no owner",
        api.create(&PostParams::default(), &forged).await,
        &[403],
        "`owner` is your own name",
    )?;
    tried.refused(
        "gives it away",
        patch("qa", json!({"spec": {"owner": "quinn"}})).await,
        &[403],
        "only an admin",
    )?;
    let status = json!({"status": {"protection": null, "revision": 1}});
    tried.refused(
        "writes the status",
        api.patch_status("qa", &merge, &Patch::Merge(&status)).await,
        &[403],
        "environments/status",
    )?;

    let mut huge = Environment::new("huge", qa.spec.clone());
    huge.spec.versions = [("web".to_owned(), "x".repeat(10 * 1024 * 1024))].into();
    let outcome = api.create(&PostParams::default(), &huge).await;
    tried.refused("10 MB", outcome, &[413], "too large")?;

    let elsewhere = format!("{}-team", world.name);
    let namespaces = Api::<Namespace>::all(world.client.clone());
    let labelled = |name: &str| -> Namespace {
        // The world tidies up what carries its mark.
        let labels = json!({marks::CONTROL_NAMESPACE: world.name});
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap_or_default()
    };
    namespaces.create(&PostParams::default(), &labelled(&elsewhere)).await?;
    let theirs: Api<Environment> = Api::namespaced(dana.client.clone(), &elsewhere);
    let mut foreign = Environment::new("mine", qa.spec.clone());
    foreign.metadata.namespace = Some(elsewhere.clone());
    tried.refused(
        "an environment in another team's namespace",
        theirs.create(&PostParams::default(), &foreign).await,
        &[403],
        "cannot create",
    )?;

    // Somebody else's namespace is left untouched.
    let taken = world.namespace("taken");
    namespaces.create(&PostParams::default(), &labelled(&taken)).await?;
    let uid = namespaces.get(&taken).await?.uid();
    let told = dana.outboard(world, &["env", "create", "taken"]).await?.ended(Exit::Conflict)?;
    ensure!(told.stderr.contains("left untouched"), "{}", told.stderr);
    same("the namespace", &namespaces.get(&taken).await?.uid(), &uid)
}

async fn hosts(world: &World, dana: &Person, tried: &mut Tried) -> Result<()> {
    let api: Api<Hostname> = Api::namespaced(dana.client.clone(), &world.name);
    let of = |environment: &str| -> Result<Hostname> {
        Ok(serde_json::from_value(json!({
            "apiVersion": "outboard.dev/v1alpha1", "kind": "Hostname",
            "metadata": {"name": format!("{}.example.org", world.name)},
            "spec": {"environment": environment, "route": "web"},
        }))?)
    };
    let leads = "leads to a protected environment";
    tried.refused(
        "leads a host to production",
        api.create(&PostParams::default(), &of("live")?).await,
        &[403],
        leads,
    )?;
    let world_api: Api<Hostname> = Api::namespaced(world.client.clone(), &world.name);
    let theirs = world_api.create(&PostParams::default(), &of("live")?).await?.name_any();
    // As the slice of hostnames says it where there is a zone.
    let status = json!({"status": {"protected": true}});
    world_api.patch_status(&theirs, &PatchParams::default(), &Patch::Merge(&status)).await?;
    let outcome = api.delete(&theirs, &DeleteParams::default()).await.map(drop);
    tried.refused("takes production's host away", outcome, &[403], leads)?;
    let weight = Patch::Merge(json!({"spec": {"weight": 0}}));
    tried.refused(
        "takes production's traffic away",
        api.patch(&theirs, &PatchParams::default(), &weight).await,
        &[403],
        leads,
    )?;
    world_api.delete(&theirs, &DeleteParams::default()).await?;
    until("the host gone", SOON, async || Ok(world_api.get_opt(&theirs).await?.is_none().then_some(()))).await
}

/// A class that a releaser removes, and whoever adds it again.
async fn made_anew(world: &World, dana: &Person, tried: &mut Tried) -> Result<()> {
    let (ours, theirs) = (project_of(world, &world.client), project_of(world, &dana.client));
    let params = PatchParams::default();
    let class = |class: Value| Patch::Merge(json!({"spec": {"classes": {"production": class}}}));
    let protected_by = async |by: Option<&str>| {
        until("what it is protected by", SOON, async || {
            let status = world.environments().get("live").await?.status.unwrap_or_default();
            Ok(status.protection.filter(|found| found.by.as_deref() == by).map(drop))
        })
        .await
    };
    ours.patch(&world.name, &params, &class(Value::Null)).await?;
    protected_by(None).await?;
    theirs.patch(&world.name, &params, &class(json!({}))).await?;
    // The operator has seen that, too.
    let generation = theirs.get(&world.name).await?.metadata.generation;
    until("the project looked at", SOON, async || {
        let status = theirs.get(&world.name).await?.status.unwrap_or_default();
        Ok((Some(status.observed_generation) == generation).then_some(()))
    })
    .await?;
    protected_by(None).await?;
    let environments: Api<Environment> = Api::namespaced(dana.client.clone(), &world.name);
    let outcome = environments.delete("live", &DeleteParams::default()).await.map(drop);
    tried.refused("deletes production by a class made anew", outcome, &[403], "a releaser of the project")?;
    ours.patch(&world.name, &params, &class(json!({"protected": true}))).await?;
    let uid = ours.get(&world.name).await?.metadata.uid;
    protected_by(uid.as_deref()).await
}

async fn projects(world: &World, dana: &Person, tried: &mut Tried) -> Result<()> {
    let api = project_of(world, &dana.client);
    let releaser = "a releaser of the project";
    let patch = async |spec: Value| {
        let params = PatchParams::default();
        api.patch(&world.name, &params, &Patch::Merge(&json!({"spec": spec}))).await
    };
    tried.refused(
        "unprotects a class",
        patch(json!({"classes": {"production": {"protected": false}}})).await,
        &[403],
        releaser,
    )?;
    tried.refused(
        "removes a protected class",
        patch(json!({"classes": {"production": null}})).await,
        &[403],
        releaser,
    )?;
    tried.refused(
        "changes a protected class",
        patch(json!({"classes": {"production": {"network": "open"}}})).await,
        &[403],
        releaser,
    )?;
    tried.refused(
        "changes masks",
        patch(json!({"masks": {"db": {"users.email": "email"}}})).await,
        &[403],
        releaser,
    )?;
    tried.refused(
        "raises limits",
        patch(json!({"limits": {"environmentsPerOwner": 1000}})).await,
        &[403],
        "changes its limits",
    )?;
    for role in ["releaser", "admin", "viewer"] {
        let access = json!({"access": {role: {"users": ["dana"]}}});
        tried.refused(
            &format!("makes themselves {role}"),
            patch(access).await,
            &[403],
            "an admin of the project says",
        )?;
    }
    tried.refused(
        "removes everybody",
        patch(json!({"access": null})).await,
        &[403],
        "an admin of the project says",
    )?;
    tried.refused(
        "deletes the project",
        api.delete(&world.name, &DeleteParams::default()).await.map(drop),
        &[403],
        releaser,
    )?;
    let status = json!({"status": {"revision": "p-0000000000"}});
    let outcome = api.patch_status(&world.name, &PatchParams::default(), &Patch::Merge(&status)).await;
    tried.refused("writes the project's status", outcome, &[403], "projects/status")?;

    // A project of their own in the same namespace gives nobody a role either, by its creation.
    let mut own = Project::new("own", api.get(&world.name).await?.spec);
    let production = own.spec.classes.remove("production").context("a class production")?;
    own.spec.access = serde_json::from_value(json!({"admin": {"users": ["dana"]}}))?;
    tried.refused(
        "makes themselves admin of a new project",
        api.create(&PostParams::default(), &own).await,
        &[403],
        "an admin of the project says",
    )?;

    // Nor production's secrets, whether its class is protected there, too, or not.
    own.spec.access = Default::default();
    for protected in [true, false] {
        own.spec.classes.insert("production".into(), api::project::Class { protected, ..production.clone() });
        tried.refused(
            "names a class as another project names its own",
            api.create(&PostParams::default(), &own).await,
            &[403],
            "another project of this namespace has a class of that name",
        )?;
    }
    let collected = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "00000000-0000-0000-0000-000000000000"}]}});
    tried.refused(
        "has the garbage collector delete the project",
        api.patch(&world.name, &PatchParams::default(), &Patch::Merge(&collected)).await,
        &[403],
        "a releaser of the project says so",
    )?;
    let mut lacking = Environment::new("lacking", world.environments().get("qa").await?.spec);
    lacking.spec.class = "prod".into();
    tried.refused(
        "makes an environment of a class that is gone",
        Api::<Environment>::namespaced(dana.client.clone(), &world.name)
            .create(&PostParams::default(), &lacking)
            .await,
        &[403],
        releaser,
    )?;

    // What is theirs to change they change, other keys of the same project included.
    patch(json!({"components": {"web": {"env": {"COLOUR": "red"}}}})).await?;
    patch(json!({"components": {"web": {"env": {"COLOUR": null}}}})).await?;

    // A Secret that serves no class of theirs is not copied.
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "theirs", "annotations": {marks::CLASSES: "production"}}, "stringData": {"key": "hunter2"},
    }))?;
    Api::<Secret>::namespaced(world.client.clone(), &world.name)
        .create(&PostParams::default(), &secret)
        .await?;
    let before = api.get(&world.name).await?.spec;
    patch(json!({
        "secrets": {"theirs": {"default": {"kubernetes": "theirs"}}},
        "components": {"web": {"env": {"STOLEN": "${secret.theirs.key}"}}},
    }))
    .await?;
    let told = dana.outboard(world, &["env", "update", "qa"]).await?.ended(Exit::SecretMissing)?;
    ensure!(!told.stderr.contains("hunter2"), "the value was told");
    patch(json!({"secrets": null, "components": {"web": {"env": {"STOLEN": null}}}})).await?;
    same("the project as it was", &api.get(&world.name).await?.spec, &before)
}

async fn rights(world: &World, dana: &Person, tried: &mut Tried) -> Result<()> {
    for namespace in [world.name.clone(), world.namespace("live"), world.namespace("qa")] {
        let api: Api<RoleBinding> = Api::namespaced(dana.client.clone(), &namespace);
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": "mine"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "outboard-releaser"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dana"}],
        }))?;
        let outcome = api.create(&PostParams::default(), &binding).await;
        tried.refused(&format!("binds themselves in {namespace}"), outcome, &[403], "rolebindings")?;
        let secrets: Api<Secret> = Api::namespaced(dana.client.clone(), &namespace);
        let outcome = secrets.list(&ListParams::default()).await;
        tried.refused(&format!("reads Secrets of {namespace}"), outcome, &[403], "secrets")?;
    }

    // Somebody who may write namespaces, and yet no marks of outboard's.
    let name = format!("{}-labels", world.name);
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch"]}],
    }))?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dana"}],
    }))?;
    let (roles, role_bindings) =
        (Api::<ClusterRole>::all(world.client.clone()), Api::<ClusterRoleBinding>::all(world.client.clone()));
    roles.create(&PostParams::default(), &role).await?;
    role_bindings.create(&PostParams::default(), &binding).await?;
    let outcome = labels(world, dana, tried).await;
    role_bindings.delete(&name, &DeleteParams::default()).await?;
    roles.delete(&name, &DeleteParams::default()).await?;
    outcome
}

async fn labels(world: &World, dana: &Person, tried: &mut Tried) -> Result<()> {
    let namespaces = Api::<Namespace>::all(dana.client.clone());
    let qa = world.namespace("qa");
    let patch = async |labels: Value| {
        let params = PatchParams::default();
        namespaces.patch(&qa, &params, &Patch::Merge(&json!({"metadata": {"labels": labels}}))).await
    };
    // The authorizer needs a moment to know a new binding.
    until("dana may write namespaces", SOON, async || Ok(patch(json!({"team": "red"})).await.ok())).await?;
    let marks_policy = "whoever runs the cluster writes them";
    let takes = format!("{}live", marks::TAKES_FROM);
    for (what, labels) in [
        ("says that it is another environment's", json!({marks::ENVIRONMENT: "live"})),
        ("says that it takes from production", json!({takes.as_str(): "production"})),
        ("lets it into all environments", json!({marks::REACHES: "true"})),
        ("takes its marks away", json!({marks::INSTALL: null, marks::CONTROL_NAMESPACE: null})),
    ] {
        tried.refused(what, patch(labels).await, &[403], marks_policy)?;
    }
    let new: Namespace = serde_json::from_value(json!({
        "metadata": {"name": format!("{}-reaches", world.name), "labels": {marks::REACHES: "true"}},
    }))?;
    tried.refused(
        "makes a namespace with marks",
        namespaces.create(&PostParams::default(), &new).await,
        &[403],
        marks_policy,
    )?;
    patch(json!({"team": null})).await?;
    Ok(())
}

async fn records(world: &World, dana: &Person, tried: &mut Tried) -> Result<()> {
    let revisions = Api::<ControllerRevision>::namespaced(dana.client.clone(), &world.name);
    let found = revisions.list(&ListParams::default()).await?;
    let stored =
        found.iter().find(|revision| revision.name_any().starts_with("live-r")).context("no revision")?;
    let label = json!({"metadata": {"labels": {"mine": "yes"}}});
    let outcome = revisions.patch(&stored.name_any(), &PatchParams::default(), &Patch::Merge(&label)).await;
    tried.refused("changes a revision", outcome, &[403], "cannot patch")?;
    let outcome = revisions.delete(&stored.name_any(), &DeleteParams::default()).await.map(drop);
    tried.refused("deletes a revision", outcome, &[403], "cannot delete")?;
    let mut forged = stored.clone();
    forged.metadata = kube::core::ObjectMeta { name: Some("live-r99".into()), ..Default::default() };
    tried.refused(
        "forges a revision",
        revisions.create(&PostParams::default(), &forged).await,
        &[403],
        "controllerrevisions",
    )?;

    let plans: Api<Plan> = Api::namespaced(dana.client.clone(), &world.name);
    let spec = world.environments().get("qa").await?.spec;
    let plan =
        Plan::new("mine", api::PlanSpec { environment: "qa".into(), wanted: spec, ..Default::default() });
    plans.create(&PostParams::default(), &plan).await?;
    let status = json!({"status": {"hash": "0", "changes": []}});
    let outcome = plans.patch_status("mine", &PatchParams::default(), &Patch::Merge(&status)).await;
    tried.refused("answers a plan", outcome, &[403], "plans/status")?;
    plans.delete("mine", &DeleteParams::default()).await?;
    Ok(())
}

/// Into what is protected nobody gets, and is told so in a sentence.
async fn insides(world: &World, dana: &Person) -> Result<()> {
    let told = dana.outboard(world, &["exec", "live", "web", "--", "env"]).await?.ended(Exit::Forbidden)?;
    ensure!(told.stderr.contains("who may not"), "{}", told.stderr);
    let told =
        dana.outboard(world, &["env", "run", "live", "web", "--", "env"]).await?.ended(Exit::Forbidden)?;
    ensure!(told.stderr.contains("who may not"), "{}", told.stderr);
    dana.outboard(world, &["logs", "live"]).await?.ended(Exit::Success)?;
    let told = dana
        .outboard(world, &["env", "destroy", "live", "--yes", "--protected"])
        .await?
        .ended(Exit::Forbidden)?;
    ensure!(told.stderr.contains("a releaser of the project"), "{}", told.stderr);
    let told =
        dana.outboard(world, &["env", "set", "live", "--set", "web=2"]).await?.ended(Exit::Forbidden)?;
    ensure!(told.stderr.contains("a releaser of the project"), "{}", told.stderr);
    // Their own they destroy and get into.
    dana.outboard(world, &["can-i", "exec", "qa"]).await?.ended(Exit::Success)?;
    Ok(())
}

/// The same with the tool that everybody has.
async fn with_kubectl(world: &World, dana: &Person) -> Result<()> {
    let namespace = world.name.as_str();
    let finalizers = r#"{"metadata":{"finalizers":null}}"#;
    let class = r#"{"spec":{"class":"production"}}"#;
    let project = world.name.as_str();
    let attempts: [&[&str]; 6] = [
        &["-n", namespace, "delete", "environment", "live", "--wait=false"],
        &["-n", namespace, "patch", "environment", "qa", "--type=merge", "-p", finalizers],
        &["-n", namespace, "patch", "environment", "qa", "--type=merge", "-p", class],
        &["-n", namespace, "delete", "project", project, "--wait=false"],
        &["-n", namespace, "create", "rolebinding", "mine", "--clusterrole=outboard-admin", "--user=dana"],
        &["-n", namespace, "get", "secrets"],
    ];
    for arguments in attempts {
        let (done, text) = dana.kubectl(world.directory(), arguments).await?;
        println!("kubectl {} → {text}", arguments.join(" "));
        ensure!(!done, "kubectl {} succeeded", arguments.join(" "));
        ensure!(
            text.contains("forbidden") || text.contains("stays in its class") || text.contains("denied"),
            "{text}"
        );
    }
    Ok(())
}

fn project_of(world: &World, client: &Client) -> Api<Project> {
    Api::namespaced(client.clone(), &world.name)
}
