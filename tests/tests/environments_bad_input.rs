//! What is wrong is refused with a sentence, a hint and an exit code of its own, and nothing is half-done.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Cause, Exit};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams};
use serde_json::json;
use stories::{Output, Proxy, World, contains, same, story, until, without_operator};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn unknown_names_are_answered_with_the_known_ones_and_nothing_is_written() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let refused: [(&[&str], Exit, &str); 7] = [
            (
                &["env", "create", "qa", "--project", "shopp"],
                Exit::NotFound,
                "project `shopp` does not exist",
            ),
            (&["env", "create", "qa", "--class", "prodution"], Exit::NotFound, "did you mean `production`?"),
            (&["env", "create", "qa", "--set", "wbe=2"], Exit::NotFound, "did you mean `web`?"),
            (&["env", "create", "qa", "--set", "web=1:2"], Exit::Usage, "version `1:2` is not valid"),
            (&["env", "create", "qa", "--set", "web"], Exit::Usage, "COMPONENT=VERSION"),
            (&["env", "create", "QA_1"], Exit::Usage, "lower-case letters"),
            (&["env", "create", "qa", "--revision", "p-0000000000"], Exit::NotFound, "p-0000000000"),
        ];
        for (arguments, exit, words) in refused {
            let output = world.outboard(arguments).await?.ended(exit)?;
            contains(&output.stderr, words)?;
        }
        for arguments in
            [&["env", "show", "nope"][..], &["env", "set", "nope", "--set", "web=2"], &["logs", "nope"]]
        {
            let output = world.outboard(arguments).await?.ended(Exit::NotFound)?;
            contains(&output.stderr, "environment `nope` does not exist")?;
        }
        nothing_done(world).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_broken_file_is_told_with_its_place_and_not_stored() -> Result<()> {
    story(async |world| {
        let path = world.directory().join("outboard.yaml");
        std::fs::write(&path, "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {name: [\n")?;
        let output = world.outboard(&["project", "apply"]).await?.ended(Exit::Invalid)?;
        contains(&output.stderr, "outboard.yaml")?;
        contains(&output.stderr, "error: ")?;

        world.write(|spec| {
            spec["components"]["web"]["imge"] = json!("x");
            spec["components"]["web"]["uses"] = json!(["nothing"]);
        })?;
        let output = world.outboard(&["project", "apply", "-o", "json"]).await?.ended(Exit::Invalid)?;
        let problems = output.last()?["error"]["problems"].clone();
        ensure!(problems.as_array().is_some_and(|all| !all.is_empty()), "no problems: {problems}");
        for problem in problems.as_array().into_iter().flatten() {
            ensure!(
                problem["line"].as_u64().is_some_and(|line| line > 0),
                "a problem without place: {problem}"
            );
        }
        let namespaces = Api::<Namespace>::all(world.client.clone());
        ensure!(
            namespaces.get_opt(&world.name).await?.is_none(),
            "a namespace was made for a broken project"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_namespace_that_outboard_did_not_make_is_refused_and_left_untouched() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let namespaces = Api::<Namespace>::all(world.client.clone());
        let name = world.namespace("qa");
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let made = namespaces
            .create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() })
            .await?;
        let outcome = refused_namespace(world, &made).await;
        namespaces.delete(&name, &DeleteParams::default()).await?;
        outcome
    })
    .await
}

