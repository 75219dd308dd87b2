//! What is spoken through the gateway beside plain requests: WebSockets, gRPC, answers that take their time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::{Value, json};
use stories::{GATEWAY, Socket, World, ask, ask_for, images, same, story, talk};

/// Longer than a gateway waits where nobody says how long.
const SILENCE: Duration = Duration::from_secs(17);
const DRAIN: Duration = Duration::from_secs(15);

/// Two replicas of a server that speaks everything, and one that may ask it.
async fn create(world: &World) -> Result<()> {
    images(&["testbed/talk"]).await?;
    let image = json!({"image": "registry.testbed:5000/testbed/talk", "version": "1"});
    let with = |more: Value| {
        let mut component = image.clone();
        if let (Value::Object(component), Value::Object(more)) = (&mut component, more) {
            component.extend(more);
        }
        component
    };
    world
        .apply(|spec| {
            *spec = json!({
                "components": {
                    "talk": with(json!({
                        "ports": {"grpc": 9090, "http": 8080},
                        "health": {"ready": {"grpc": "grpc"}},
                        "stop": {"drain": format!("{}s", DRAIN.as_secs()), "grace": "60s"},
                        "scale": {"min": 2},
                    })),
                    "caller": with(json!({"uses": ["talk"]})),
                },
                "routes": [
                    {"host": "talk", "to": "talk", "port": "http", "timeout": "0s"},
                    {"host": "brief", "to": "talk", "port": "http", "timeout": "1s"},
                    {"host": "calls", "to": "talk", "port": "grpc"},
                ],
            });
        })
        .await?;
    world.create("qa", &[]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_websocket_survives_silence_and_a_rollout_until_its_own_pod_has_drained() -> Result<()> {
    story(async |world| {
        create(world).await?;
        let host = world.host_of("talk", "qa");
        let mut socket = Socket::open(&host, "/talk").await?;
        let first = speaker(&socket.say("hello").await?, "hello")?;

        // Without end there is no end, and with one it is kept.
        let silent = format!("/wait?ms={}", SILENCE.as_millis());
        let answer = ask_for(&host, &silent, SILENCE * 2).await?;
        same("the late answer", &answer.status, &200)?;
        let answer = ask(&world.host_of("brief", "qa"), "/wait?ms=4000", None).await?;
        same("an answer that comes too late", &answer.status, &504)?;
        same("who speaks", &speaker(&socket.say("still here").await?, "still here")?, &first)?;

        // Every pod is replaced: the socket stays with its own until that has drained, a new one finds a new pod.
        world.outboard(&["env", "restart", "qa", "talk"]).await?.ended(Exit::Success)?;
        same("who speaks", &speaker(&socket.say("and now").await?, "and now")?, &first)?;
        ensure!(!world.uids("qa").await?.contains_key(&first), "its pod was not replaced");
        let mut other = Socket::open(&host, "/talk").await?;
        let second = speaker(&other.say("hello").await?, "hello")?;
        ensure!(world.uids("qa").await?.contains_key(&second), "a new socket leads to the old pod {second}");
        same("why it was closed (1001 is going away)", &socket.ended(DRAIN * 2).await?, &1001)?;
        same("who speaks", &speaker(&other.say("alone").await?, "alone")?, &second)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn grpc_answers_through_the_gateway_and_between_components() -> Result<()> {
    story(async |world| {
        create(world).await?;
        let host = world.host_of("calls", "qa");
        for words in ["one", "two", "three"] {
            let answer = talk(&["grpc", "-authority", &host, GATEWAY, words]).await?;
            let pod = speaker(answer.trim(), words)?;
            ensure!(world.uids("qa").await?.contains_key(&pod), "{pod} answers, and is not there");
        }
        let within = ["exec", "qa", "caller", "--", "/usr/bin/talk", "grpc", "talk:9090", "inside"];
        let answer = world.outboard(&within).await?.ended(Exit::Success)?.stdout;
        speaker(answer.trim(), "inside").map(drop)
    })
    .await
}

/// The pod that said this.
fn speaker(answer: &str, words: &str) -> Result<String> {
    let (pod, said) = answer.split_once(": ").with_context(|| format!("nobody says `{answer}`"))?;
    same("what was said", &said, &words)?;
    ensure!(pod.starts_with("talk-"), "`{pod}` is no pod of talk");
    Ok(pod.to_owned())
}
