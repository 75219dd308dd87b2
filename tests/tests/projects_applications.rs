//! What people know, with no change but the names of images: a blog and a message queue come in as Compose files and run.
//! The shop's story is told in `projects_import`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::json;
use stories::{World, ask, contains, images, post_form, same, story, until};

/// An installation by hand, or a message on its way, may take so long.
const SOON: Duration = Duration::from_secs(90);

const BLOG: &str = include_str!("../applications/blog/docker-compose.yml");
const QUEUE: &str = include_str!("../applications/queue/docker-compose.yml");

/// Imports the file, sees that it is told what became of it, and makes an environment of the result.
async fn bring_in(world: &World, compose: &str, told: &[&str]) -> Result<()> {
    std::fs::write(world.directory().join("compose.yaml"), format!("name: {}\n{compose}", world.name))?;
    let imported = world.outboard(&["import", "compose"]).await?.ended(Exit::Success)?;
    println!("{}", imported.stdout);
    for words in told {
        contains(&imported.stdout, words)?;
    }
    world.outboard(&["check"]).await?.ended(Exit::Success)?;
    world.outboard(&["project", "apply"]).await?.ended(Exit::Success)?;
    let created = world.create("qa", &[]).await?;
    println!("ready after {:.1} s", created.took.as_secs_f32());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_blog_is_imported_installed_and_keeps_what_is_written() -> Result<()> {
    story(async |world| {
        images(&["library/wordpress"]).await?;
        let told = [
            "1 component, 1 service and 1 route",
            "`mysql:8.0` becomes MariaDB",
            "--default-authentication-plugin=mysql_native_password",
            "how large volume `wp_data` is stands nowhere",
        ];
        bring_in(world, BLOG, &told).await?;

        let host = world.host_of("wordpress", "qa");
        let form = "weblog_title=Notes+from+the+quay&user_name=ann&admin_password=a+long+phrase&\
                    admin_password2=a+long+phrase&pw_weak=1&admin_email=ann%40example.com&language=";
        let installed = post_form(&host, "/wp-admin/install.php?step=2", form, SOON).await?;
        contains(&installed.body, "Success!")?;
        let page = ask(&host, "/", None).await?;
        same("the page's status", &page.status, &200)?;
        contains(&page.body, "Notes from the quay")?;
        contains(&page.body, "Hello world!")?;

        // Its files and its database outlive its pods.
        world.outboard(&["env", "restart", "qa", "wordpress"]).await?.ended(Exit::Success)?;
        contains(&ask(&host, "/", None).await?.body, "Notes from the quay")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_message_queue_is_imported_and_every_job_is_done() -> Result<()> {
    story(async |world| {
        images(&["library/rabbitmq", "demo/queue"]).await?;
        let told = [
            "2 components, 2 services and 1 route",
            "RABBITMQ_DEFAULT_PASS",
            "producer: ulimits: how its node",
        ];
        bring_in(world, QUEUE, &told).await?;

        let host = world.host_of("producer", "qa");
        let mut jobs = Vec::new();
        for word in ["outboard", "stressed", "quay", "drawer"] {
            // The broker answers a ping, which is all that its file asks of it, a moment before it takes connections.
            let answer = until("a job is taken", SOON, async || {
                let answer = ask(&host, "/jobs", Some(&json!({"text": word}))).await?;
                ensure!(answer.status == 201, "{} {}", answer.status, answer.body);
                Ok(Some(answer))
            })
            .await?;
            let number = answer.json()?["number"].as_u64().context("a job without number")?;
            jobs.push((number, word.chars().rev().collect::<String>()));
        }
        for (number, wanted) in jobs {
            until("the job is done", SOON, async || {
                let answer = ask(&host, &format!("/jobs/{number}"), None).await?;
                if answer.status != 200 {
                    return Ok(None);
                }
                let result = answer.json()?;
                same("the result", &result["text"].as_str(), &Some(wanted.as_str()))?;
                Ok(result["worker"]
                    .as_str()
                    .is_some_and(|worker| worker.starts_with("worker-"))
                    .then_some(()))
            })
            .await?;
        }
        Ok(())
    })
    .await
}
