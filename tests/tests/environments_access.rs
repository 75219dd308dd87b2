//! Who may do what: as `access` of the project says, by Kubernetes' own answers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::datacopy::{DataCopy, DataCopySpec};
use api::{Environment, Exit, Hostname, Project};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stories::{Person, World, light, same, story, until};

const SOON: Duration = Duration::from_secs(30);
const ROLES: [&str; 5] = ["viewer", "qa", "developer", "releaser", "admin"];

/// Everybody is called as their role is.
fn project() -> Value {
    let mut spec = light();
    spec["classes"]["production"] = json!({"protected": true});
    for role in ROLES {
        spec["access"][role] = json!({"users": [role]});
    }
    spec
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn every_role_may_what_the_matrix_says_and_nothing_else() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = project()).await?;
        world.create("qa", &[]).await?;
        world.create("live", &["--class", "production"]).await?;
        let matrix =
            world.outboard(&["can-i", "--list", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        let rows = matrix.as_array().context("no matrix")?;
        ensure!(rows.len() > 15, "a short matrix: {matrix}");
        let said = |deed: &str, protected: bool| {
            let of = |protected| rows.iter().find(|row| row["deed"] == deed && row["protected"] == protected);
            of(protected).or_else(|| of(false)).map(|row| row["roles"].clone()).unwrap_or_default()
        };
        let deeds: Vec<&str> = rows
            .iter()
            .filter(|row| row["protected"] == false)
            .filter_map(|row| row["deed"].as_str())
            .collect();
        let mut people = Vec::new();
        for role in ROLES {
            people.push(Person::new(world, role).await?);
        }
        for (environment, protected) in [("qa", false), ("live", true)] {
            for deed in &deeds {
                let roles = said(deed, protected);
                for role in ROLES {
                    let asked =
                        world.outboard(&["can-i", deed, environment, "--as", role, "-o", "json"]).await?;
                    let answer: Value = asked.events()?.into_iter().next().context("no answer")?;
                    let may = roles.as_array().is_some_and(|roles| roles.iter().any(|name| name == role));
                    let person = people.iter().find(|person| person.name == role).context("a person")?;
                    if let Some(could) = tried(world, person, deed, environment).await? {
                        same(&format!("does Kubernetes let {role} {deed} {environment}"), &could, &may)?;
                    }
                    same(&format!("may {role} {deed} {environment}"), &answer["allowed"], &json!(may))?;
                    same(
                        "the exit code",
                        &asked.code,
                        &i32::from(if may { 0 } else { Exit::Forbidden.code() }),
                    )?;
                    ensure!(
                        may || answer["why"].as_str().is_some_and(|why| why.len() > 20),
                        "no reason: {answer}"
                    );
                }
            }
        }
        // Who is nobody may nothing, and whoever runs the cluster everything.
        let nobody = world.outboard(&["can-i", "look", "--as", "nobody"]).await?;
        same("nobody", &nobody.code, &i32::from(Exit::Forbidden.code()))?;
        for deed in &deeds {
            world.outboard(&["can-i", deed, "live"]).await?.ended(Exit::Success)?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn rights_follow_the_project_at_once_and_come_back_when_somebody_takes_them() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = project()).await?;
        world.create("qa", &[]).await?;
        world.create("live", &["--class", "production"]).await?;
        let (inside, control) = (bindings(world, &world.namespace("qa")), bindings(world, &world.name));
        same("inside of what is protected", &names(world, "live").await?, &vec!["outboard-inside-viewer".to_owned()])?;
        same(
            "inside of what is not",
            &names(world, "qa").await?,
            &vec!["outboard-inside".to_owned(), "outboard-inside-viewer".to_owned()],
        )?;

        // Removed, or widened, by hand.
        inside.delete("outboard-inside", &DeleteParams::default()).await?;
        until("the binding is back", SOON, async || Ok(inside.get_opt("outboard-inside").await?)).await?;
        let qa = format!("outboard-qa.{}", world.name);
        let everybody = json!({"subjects": [{"kind": "Group", "name": "system:authenticated", "apiGroup": "rbac.authorization.k8s.io"}]});
        control.patch(&qa, &PatchParams::default(), &Patch::Merge(&everybody)).await?;
        until("only quality assurance is bound", SOON, async || {
            Ok((subjects(&control.get(&qa).await?) == ["qa"]).then_some(()))
        })
        .await?;

        // Taken from the project, in an environment that is frozen, too.
        world.outboard(&["env", "freeze", "qa", "--for", "1h", "--reason", "a look"]).await?.ended(Exit::Success)?;
        world
            .apply(|spec| {
                *spec = project();
                spec["access"] = json!({"qa": {"users": ["quinn"]}});
            })
            .await?;
        until("quinn alone is bound", SOON, async || {
            let bound = inside.get_opt("outboard-inside").await?.map(|binding| subjects(&binding));
            let left = control.list(&ListParams::default()).await?.items;
            Ok((bound == Some(vec!["quinn".to_owned()]) && left.len() == 1).then_some(()))
        })
        .await?;

        // A class that becomes protected lets nobody in any more.
        world
            .apply(|spec| {
                *spec = project();
                spec["classes"]["qa"] = json!({"protected": true});
            })
            .await?;
        until("nobody gets in", SOON, async || {
            let protected = world.environments().get("qa").await?.status.is_some_and(|status| status.protection.is_some());
            Ok((protected && names(world, "qa").await? == ["outboard-inside-viewer"]).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_owner_with_too_many_environments_waits_until_one_is_gone() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                *spec = project();
                spec["limits"] = json!({"environmentsPerOwner": 1});
            })
            .await?;
        let person = Person::new(world, "qa").await?;
        person.outboard(world, &["env", "create", "first"]).await?.ended(Exit::Success)?;
        let second = person.outboard(world, &["env", "create", "second", "-o", "json"]).await?;
        let told = second.ended(Exit::Quota)?.last()?;
        ensure!(told.to_string().contains("first"), "it does not say which counts: {told}");
        let verdict = until("the verdict", SOON, async || world.verdict("second").await).await?;
        same("the cause", &verdict.cause, &api::Cause::QuotaExceeded)?;
        ensure!(!world.namespace_exists("second").await?, "something was made of it");
        // Of somebody else, and of no owner's concern.
        let other = Person::new(world, "developer").await?;
        other.outboard(world, &["env", "create", "third"]).await?.ended(Exit::Success)?;
        let releaser = Person::new(world, "releaser").await?;
        releaser
            .outboard(world, &["env", "create", "live", "--class", "production"])
            .await?
            .ended(Exit::Success)?;
        releaser.outboard(world, &["env", "create", "mine"]).await?.ended(Exit::Success)?;

        person.outboard(world, &["env", "destroy", "first", "--yes"]).await?.ended(Exit::Success)?;
        world.ready("second", Duration::from_secs(90)).await
    })
    .await
}

