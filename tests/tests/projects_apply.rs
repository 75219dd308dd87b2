//! A project is stored whole, from several files, or one component at a time, and nobody's work is lost by somebody else's.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use api::{Exit, Project};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use serde_json::json;
use stories::{World, contains, light, same, story};

async fn project(world: &World) -> Result<Project> {
    Ok(Api::namespaced(world.client.clone(), &world.name).get(&world.name).await?)
}

async fn version(world: &World, component: &str) -> Result<Option<String>> {
    Ok(project(world).await?.spec.components.get(component).and_then(|found| found.version.clone()))
}

fn write(world: &World, name: &str, text: &str) -> Result<()> {
    let path = world.directory().join(name);
    std::fs::create_dir_all(path.parent().context("a file has a directory")?)?;
    Ok(std::fs::write(path, text)?)
}

/// The keys of a component that serves on one port.
fn component(version: &str) -> String {
    format!("image: registry.testbed:5000/shop/web\nversion: \"{version}\"\nports: {{http: 8080}}\n")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn every_example_of_the_guide_is_stored() -> Result<()> {
    story(async |world| {
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/project.md");
        let guide = std::fs::read_to_string(guide)?;
        write(world, "app.toml", "level = 1\n")?;
        write(world, "k8s/banner.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: banner}\n")?;
        let search = "components: {search: {image: r/search, version: \"1\", ports: {http: 80}}}\n";
        write(world, "teams/search.yaml", search)?;
        let examples = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let mut stored = 0;
        for example in examples {
            let text = if example.contains("kind: Project") {
                example.replace("metadata: {name: shop}", &format!("metadata: {{name: {}}}", world.name))
            } else {
                let spec: String = example.lines().map(|line| format!("  {line}\n")).collect();
                format!(
                    "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: {}}}\nspec:\n{spec}",
                    world.name
                )
            };
            write(world, "outboard.yaml", &text)?;
            world.outboard(&["project", "apply"]).await?.ended(Exit::Success)?;
            stored += 1;
        }
        ensure!(stored > 5, "only {stored} examples");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_file_that_includes_a_broken_one_is_told_with_that_file_and_not_stored() -> Result<()> {
    story(async |world| {
        world.write(|spec| {
            *spec = light();
            spec["include"] = json!(["./teams/*.yaml"]);
        })?;
        write(world, "teams/a.yaml", "components:\n  web: {image: r/other}\n  api: {imge: r/api}\n")?;
        let refused = world.outboard(&["project", "apply"]).await?.ended(Exit::Invalid)?;
        contains(&refused.stderr, "teams/a.yaml:2:3")?;
        contains(&refused.stderr, "in the project's own file, at")?;
        contains(&refused.stderr, "unknown key `imge`")?;
        let namespaces = Api::<Namespace>::all(world.client.clone());
        ensure!(namespaces.get_opt(&world.name).await?.is_none(), "a namespace was made for it");

        write(
            world,
            "teams/a.yaml",
            &format!("components:\n  api: {{{}}}\n", component("1").trim().replace('\n', ", ")),
        )?;
        world.outboard(&["project", "apply"]).await?.ended(Exit::Success)?;
        same("the included component", &version(world, "api").await?.as_deref(), &Some("1"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn components_that_are_applied_at_once_do_not_lose_one_another() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        let names: Vec<String> = (0..6).map(|number| format!("part-{number}")).collect();
        for name in &names {
            write(world, &format!("{name}.yaml"), &component(&format!("of-{name}")))?;
        }
        // Nobody adds a component by a slip of the finger.
        let one = ["project", "apply", "--component", "wbe", "--file", "part-0.yaml"];
        let refused = world.outboard(&one).await?.ended(Exit::NotFound)?;
        contains(&refused.stderr, "did you mean `web`?")?;
        contains(&refused.stderr, "--new")?;

        let all = names.iter().map(|name| async move {
            let file = format!("{name}.yaml");
            let apply = ["project", "apply", "--component", name, "--new", "--file", &file];
            world.outboard(&apply).await?.ended(Exit::Success)
        });
        futures::future::try_join_all(all).await?;
        for name in &names {
            same(name, &version(world, name).await?, &Some(format!("of-{name}")))?;
        }
        same("the rest", &version(world, "web").await?.as_deref(), &Some("1"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_component_with_a_file_of_its_own_is_left_alone_by_the_projects_file_until_it_is_taken_back()
-> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        let own = ["project", "apply", "--component", "web", "--file", "web.yaml"];
        write(world, "web.yaml", &component("2"))?;
        world.outboard(&own).await?.ended(Exit::Success)?;
        let again = world.outboard(&own).await?.ended(Exit::Success)?;
        contains(&again.stdout, "unchanged")?;

        // A route that finds its port no more is a problem of the whole, and told before anything is written.
        let before = project(world).await?;
        write(world, "web.yaml", &component("3").replace("ports: {http: 8080}", "ports: {}"))?;
        let refused = world.outboard(&own).await?.ended(Exit::Invalid)?;
        contains(&refused.stderr, "`web` has no ports")?;
        contains(&refused.stderr, "web.yaml:1:1")?;
        same(
            "the project",
            &project(world).await?.metadata.resource_version,
            &before.metadata.resource_version,
        )?;

        world.write(|spec| {
            *spec = light();
            spec["components"]["web"]["version"] = json!("1-of-the-project");
            spec["classes"]["staging"] = json!({});
        })?;
        let whole = world.outboard(&["project", "apply"]).await?.ended(Exit::Success)?;
        contains(&whole.stdout, "component web stays as its own file says")?;
        same("the component", &version(world, "web").await?.as_deref(), &Some("2"))?;
        ensure!(
            project(world).await?.spec.classes.contains_key("staging"),
            "the rest is not as the file says"
        );
        let listed = world.outboard(&["project", "list", "-o", "json"]).await?.ended(Exit::Success)?;
        same("its own files", &listed.last()?[0]["ownFiles"], &json!(["web"]))?;

        world.outboard(&["project", "apply", "--take", "web"]).await?.ended(Exit::Success)?;
        same("the component", &version(world, "web").await?.as_deref(), &Some("1-of-the-project"))?;
        world.outboard(&["project", "apply", "--take", "wbe"]).await?.ended(Exit::NotFound)?;
        Ok(())
    })
    .await
}
