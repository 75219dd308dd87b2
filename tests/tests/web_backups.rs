//! Backups through the pages of `outboard ui`: made once however often they are asked for, and brought back into what was changed
//! and into what was destroyed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use api::datacopy::{CopyLimits, CopyPhase, DataCopySpec};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};
use stories::redis_server::words;
use stories::{Page, Ui, World, backups, contains, form_token, light, same, story, until};

const LONG: Duration = Duration::from_secs(300);
const SOON: Duration = Duration::from_secs(30);
/// Objects of a bucket: one that stays, one that is changed, one that is removed.
const OBJECTS: [&str; 3] = ["a/stays.txt", "b/changes.txt", "c/goes.txt"];

/// A Redis and a bucket, and nothing that uses them; backups lie in the bucket of a third environment.
fn project(world: &World) -> impl FnOnce(&mut Value) + use<> {
    let place = backups::place(world);
    move |spec| {
        *spec = light();
        spec["services"] = json!({"cache": {"type": "redis"}, "uploads": {"type": "s3", "storage": "2Gi"}});
        spec["classes"]["store"] = json!({"network": "open"});
        spec["masks"] = json!({"cache": {"deny": true}, "uploads": {"deny": true}});
        spec["backups"] = place;
    }
}

/// What there is of its data, as its servers tell it.
#[derive(Debug, PartialEq)]
struct Told {
    answer: Option<String>,
    list: Vec<String>,
    objects: BTreeMap<String, Option<String>>,
}

async fn told(world: &World) -> Result<Told> {
    let (cache, uploads) = (world.redis("qa", "cache").await?, world.shelf("qa", "uploads").await?);
    let mut objects = BTreeMap::new();
    for name in OBJECTS {
        objects.insert(name.to_owned(), uploads.told(name).await?);
    }
    Ok(Told {
        answer: cache.ask(words("GET answer")).await?,
        list: cache.ask(words("LRANGE names 0 -1")).await?,
        objects,
    })
}

async fn fill(world: &World) -> Result<()> {
    let (cache, uploads) = (world.redis("qa", "cache").await?, world.shelf("qa", "uploads").await?);
    cache.ask::<()>(words("SET answer 42")).await?;
    cache.ask::<u64>(words("RPUSH names ann bob")).await?;
    for name in OBJECTS {
        uploads.put(name, "text/plain", &format!("this is {name}")).await?;
    }
    Ok(())
}

async fn spoil(world: &World) -> Result<()> {
    let (cache, uploads) = (world.redis("qa", "cache").await?, world.shelf("qa", "uploads").await?);
    cache.ask::<()>(words("SET answer 0")).await?;
    cache.ask::<u64>(words("DEL names")).await?;
    uploads.put(OBJECTS[1], "text/plain", "something else").await?;
    uploads.remove(OBJECTS[2]).await
}

/// What a field of a form says by itself.
fn field(page: &Page, name: &str) -> Result<String> {
    let after = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1);
    let value = after.and_then(|after| after.split('"').next());
    Ok(value.with_context(|| format!("no form with `{name}`: {}", page.body))?.to_owned())
}

/// Sends a form twice at once: both answers lead to the same place, which it answers with.
async fn twice(ui: &Ui, path: &str, cookie: &str, body: &str) -> Result<String> {
    let (one, two) = tokio::join!(ui.send(path, cookie, body), ui.send(path, cookie, body));
    let (one, two) = (one?, two?);
    ensure!(one.status == 303 && two.status == 303, "{one:?}\n{two:?}");
    let place = one.header("location").context("it leads nowhere")?.to_owned();
    same("where both lead", &two.header("location"), &Some(place.as_str()))?;
    Ok(place)
}

/// Waits until a copy is done, and its page says so.
async fn done(world: &World, ui: &Ui, path: &str, cookie: &str) -> Result<()> {
    let name = path.rsplit('/').next().context("a copy without a name")?;
    world.copy_done(name, LONG).await?;
    until(&format!("{path} says that it is done"), SOON, async || {
        let page = ui.see(path, cookie).await?;
        same(path, &page.status, &200)?;
        Ok((page.body.contains("Done") && !page.body.contains("/cancel\"")).then_some(()))
    })
    .await
}

