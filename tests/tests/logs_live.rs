//! What `outboard logs` shows of containers that run, crashed, or say strange things.

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::{Value, json};
use std::time::Duration;
use stories::{Output, World, contains, images, same, story, until};

const SOON: Duration = Duration::from_secs(60);

/// A component whose program is a script, in an image that has a shell.
fn script(text: &str) -> Value {
    json!({
        "image": "registry.testbed:5000/library/redis", "version": "7",
        "command": ["/bin/sh", "-c", text],
        "resources": {"cpu": "5m", "memory": "64Mi"},
        "scale": {"min": 1}, "stop": {"drain": "0s", "grace": "1s"},
    })
}

/// Says so many things, and goes on.
const TALKATIVE: &str = r#"
echo 'INFO it begins'
printf 'ERROR boom\n\tat com.example.Main.run(Main.java:12)\nCaused by: java.io.IOException: closed\n'
echo '{"level":"warn","msg":"slow answer","path":"/cart"}'
printf '\377 binary\n'
printf '%01000000d\n' 7
echo 'INFO that was all'
exec sleep 3600
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn entries_are_told_whole_filtered_and_as_they_were_written() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| *spec = json!({"components": {"web": script(TALKATIVE)}, "classes": {"qa": {}}}))
            .await?;
        world.create("qa", &[]).await?;
        let logs = async |arguments: &[&str]| logs(world, arguments).await;
        until("all is written", SOON, async || {
            let all = logs(&[]).await?;
            Ok(all.stdout.contains("that was all").then_some(()))
        })
        .await?;

        let raw = logs(&["-o", "raw"]).await?;
        ensure!(raw.stdout.starts_with("INFO it begins\nERROR boom\n\tat com."), "{}", &raw.stdout[..200]);
        ensure!(raw.stdout.lines().any(|line| line.len() == 1_000_000), "the long line is not whole");

        let values = logs(&["-o", "json"]).await?.events()?;
        same("entries", &values.len(), &6)?;
        same("a trace", &values[1]["text"].as_str().map(|text| text.lines().count()), &Some(3))?;
        same("its level", &values[1]["level"], &"error".into())?;
        same("fields", &values[2]["fields"]["path"], &"/cart".into())?;
        same("binary", &values[3]["text"], &"\u{fffd} binary".into())?;
        let time = values[2]["time"].as_str().context("no time")?;

        let grave = logs(&["--level", "warn", "--exclude", "slow"]).await?;
        same("lines of what is grave", &grave.stdout.lines().count(), &3)?;
        let found = logs(&["--grep", "Main.java", "--component", "web", "--container", "web"]).await?;
        contains(&found.stdout, "web | ERROR boom")?;
        same(
            "the last line",
            &logs(&["--tail", "1"]).await?.stdout,
            &"web | INFO that was all\n".to_owned(),
        )?;
        let since = logs(&["--since", time, "-o", "raw"]).await?;
        ensure!(since.stdout.starts_with("{\"level\""), "{}", &since.stdout[..100]);
        let until_then = logs(&["--until", time, "-o", "raw"]).await?;
        ensure!(until_then.stdout.ends_with("\"/cart\"}\n"), "{}", until_then.stdout);
        let coloured = logs(&["--color", "always", "--grep", "slow"]).await?;
        ensure!(!coloured.stdout.contains("\"msg\""), "{}", coloured.stdout);
        bad_input(world).await
    })
    .await
}

async fn logs(world: &World, arguments: &[&str]) -> Result<Output> {
    world.outboard(&[&["logs", "qa"], arguments].concat()).await?.ended(Exit::Success)
}

async fn bad_input(world: &World) -> Result<()> {
    let refused: [(&[&str], Exit, &str); 8] = [
        (&["wbe"], Exit::NotFound, "did you mean `web`?"),
        (&["--component", "wbe"], Exit::NotFound, "did you mean `web`?"),
        (&["--container", "wbe"], Exit::NotFound, "did you mean `web`?"),
        (&["--grep", "a(b"], Exit::Usage, "unclosed group"),
        (&["--level", "loud"], Exit::Usage, "write trace, debug, info, warn, error or fatal"),
        (&["--since", "1m", "--until", "1h"], Exit::Usage, "--since is the earlier moment"),
        (&["--since", "yesterday"], Exit::Usage, "write how long ago"),
        (&["-f", "--until", "1h"], Exit::Usage, "cannot be used with"),
    ];
    for (arguments, exit, words) in refused {
        let output = world.outboard(&[&["logs", "qa"], arguments].concat()).await?.ended(exit)?;
        contains(&output.stderr, words)?;
    }
    let other = world.outboard(&["env", "list", "-o", "raw"]).await?.ended(Exit::Usage)?;
    contains(&other.stderr, "elsewhere: table, wide, json, yaml")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_was_written_before_a_crash_comes_first_with_how_it_ended() -> Result<()> {
    story(async |world| {
        images(&["testbed/chatter"]).await?;
        let chatter = stories::chatter(50, 1);
        world.apply(|spec| *spec = json!({"components": {"app": chatter}, "classes": {"qa": {}}})).await?;
        world.create("qa", &[]).await?;
        world.outboard(&["exec", "qa", "app", "--", "/usr/bin/chatter", "tell", "crash"]).await?;
        until("it runs again", SOON, async || {
            let all = logs(world, &[]).await?;
            let mark = all.stdout.find("ended with exit code 3");
            Ok(mark.filter(|mark| all.stdout[*mark..].lines().count() > 2))
        })
        .await?;
        let events = logs(world, &["-o", "json"]).await?.events()?;
        let exits: Vec<&Value> = events.iter().filter(|event| event["event"] == "exited").collect();
        same("exits", &exits.len(), &1)?;
        same("its code", &exits[0]["exit"]["code"], &3.into())?;
        let words =
            |event: &Value| event["text"].as_str().map(|text| text.split(' ').nth(1).map(str::to_owned));
        let runs: std::collections::BTreeSet<_> = events.iter().filter_map(words).collect();
        same("runs", &runs.len(), &2)
    })
    .await
}
