//! The API of `outboard ui`: the examples of its guide run, changes happen once, every answer is one that its description knows.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use stories::{Ui, World, same, story, until};
use tokio::task::spawn_blocking;

const READY: Duration = Duration::from_secs(120);

/// Every block of shell in the guide, in order.
fn examples() -> Result<Vec<String>> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/api.md");
    let text = std::fs::read_to_string(guide)?;
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    Ok(blocks.map(str::to_owned).collect())
}

async fn revisions(world: &World) -> Result<usize> {
    let history = world.outboard(&["env", "history", "qa", "-o", "json"]).await?.last()?;
    Ok(history.as_array().context("no history")?.len())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn the_examples_of_the_guide_run() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let ui = Ui::begin(world).await?;
        let examples = examples()?;
        ensure!(examples.len() > 5, "the guide has examples in another way now");
        // One shell, as somebody reads the page from top to bottom; the first block starts what runs already.
        let script = examples.into_iter().skip(1).collect::<String>();
        let mut command = Command::new("sh");
        command
            .args(["-euxc", &script])
            .env("URL", format!("http://{}", ui.host()))
            .env("TOKEN_FILE", ui.token_file())
            .env("NAMESPACE", &world.name)
            .env("PROJECT", &world.name)
            .stdin(Stdio::null());
        let output = spawn_blocking(move || command.output()).await??;
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{stdout}\n{stderr}");
        ensure!(stdout.contains("\"state\":\"ready\""), "it was never ready:\n{stdout}");
        until("destroyed", READY, async || {
            let environments = world.environments();
            let left = (environments.get_opt("qa-42").await?, environments.get_opt("pr-7").await?);
            Ok(matches!(left, (None, None)).then_some(()))
        })
        .await?;
        ui.end().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_change_that_is_asked_for_twice_happens_once() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let ui = Ui::begin(world).await?;
        let namespace = &world.name;
        let restart = json!({"namespace": namespace, "change": {"action": "restart", "environment": "qa"}});
        let plan = ui.api(Method::POST, "/api/v1/plans", Some(&restart)).await?;
        same("a plan", &plan.status, &201)?;
        let id = plan.json()?["id"].as_str().context("a plan without id")?.to_owned();
        let path = format!("/api/v1/plans/{id}/carry-out");
        let before = revisions(world).await?;
        let (one, two) = tokio::join!(ui.api(Method::POST, &path, None), ui.api(Method::POST, &path, None));
        let (one, two) = (one?, two?);
        same("both", &(one.status, two.status), &(202, 202))?;
        same("both answers", &one.body, &two.body)?;
        world.ready("qa", READY).await?;
        same("revisions", &revisions(world).await?, &(before + 1))?;

        // Asked for twice at once under one name, it is one plan.
        let bearer = format!("Bearer {}", std::fs::read_to_string(ui.token_file())?);
        let named = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "restart of build 1001"),
        ];
        let said = restart.to_string();
        let ask = || ui.ask(Method::POST, "/api/v1/plans", &named, &said);
        let (one, two) = tokio::join!(ask(), ask());
        same("both plans", &one?.json()?["id"], &two?.json()?["id"])?;

        // With a change of somebody else in between, nothing of ours is written.
        let set = |version: &str| json!({"namespace": namespace, "change": {"action": "set", "environment": "qa", "versions": {"web": version}}});
        let stale = ui.api(Method::POST, "/api/v1/plans", Some(&set("2"))).await?.json()?;
        world.outboard(&["env", "restart", "qa", "web"]).await?;
        let path = format!("/api/v1/plans/{}/carry-out", stale["id"].as_str().context("no id")?);
        let refused = ui.api(Method::POST, &path, None).await?;
        same("the late one", &refused.status, &409)?;
        same("its kind", &refused.header("content-type"), &Some("application/problem+json"))?;
        ensure!(refused.json()?["hint"].as_str().is_some_and(|hint| hint.contains("nothing of yours")), "{}", refused.body);

        // What the operator refuses is a problem with its verdict, or a plan that says what it would wait for.
        let missing = ui.api(Method::POST, "/api/v1/plans", Some(&set("no-such-version"))).await?.json()?;
        let verdict = if missing["verdict"].is_null() { &missing["plan"]["verdict"] } else { &missing["verdict"] };
        same("the verdict", &verdict["cause"], &Value::from("ImageNotFound"))?;
        for (body, status) in [
            (json!({"namespace": "..", "change": {"action": "restart", "environment": "qa"}}), 422),
            (json!({"namespace": "other", "change": {"action": "restart", "environment": "qa"}}), 404),
            (json!({"namespace": namespace, "change": {"action": "restart", "environment": "nope"}}), 404),
            (json!({"namespace": namespace, "change": {"action": "explode", "environment": "qa"}}), 422),
            (json!({"namespace": namespace}), 422),
        ] {
            let answer = ui.api(Method::POST, "/api/v1/plans", Some(&body)).await?;
            same(&format!("{body}"), &answer.status, &status)?;
            same("its kind", &answer.header("content-type"), &Some("application/problem+json"))?;
        }
        let etag = ui.api(Method::GET, "/api/v1/projects", None).await?;
        let etag = etag.header("etag").context("no ETag")?.to_owned();
        let known = [("authorization", bearer.as_str()), ("if-none-match", etag.as_str())];
        same("as it was", &ui.ask(Method::GET, "/api/v1/projects", &known, "").await?.status, &304)?;
        ui.end().await
    })
    .await
}

/// The token goes by the environment: arguments can be read by everybody on the machine.
const CONFIG: &str = "headers = { Authorization = \"Bearer ${TOKEN}\" }\n";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and testbed tools schemathesis"]
async fn whatever_is_asked_there_is_an_answer_that_the_description_knows() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let ui = Ui::begin(world).await?;
        let described = ui.api(Method::GET, "/api/v1/openapi.json", None).await?;
        let (schema, config) =
            (world.directory().join("openapi.json"), world.directory().join("schemathesis.toml"));
        std::fs::write(&schema, &described.body)?;
        std::fs::write(&config, CONFIG)?;
        let mut command = Command::new(testbed::tool("schemathesis")?);
        command
            .args(["--no-color", "--config-file"])
            .arg(&config)
            .arg("run")
            .arg(&schema)
            .args(["--url", &format!("http://{}", ui.host())])
            .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"])
            .args(["--checks", "response_schema_conformance,unsupported_method,ignored_auth"])
            // Streams end when their listener does.
            .args(["--exclude-path-regex", "events$"])
            .args([
                "--phases",
                "examples,coverage,fuzzing",
                "--max-examples",
                "40",
                "--request-timeout",
                "60",
            ])
            .args(["--generation-database", "none", "--suppress-health-check", "all"])
            .env("TOKEN", std::fs::read_to_string(ui.token_file())?)
            .current_dir(world.directory())
            .stdin(Stdio::null());
        let output = spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{said}");
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ensure!(said.contains("passed"), "nothing was asked");
        ui.end().await
    })
    .await
}