async fn refused_namespace(world: &World, made: &Namespace) -> Result<()> {
    let namespaces = Api::<Namespace>::all(world.client.clone());
    let name = made.name_any();
    let exit = Cause::NamespaceTaken.exit();
    let output = world.outboard(&["env", "create", "qa"]).await?.ended(exit)?;
    contains(&output.stderr, &format!("namespace {name}"))?;
    contains(&output.stderr, "left untouched")?;
    // Destroying the environment does not take it along either.
    let output = world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
    contains(&output.stdout, "destroyed qa")?;
    let now = namespaces.get(&name).await?;
    same("its UID", &now.uid(), &made.uid())?;
    same("its labels", now.labels(), made.labels())?;
    same("its resourceVersion", &now.resource_version(), &made.resource_version())?;
    ensure!(now.metadata.deletion_timestamp.is_none(), "it is being deleted");
    same("pods in it", &world.pods("qa").await?.len(), &0)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn no_cluster_is_an_exit_code_of_its_own() -> Result<()> {
    story(async |world| {
        world.write(|_| {})?;
        // A port that was free a moment ago: nobody listens.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let nowhere = world.kubeconfig("nowhere", |file| {
            file["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{port}"));
        })?;
        for arguments in [&["env", "list"][..], &["env", "create", "qa"], &["project", "apply"]] {
            let output = world.outboard_as(&nowhere, arguments).await?.ended(Exit::Unreachable)?;
            contains(&output.stderr, &format!("127.0.0.1:{port} does not answer: connection refused"))?;
        }
        let output =
            world.outboard_as(&nowhere, &["env", "list", "-o", "json"]).await?.ended(Exit::Unreachable)?;
        same("as data", &output.last()?["error"]["exit"], &json!(Exit::Unreachable.code()))?;
        let missing = world.directory().join("missing");
        let output = world.outboard_as(&missing, &["env", "list"]).await?.ended(Exit::Unreachable)?;
        contains(&output.stderr, "kubeconfig")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_lacking_right_is_told_with_who_what_and_where() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let nobody = nobody(world).await?;
        let user = format!("system:serviceaccount:{}:nobody", world.name);
        for arguments in [&["env", "list"][..], &["env", "create", "qa"], &["env", "destroy", "qa", "--yes"]]
        {
            let output = world.outboard_as(&nobody, arguments).await?.ended(Exit::Forbidden)?;
            contains(&output.stderr, &format!("you are `{user}`, who may not"))?;
            contains(&output.stderr, &format!("in namespace `{}`", world.name))?;
        }
        let stranger = world.kubeconfig("stranger", |file| {
            file["users"][0]["user"] = json!({"token": "not-a-token"});
        })?;
        let output = world.outboard_as(&stranger, &["env", "create", "qa"]).await?.ended(Exit::Forbidden)?;
        contains(&output.stderr, "does not accept your credentials")?;
        nothing_done(world).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_absent_operator_is_told_and_nothing_is_written() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        without_operator(&world.client, async || {
            let output = world.outboard(&["env", "create", "qa"]).await?.ended(Exit::NoOperator)?;
            contains(&output.stderr, "the operator does not answer")?;
            contains(&output.stderr, "nothing was changed")?;
            ensure!(
                world.environments().get_opt("qa").await?.is_none(),
                "an environment was written without a plan"
            );
            println!("told after {:.1} s", output.took.as_secs_f32());
            let project = world.outboard(&["project", "apply"]).await?.ended(Exit::Success)?;
            contains(&project.stdout, "unchanged")
        })
        .await?;
        world.create("qa", &[]).await?;
        same("the answer", &world.get("qa", "/healthz").await?.status, &200)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_api_server_that_is_away_for_a_while_is_waited_for() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let (proxy, kubeconfig) = Proxy::between(world).await?;
        let (output, outage) = tokio::join!(
            world.outboard_as(&kubeconfig, &["env", "create", "qa"]),
            outage(world, &proxy, true)
        );
        outage?;
        let output = output?.ended(Exit::Success)?;
        contains(&output.stderr, "does not answer")?;
        contains(&output.stderr, "the API server answers again")?;
        contains(&output.stdout, "qa is ready")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_api_server_that_stays_away_ends_the_command_and_not_the_work() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let (proxy, kubeconfig) = Proxy::between(world).await?;
        let (output, outage) = tokio::join!(
            world.outboard_as(&kubeconfig, &["env", "create", "qa"]),
            outage(world, &proxy, false)
        );
        outage?;
        let output: Output = output?.ended(Exit::Unreachable)?;
        contains(&output.stderr, "stopped answering")?;
        contains(&output.stderr, &format!("outboard -n {} env show qa --wait", world.name))?;
        println!("told after {:.1} s", output.took.as_secs_f32());
        // What the hint says works.
        let shown = world.outboard(&["env", "show", "qa", "--wait"]).await?.ended(Exit::Success)?;
        contains(&shown.stdout, "qa")
    })
    .await
}

/// Cuts the connection as soon as the environment is written down; mends it once the command has noticed.
async fn outage(world: &World, proxy: &Proxy, mend: bool) -> Result<()> {
    until("the environment written down", SOON, async || {
        let found = world.environments().get_opt("qa").await?;
        Ok(found.and_then(|found| found.status).map(|_| ()))
    })
    .await?;
    proxy.break_off();
    let refused = proxy.refused();
    if mend {
        until("the command noticed", SOON, async || Ok((proxy.refused() > refused).then_some(()))).await?;
        proxy.mend();
    }
    Ok(())
}

/// The kubeconfig of an account without any right.
async fn nobody(world: &World) -> Result<PathBuf> {
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), &world.name);
    let metadata = ObjectMeta { name: Some("nobody".to_owned()), ..ObjectMeta::default() };
    accounts
        .create(&PostParams::default(), &ServiceAccount { metadata, ..ServiceAccount::default() })
        .await?;
    let request = TokenRequest {
        spec: Some(TokenRequestSpec { expiration_seconds: Some(600), ..TokenRequestSpec::default() }),
        ..TokenRequest::default()
    };
    let answer = accounts.create_token_request("nobody", &PostParams::default(), &request).await?;
    let token = answer.status.context("no token")?.token;
    world.kubeconfig("nobody", |file| file["users"][0]["user"] = json!({"token": token}))
}

/// No environment, and no namespace of one.
async fn nothing_done(world: &World) -> Result<()> {
    let environments = world.environments().list(&ListParams::default()).await?;
    same("environments", &environments.items.len(), &0)?;
    same("namespaces", &world.namespaces().await?, &vec![])?;
    ensure!(!world.namespace_exists("qa").await?, "a namespace was made");
    Ok(())
}
