//! Versions that a registry has: the operator reads them with the password of the class, for whoever may plan, and says what the
//! labels of their images say.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Exit, VersionQuery, marks};
use hyper::Method;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use stories::{
    HostOperator, PRIVATE, Person, PrivateRegistry, Ui, World, contains, light, same, story, until,
    without_operator,
};

const SOON: Duration = Duration::from_secs(90);
/// More than a page of the registry has.
const BUILDS: usize = 1_010;

fn built(time: &str, branch: &str) -> Value {
    json!({
        "architecture": "amd64", "os": "linux", "created": time, "rootfs": {"type": "layers", "diff_ids": []},
        "config": {"Labels": {
            "org.opencontainers.image.revision": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            "org.opencontainers.image.ref.name": branch,
            "org.opencontainers.image.authors": "Ada \u{1b}[31m<ada@example.com>",
        }},
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn versions_are_told_with_what_their_images_say_and_where_they_run() -> Result<()> {
    story(async |world| {
        let registry = PrivateRegistry::begin(world).await?;
        for tag in ["1.9", "1.10-rc1"] {
            registry.push_image("team/app", tag, &built("2026-11-01T10:00:00Z", "main")).await?;
        }
        let first = built("2026-11-20T10:00:00Z", "feature/basket");
        let digest = registry.push_image("team/app", "1.10", &first).await?;
        let plain = registry.push("team/app", "latest").await?;
        registry.tag("team/app", "latest", BUILDS, |number| format!("build-{number}")).await?;
        without_operator(&world.client, async || {
            let operator = HostOperator::begin_with(world, &["--registry", &registry.flag()])?;
            apply(world).await?;
            let denied = world.outboard(&["project", "versions", "web"]).await?.ended(Exit::Registry)?;
            contains(&denied.stderr, "does not let us list")?;
            contains(&denied.stderr, "outboard-registries")?;
            keep(world).await?;

            let all = versions(world, &[]).await?;
            same("all tags", &all["tags"], &json!(BUILDS + 4))?;
            let order = ["1.10", "1.10-rc1", "1.9", "latest", "build-1010"].map(str::to_owned).to_vec();
            same("the order", &tags(&all)[..5].to_vec(), &order)?;
            let newest = &all["versions"][0];
            same("the digest", &newest["digest"], &json!(digest))?;
            same("the branch", &newest["branch"], &json!("feature/basket"))?;
            same("the author, in plain letters", &newest["author"], &json!("Ada [31m<ada@example.com>"))?;
            same("when", &newest["created"], &json!("2026-11-20T10:00:00Z"))?;
            same("one that says nothing", &all["versions"][3]["branch"], &Value::Null)?;
            same("its digest", &all["versions"][3]["digest"], &json!(plain))?;
            let few = versions(world, &["--match", "BUILD-77", "--limit", "5"]).await?;
            same("matching", &few["matching"], &json!(11))?;
            same(
                "the first",
                &tags(&few),
                &["build-779", "build-778", "build-777", "build-776", "build-775"]
                    .map(str::to_owned)
                    .to_vec(),
            )?;
            let table = world.outboard(&["project", "versions", "web"]).await?.ended(Exit::Success)?;
            contains(&table.stdout, "9f86d08188")?;
            contains(&table.stderr, "20 of 1014 tags")?;
            let none = world
                .outboard(&["project", "versions", "web", "--match", "nope"])
                .await?
                .ended(Exit::Success)?;
            contains(&none.stderr, "no tag that has `nope` in it")?;
            let typo = world.outboard(&["project", "versions", "wbe"]).await?.ended(Exit::NotFound)?;
            contains(&typo.stderr, "web")?;

            // Where they run; then others are pushed under the same tag.
            world
                .outboard(&["env", "create", "qa", "--class", "qa", "--set", "web=1.10", "--no-wait"])
                .await?
                .ended(Exit::Success)?;
            let of_qa = async |field: &str| {
                let found = versions(world, &["--match", "1.10"]).await?;
                Ok((found["versions"][0][field] == json!(["qa"])).then_some(()))
            };
            until("it runs in qa", SOON, async || of_qa("runsIn").await).await?;
            registry.push_image("team/app", "1.10", &built("2026-11-26T10:00:00Z", "main")).await?;
            until("qa has the older bytes", SOON, async || of_qa("outdatedIn").await).await?;

            people(world).await?;
            pages(world).await?;
            drop(registry);
            until("the registry is away", SOON, async || {
                let told = world.outboard(&["project", "versions", "web"]).await?;
                Ok((told.code == i32::from(Exit::Registry.code())).then_some(told.stderr))
            })
            .await
            .and_then(|told| contains(&told, "cannot be read"))?;
            let left = Api::<VersionQuery>::namespaced(world.client.clone(), &world.name);
            same("questions that are left", &left.list(&ListParams::default()).await?.items.len(), &0)?;
            operator.stop().await
        })
        .await
    })
    .await
}

async fn apply(world: &World) -> Result<()> {
    let applied = world.apply(|spec| {
        *spec = light();
        spec["components"]["web"]["image"] = json!(format!("{PRIVATE}/team/app"));
        spec["classes"]["production"] = json!({"protected": true});
        for role in ["viewer", "qa", "releaser"] {
            spec["access"][role] = json!({"users": [role]});
        }
    });
    applied.await.map(drop)
}

async fn versions(world: &World, more: &[&str]) -> Result<Value> {
    let arguments = [&["project", "versions", "web", "-o", "json"], more].concat();
    world.outboard(&arguments).await?.ended(Exit::Success)?.last()
}

fn tags(found: &Value) -> Vec<String> {
    let all = found["versions"].as_array().into_iter().flatten();
    all.filter_map(|version| Some(version["tag"].as_str()?.to_owned())).collect()
}

/// Whoever plans asks; with the password of what is protected, whoever releases it.
async fn people(world: &World) -> Result<()> {
    for (role, class, code) in [
        ("viewer", "qa", Exit::Forbidden),
        ("qa", "qa", Exit::Success),
        ("qa", "production", Exit::Forbidden),
        ("releaser", "production", Exit::Success),
    ] {
        let person = Person::new(world, role).await?;
        let asked = ["project", "versions", "web", "--class", class];
        // Roles are bound a moment after the project is stored.
        until(&format!("{role} asks with {class}"), SOON, async || {
            Ok((person.outboard(world, &asked).await?.code == i32::from(code.code())).then_some(()))
        })
        .await?;
    }
    let qa = Person::new(world, "qa").await?;
    let refused = qa.outboard(world, &["project", "versions", "web", "--class", "production"]).await?;
    contains(&refused.stderr, "a releaser of the project asks its registry")
}

/// The API and the field of a form say the same.
async fn pages(world: &World) -> Result<()> {
    let ui = Ui::begin(world).await?;
    let place = format!("/projects/{}/{}/components/web/versions", world.name, world.name);
    let found = ui.api(Method::GET, &format!("/api/v1{place}?match=1.10&class=qa"), None).await?;
    same("the API", &found.status, &200)?;
    same("what it has", &tags(&found.json()?), &vec!["1.10".to_owned(), "1.10-rc1".to_owned()])?;
    for (wrong, status) in [("match=1&limit=51", 422), ("class=nope", 404), ("matching=1", 422)] {
        let refused = ui.api(Method::GET, &format!("/api/v1{place}?{wrong}"), None).await?;
        same(wrong, &refused.status, &status)?;
    }
    let field = ui.api(Method::GET, &format!("{place}?class=qa&has=1.10&version.web=1.10"), None).await?;
    same("the field", &field.status, &200)?;
    contains(&field.body, "versions in its registry: type to narrow them")?;
    contains(&field.body, "main · Ada [31m&#60;ada@example.com&#62;")?;
    let typed = ui.api(Method::GET, &format!("{place}?class=qa&has=1.10&version.web=uild-77"), None).await?;
    contains(&typed.body, "11 versions with `uild-77` in them")?;
    ensure!(typed.body.matches("<option").count() >= 11, "{}", typed.body);
    let form = ui.api(Method::GET, "/environments/new", None).await?;
    contains(&form.body, &format!("hx-get=\"{place}?class=qa"))?;
    ui.end().await.context("the pages")
}

/// Puts the credentials into the control namespace, for every class.
async fn keep(world: &World) -> Result<()> {
    let logins = json!({"auths": {PRIVATE: {"username": "ci", "password": "s3cret"}}});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "outboard-registries", "annotations": {(marks::CLASSES): "*"}},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": logins.to_string()},
    });
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.name);
    secrets
        .patch("outboard-registries", &PatchParams::apply("story").force(), &Patch::Apply(&secret))
        .await?;
    Ok(())
}