/// Names of those that are so.
async fn copies(world: &World, are: impl Fn(&api::DataCopy) -> bool) -> Result<Vec<String>> {
    let all = world.copies().list(&ListParams::default()).await?;
    Ok(all.iter().filter(|copy| are(copy)).map(ResourceExt::name_any).collect())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_backup_is_made_once_and_comes_back_into_what_was_changed_and_what_was_destroyed() -> Result<()> {
    story(async |world| {
        world.apply(project(world)).await?;
        let made = ["qa", "store"].map(|name| ["env", "create", name, "--class", name]);
        let (qa, store) = tokio::join!(world.outboard(&made[0]), world.outboard(&made[1]));
        qa?.ended(Exit::Success)?;
        store?.ended(Exit::Success)?;
        backups::store(world).await?;
        fill(world).await?;
        let before = told(world).await?;
        ensure!(before.answer.is_some() && before.objects.values().all(Option::is_some), "{before:?}");

        let mut ui = Ui::begin(world).await?;
        let (cookie, here) = (ui.enter().await?, format!("/environments/{}/qa", world.name));
        let data = format!("{here}/data");
        let page = ui.see(&data, &cookie).await?;
        contains(&page.body, "There is no backup of qa yet")?;
        let token = form_token(&page)?;
        let asked = format!("token={token}&at={}&action=backup", field(&page, "at")?);
        let place = twice(&ui, &data, &cookie, &asked).await?;
        done(world, &ui, &place, &cookie).await?;
        let backup = place.rsplit('/').next().context("a backup without a name")?.to_owned();
        // Also once it is done.
        same("where the form leads then", &twice(&ui, &data, &cookie, &asked).await?, &place)?;
        same("backups", &copies(world, |copy| copy.spec.backup).await?, &vec![backup.clone()])?;
        let listed = ui.see(&data, &cookie).await?;
        let offered = format!("{here}/restore?backup={backup}");
        same("how often it is offered", &listed.body.matches(&offered).count(), &1)?;

        the_changed(world, &ui, &cookie, &backup, &before).await?;
        the_destroyed(world, &ui, &cookie, &backup, &before).await?;
        the_paused(world, &ui, &cookie).await?;
        ui.end().await
    })
    .await
}

async fn the_changed(world: &World, ui: &Ui, cookie: &str, backup: &str, before: &Told) -> Result<()> {
    spoil(world).await?;
    let spoilt = told(world).await?;
    ensure!(spoilt != *before, "nothing was changed");
    let restore = format!("/environments/{}/qa/restore", world.name);
    let page = ui.see(&format!("{restore}?backup={backup}"), cookie).await?;
    let chosen = format!("<option value=\"{backup}\" selected>");
    contains(&page.body, &chosen)?;
    let asked =
        format!("token={}&copy={}&backup={backup}&masks=project", form_token(&page)?, field(&page, "copy")?);
    let refused = ui.send(&restore, cookie, &asked).await?;
    same("what was not confirmed", &refused.status, &422)?;
    contains(&refused.body, "it was not confirmed that it goes")?;
    same("its data", &told(world).await?, &spoilt)?;
    let place = twice(ui, &restore, cookie, &format!("{asked}&sure=1")).await?;
    done(world, ui, &place, cookie).await?;
    same("its data", &told(world).await?, before)?;
    let back = copies(world, |copy| copy.spec.from.backup.as_deref() == Some(backup)).await?;
    same("how often it was brought back", &back.len(), &1)?;
    world.ready("qa", LONG).await
}

async fn the_destroyed(world: &World, ui: &Ui, cookie: &str, backup: &str, before: &Told) -> Result<()> {
    let destroy = format!("/environments/{}/qa/destroy", world.name);
    let page = ui.see(&destroy, cookie).await?;
    let asked = format!("token={}&uid={}&name=qa", form_token(&page)?, field(&page, "uid")?);
    same("destroying it", &ui.send(&destroy, cookie, &asked).await?.status, &303)?;
    until("qa is gone", LONG, async || Ok(world.environments().get_opt("qa").await?.is_none().then_some(())))
        .await?;
    // A new one of its name, with the data of what was kept.
    let offered = format!("<option value=\"backup/{backup}\"");
    let page = until("its backup is offered", SOON, async || {
        let page = ui.see("/environments/new", cookie).await?;
        Ok(page.body.contains(&offered).then_some(page))
    })
    .await?;
    let token = form_token(&page)?;
    let name = &world.name;
    let asked =
        format!("token={token}&project={name}/{name}&name=qa&class=qa&data=backup/{backup}&masks=project");
    let planned = ui.send("/environments/new", cookie, &asked).await?;
    let plan = planned.header("location").with_context(|| format!("no plan: {planned:?}"))?.to_owned();
    let restores = async || copies(world, |copy| copy.spec.from.backup.as_deref() == Some(backup)).await;
    let earlier = restores().await?;
    twice(ui, &format!("{plan}/carry-out"), cookie, &format!("token={token}")).await?;
    until("its data is there again", LONG, async || {
        let found = told(world).await?;
        ensure!(found == *before, "{found:?}");
        Ok(Some(()))
    })
    .await?;
    let mut back = restores().await?;
    back.retain(|copy| !earlier.contains(copy));
    same("how often it was brought back", &back.len(), &1)?;
    world.ready("qa", LONG).await
}

/// One that takes its time is stopped for a while, and goes on, by the buttons of its page.
async fn the_paused(world: &World, ui: &Ui, cookie: &str) -> Result<()> {
    let uploads = world.shelf("qa", "uploads").await?;
    for number in 0..60 {
        uploads.put(&format!("many/{number}"), "text/plain", "one of many").await?;
    }
    let limits = CopyLimits { requests_per_second: Some(2), ..CopyLimits::default() };
    let services = vec!["uploads".to_owned()];
    let slow = DataCopySpec { backup: true, services, limits, ..DataCopySpec::between("qa", "qa") };
    world.ask_copy("slow", slow).await?;
    world.copy_until("slow", "begun", LONG, |status| status.phase == CopyPhase::Copying).await?;
    let path = format!("/copies/{}/slow", world.name);
    let press = async |word: &str| {
        let token = form_token(&ui.see(&path, cookie).await?)?;
        let pressed = ui.send(&format!("{path}/{word}"), cookie, &format!("token={token}")).await?;
        same(word, &(pressed.status, pressed.header("location")), &(303, Some(path.as_str())))
    };
    press("pause").await?;
    world.copy_until("slow", "paused", LONG, |status| status.phase == CopyPhase::Paused).await?;
    until("its page says so", SOON, async || {
        let page = ui.see(&path, cookie).await?;
        Ok((page.body.contains("Paused") && page.body.contains("/resume\"")).then_some(()))
    })
    .await?;
    world.steer_copy("slow", &json!({"limits": {"requestsPerSecond": null}})).await?;
    press("resume").await?;
    done(world, ui, &path, cookie).await
}