/// Tried as a dry run, so that policies are asked as well: whether Kubernetes lets a person do it. None: there is nothing to try.
async fn tried(world: &World, person: &Person, deed: &str, environment: &str) -> Result<Option<bool>> {
    let protected = environment == "live";
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let patch = PatchParams { dry_run: true, ..PatchParams::default() };
    let (client, namespace) = (person.client.clone(), world.name.as_str());
    let environments = Api::<Environment>::namespaced(client.clone(), namespace);
    let outcome = match deed {
        "create" => {
            let mut new = Environment::new("tried", world.environments().get(environment).await?.spec);
            new.spec.owner = Some(person.name.clone());
            environments.create(&dry, &new).await.map(drop)
        }
        "change" => {
            let to = json!({"spec": {"versions": {"web": "2"}}});
            environments.patch(environment, &patch, &Patch::Merge(&to)).await.map(drop)
        }
        "destroy" => {
            let params = DeleteParams { dry_run: true, ..DeleteParams::default() };
            environments.delete(environment, &params).await.map(drop)
        }
        "copy" => {
            let from = if protected { "qa" } else { "live" };
            let spec = DataCopySpec { protected, ..DataCopySpec::between(from, environment) };
            let copies = Api::<DataCopy>::namespaced(client, namespace);
            copies.create(&dry, &DataCopy::new("tried", spec)).await.map(drop)
        }
        "apply" => {
            let to = match protected {
                true => json!({"spec": {"classes": {"production": {"network": "open"}}}}),
                false => json!({"spec": {"components": {"web": {"env": {"COLOUR": "red"}}}}}),
            };
            let projects = Api::<Project>::namespaced(client, namespace);
            projects.patch(&world.name, &patch, &Patch::Merge(&to)).await.map(drop)
        }
        "host" => {
            let spec = json!({"environment": environment, "route": "web"});
            let host = Hostname::new(&format!("{namespace}.example.org"), serde_json::from_value(spec)?);
            Api::<Hostname>::namespaced(client, namespace).create(&dry, &host).await.map(drop)
        }
        _ => return Ok(None),
    };
    match outcome {
        Ok(()) => Ok(Some(true)),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(Some(false)),
        Err(error) => Err(error).with_context(|| format!("{} tries to {deed} {environment}", person.name)),
    }
}

fn bindings(world: &World, namespace: &str) -> Api<RoleBinding> {
    Api::namespaced(world.client.clone(), namespace)
}

async fn names(world: &World, environment: &str) -> Result<Vec<String>> {
    let list = bindings(world, &world.namespace(environment)).list(&ListParams::default()).await?;
    Ok(list.iter().map(ResourceExt::name_any).collect())
}

fn subjects(binding: &RoleBinding) -> Vec<String> {
    binding.subjects.iter().flatten().map(|subject| subject.name.clone()).collect()
}
