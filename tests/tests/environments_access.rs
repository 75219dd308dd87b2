//! Who may do what: as `access` of the project says, by Kubernetes' own answers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
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
        for (environment, protected) in [("qa", false), ("live", true)] {
            for deed in &deeds {
                let roles = said(deed, protected);
                for role in ROLES {
                    let asked =
                        world.outboard(&["can-i", deed, environment, "--as", role, "-o", "json"]).await?;
                    let answer: Value = asked.events()?.into_iter().next().context("no answer")?;
                    let may = roles.as_array().is_some_and(|roles| roles.iter().any(|name| name == role));
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
            let protected = world.environments().get("qa").await?.status.is_some_and(|status| status.protected);
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_class_limits_what_its_environments_use_and_judges_their_pods() -> Result<()> {
    story(async |world| {
        let strict = || {
            let mut spec = light();
            spec["components"]["web"]["user"] = json!("1000");
            spec["classes"]["qa"] = json!({
                "quota": {"cpu": "1", "memory": "1Gi", "pods": 3},
                "containers": {"limits": {"memory": "256Mi"}, "max": {"memory": "512Mi"}},
                "podSecurity": "restricted",
            });
            spec
        };
        world.apply(|spec| *spec = strict()).await?;
        world.create("qa", &[]).await?;
        let namespace = world.namespace("qa");
        let labels = Api::<Namespace>::all(world.client.clone()).get(&namespace).await?.labels().clone();
        same(
            "the standard",
            &labels.get("pod-security.kubernetes.io/enforce").map(String::as_str),
            &Some("restricted"),
        )?;
        let quotas = Api::<ResourceQuota>::namespaced(world.client.clone(), &namespace);
        let ranges = Api::<LimitRange>::namespaced(world.client.clone(), &namespace);
        quotas.delete("outboard-limits", &DeleteParams::default()).await?;
        ranges.delete("outboard-limits", &DeleteParams::default()).await?;
        until("both are back", SOON, async || {
            let both = (quotas.get_opt("outboard-limits").await?, ranges.get_opt("outboard-limits").await?);
            Ok(matches!(both, (Some(_), Some(_))).then_some(()))
        })
        .await?;

        // Another quota and another standard are in the plan, and a pod that is not allowed is refused by it.
        world
            .apply(|spec| {
                *spec = strict();
                spec["classes"]["qa"]["quota"]["pods"] = json!(2);
                spec["components"]["web"]["scale"] = json!({"min": 4});
            })
            .await?;
        let plan = world.outboard(&["env", "update", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
        ensure!(
            plan.stdout.contains("ResourceQuota outboard-limits"),
            "the plan says nothing of it:\n{}",
            plan.stdout
        );
        let update = world.outboard(&["env", "update", "qa"]).await?;
        update.ended(Exit::Quota)?;
        world
            .apply(|spec| {
                *spec = strict();
                spec["components"]["web"]["container"] = json!({"securityContext": {"runAsUser": 0}});
            })
            .await?;
        let refused = world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Admission)?;
        ensure!(
            refused.stderr.contains("components.web.container.securityContext"),
            "it does not name the key: {}",
            refused.stderr
        );
        Ok(())
    })
    .await
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
