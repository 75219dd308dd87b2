//! Data of one environment is brought into another: whole, masked and verified, while its writers go on, and whoever is
//! killed meanwhile.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::datacopy::{CopyPhase, DataCopySpec, DataCopyStatus, TargetState};
use api::{Cause, condition};
use kube::api::DeleteParams;
use rand::RngExt;
use serde_json::{Value, json};
use stories::goods::{self, Writer, checksums, consistent};
use stories::mariadb::Door;
use stories::{HostOperator, World, same, size, story, until, without_operator};

const LONG: Duration = Duration::from_secs(420);
const SOON: Duration = Duration::from_secs(90);

/// A table of types that are easily bent.
const ODD: &[&str] = &[
    "CREATE TABLE odd (id INT PRIMARY KEY, f FLOAT, b BIT(13), u UUID, i INET6, j JSON, g POINT, z DATE, t TEXT, e ENUM('a','b'), \
     d DECIMAL(30,10), y YEAR, m TIMESTAMP(6) NULL, x BLOB, KEY by_f (f), KEY by_u (u))",
    "SET SESSION sql_mode='ALLOW_INVALID_DATES'",
    "INSERT INTO odd SELECT seq, seq / 7, seq MOD 8192, UUID(), CONCAT('2001:db8::', HEX(seq)), JSON_OBJECT('n', seq, 't', '\\\\\\t\\n'), \
     POINT(seq, -seq), '0000-00-00', CONCAT('💚\\t\\\\N\\n', seq), 1 + seq MOD 2, seq / 3, 1901 + seq MOD 200, \
     '2001-02-03 04:05:06.000007' + INTERVAL seq SECOND, UNHEX(SHA2(seq, 512)) FROM seq_1_to_2000",
    "INSERT INTO odd (id) VALUES (0)",
];

fn project(spec: &mut Value) {
    spec["services"]["goods"] = json!({"type": "mariadb", "config": {"log-bin": "log", "log-bin-trust-function-creators": "1", "max_connections": "100"}});
    spec["components"]["web"]["scale"] = json!({"min": 1});
    spec["classes"]["production"] = json!({"protected": true});
    spec["masks"] = json!({"goods": {
        "customers.email": "email", "customers.name": "name", "customers.phone": "phone", "customers.born": {"dateShift": 30},
        "reviews.email": "email", "addresses.street": "address",
    }, "db": {"products.name": "keep"}});
}

fn rows() -> Result<u64> {
    size("ROWS", 150_000)
}

/// `live`, filled, and `qa`.
async fn begin(world: &World, rows: u64) -> Result<(Door, Door)> {
    world.apply(project).await?;
    let live = ["env", "create", "live", "--class", "production"];
    let qa = ["env", "create", "qa", "--class", "qa"];
    let (live, qa) = tokio::join!(world.outboard(&live), world.outboard(&qa));
    live?.ended(api::Exit::Success)?;
    qa?.ended(api::Exit::Success)?;
    let (source, target) = (world.door("live", "goods").await?, world.door("qa", "goods").await?);
    goods::fill(&source, rows).await?;
    let odd: Vec<&str> = ["USE app"].into_iter().chain(ODD.iter().copied()).collect();
    source.run(&odd).await?;
    Ok((source, target))
}

fn spec() -> DataCopySpec {
    DataCopySpec { services: vec!["goods".to_owned()], ..DataCopySpec::between("live", "qa") }
}

/// What nobody writes to while a story is told, and no mask changes.
async fn still(door: &Door) -> Result<Vec<(String, Option<u64>)>> {
    let changes =
        ["accounts", "transfers", "customers", "reviews", "addresses"].map(|name| format!("app.{name}"));
    Ok(checksums(door, "app").await?.into_iter().filter(|(name, _)| !changes.contains(name)).collect())
}

/// Of the end of a copy nothing is left but what it says, and the environment works as before.
async fn nothing_left(world: &World, target: &Door) -> Result<()> {
    same("namespaces of copies", &world.copy_namespaces().await?, &vec![])?;
    let qa = world.environments().get("qa").await?;
    ensure!(qa.spec.overlays.is_empty(), "{:?}", qa.spec.overlays);
    world.ready("qa", SOON).await?;
    let ledger: Vec<String> =
        target.rows("SHOW TABLES LIKE 'outboard_copy%'").await.or_else(|_| Ok::<_, anyhow::Error>(vec![]))?;
    same("what is left of its ledger", &ledger, &vec![])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn data_comes_as_of_one_moment_masked_and_verified_while_its_writer_goes_on() -> Result<()> {
    let rows = rows()?;
    story(async |world| {
        let (source, target) = begin(world, rows).await?;
        let order = world.order("live").await?;
        let writer = Writer::start(&source, 1).await?;
        world.ask_copy("c1", DataCopySpec { services: vec![], ..spec() }).await?;
        let quiet = world
            .copy_until("c1", "its target is quiet", SOON, |status| {
                condition::find(&status.conditions, condition::QUIESCED).is_some_and(api::Condition::is_true)
            })
            .await?;
        ensure!(
            quiet.target == TargetState::Untouched || quiet.target == TargetState::Incomplete,
            "{quiet:#?}"
        );
        let status = world.copy_done("c1", LONG).await?;
        let commits = writer.stop().await?;
        println!("{commits} commits meanwhile\n{status:#?}");
        ensure!(commits > 0, "nobody wrote");

        same("its target", &status.target, &TargetState::Copied)?;
        let services: Vec<&str> = status.services.iter().map(|service| service.name.as_str()).collect();
        same("what was copied", &services, &vec!["db", "goods"])?;
        let of_goods = status.services.last().context("no service")?;
        let report = of_goods.report.as_ref().context("no report")?;
        ensure!(report.verified_chunks >= report.chunks && report.chunks > 0, "{report:#?}");
        ensure!(report.masked_columns == 6 && report.values_looked_for > 0, "{report:#?}");
        ensure!(report.rows >= rows * 9 / 10, "{report:#?}");
        same("orphans", &report.orphans.len(), &0)?;

        consistent(&target).await?;
        same("what no mask changes", &still(&target).await?, &still(&source).await?)?;
        let count = async |door: &Door, sql: &str| door.one::<u64>(sql).await;
        same(
            "plain addresses",
            &count(&target, "SELECT COUNT(*) FROM app.customers WHERE email LIKE 'customer%@mail%'").await?,
            &0,
        )?;
        let joined = "SELECT COUNT(*) FROM app.reviews r JOIN app.customers c ON c.email = r.email";
        same("reviews that join", &count(&target, joined).await?, &count(&source, joined).await?)?;
        ensure!(world.orders("qa").await?.contains(&order), "the order did not come along");
        nothing_left(world, &target).await
    })
    .await
}

/// Rows that stand now, once there are some more of them or it is finishing.
async fn moved_on(world: &World, from: u64, by: u64) -> Result<DataCopyStatus> {
    world
        .copy_until("c1", "it gets on", LONG, |status| {
            status.rows >= from + by || matches!(status.phase, CopyPhase::Finishing | CopyPhase::Done)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn whoever_is_killed_the_copy_goes_on_and_has_each_row_once() -> Result<()> {
    let (pods, servers, operators) =
        (size("POD_KILLS", 3)?, size("SERVER_KILLS", 1)?, size("OPERATOR_KILLS", 1)?);
    let rows = rows()?;
    story(async |world| {
        let (source, _) = begin(world, rows).await?;
        let image = operator_image(world).await?;
        let writer = Writer::start(&source, 1).await?;
        without_operator(&world.client, async || {
            let mut operator = HostOperator::begin_with(world, &["--image", &image])?;
            let slow = api::datacopy::CopyLimits { bytes_per_second: Some(1_200_000), ..Default::default() };
            world.ask_copy("c1", DataCopySpec { limits: slow, ..spec() }).await?;
            let mut from = 0;
            let mut namespace = None;
            let rounds = pods.max(servers).max(operators);
            for round in 0..rounds {
                let by = { rand::rng().random_range(500..6_000) };
                let status = moved_on(world, from, by).await?;
                if status.phase.is_final() {
                    break;
                }
                from = status.rows;
                namespace = status.namespace.or(namespace);
                let place = namespace.clone().context("it runs nowhere")?;
                println!("round {round}: {from} rows, {:?}", status.phase);
                if round < operators {
                    operator.kill()?;
                    operator = HostOperator::begin_with(world, &["--image", &image])?;
                }
                if round < servers {
                    world.slay(&world.namespace("qa"), "goods-0", "mariadbd").await?;
                }
                if round < pods {
                    world.slay(&place, "goods-", "data-copy").await?;
                }
            }
            world.steer_copy("c1", &json!({"limits": {"bytesPerSecond": null}})).await?;
            let status = world.copy_done("c1", LONG).await?;
            println!("{status:#?}");
            let tries = status.services.first().map_or(0, |service| service.tries);
            ensure!(tries as usize > pods.min(rounds) / 2, "it was started {tries} times");
            operator.stop().await
        })
        .await?;
        writer.stop().await?;
        world.ready("qa", SOON).await?;
        let target = world.door("qa", "goods").await?;
        consistent(&target).await?;
        same("what no mask changes", &still(&target).await?, &still(&source).await?)?;
        nothing_left(world, &target).await
    })
    .await
}

async fn operator_image(world: &World) -> Result<String> {
    let arguments = stories::arguments(&world.client).await?;
    let image = arguments.iter().find_map(|flag| flag.strip_prefix("--image="));
    Ok(image.context("an operator without image")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_copy_is_slowed_paused_resumed_and_cancelled_and_another_takes_it_up() -> Result<()> {
    story(async |world| {
        let (source, target) = begin(world, 60_000).await?;
        let slow = api::datacopy::CopyLimits { bytes_per_second: Some(200_000), ..Default::default() };
        world.ask_copy("c1", DataCopySpec { limits: slow, ..spec() }).await?;
        let first = world.copy_until("c1", "rows", LONG, |status| status.rows > 0).await?;
        let service = first.services.first().context("no service")?;
        ensure!(service.bytes_per_second < 500_000, "{service:#?}");

        // Faster, at once and in the pod that runs.
        world.steer_copy("c1", &json!({"limits": {"bytesPerSecond": 1_000_000}})).await?;
        let faster = world
            .copy_until("c1", "faster", SOON, |status| {
                status.services.iter().any(|service| service.bytes_per_second > 500_000)
            })
            .await?;
        same("starts", &faster.services.first().map(|service| service.tries), &Some(1))?;

        // Paused, it holds nothing on either side.
        world.steer_copy("c1", &json!({"paused": true})).await?;
        let paused =
            world.copy_until("c1", "paused", SOON, |status| status.phase == CopyPhase::Paused).await?;
        let connections = "SELECT COUNT(*) FROM information_schema.processlist WHERE ID <> CONNECTION_ID()";
        until("nobody connected", SOON, async || {
            Ok((source.one::<u64>(connections).await? == 0).then_some(()))
        })
        .await?;
        world.steer_copy("c1", &json!({"paused": false, "limits": {"bytesPerSecond": 200_000}})).await?;
        let resumed = world
            .copy_until("c1", "goes on", SOON, |status| {
                status.phase == CopyPhase::Copying && status.rows >= paused.rows && status.rows > 0
            })
            .await?;
        same("starts", &resumed.services.first().map(|service| service.tries), &Some(2))?;

        // What was cancelled stays as it is, and says so; the next one goes on with it.
        world.steer_copy("c1", &json!({"cancelled": true})).await?;
        let cancelled =
            world.copy_until("c1", "cancelled", SOON, |status| status.phase == CopyPhase::Cancelled).await?;
        same("its target", &cancelled.target, &TargetState::Incomplete)?;
        ensure!(cancelled.notes.iter().any(|note| note.contains("goes on where it was")), "{cancelled:#?}");
        ensure!(world.steer_copy("c1", &json!({"cancelled": false})).await.is_err(), "it was taken back");
        same("namespaces of copies", &world.copy_namespaces().await?, &vec![])?;
        world.ask_copy("c2", spec()).await?;
        let done = world.copy_done("c2", LONG).await?;
        let report = done.services.first().and_then(|service| service.report.clone()).context("no report")?;
        ensure!(report.resumed_chunks > 0, "{report:#?}");
        same("what no mask changes", &still(&target).await?, &still(&source).await?)?;
        nothing_left(world, &target).await?;

        // Deleted in the middle, it takes everything along.
        world.ask_copy("c3", DataCopySpec { limits: slow, ..spec() }).await?;
        world.copy_until("c3", "rows", LONG, |status| status.rows > 0).await?;
        world.copies().delete("c3", &DeleteParams::default()).await?;
        until("the copy gone", SOON, async || {
            Ok(world.copies().get_opt("c3").await?.is_none().then_some(()))
        })
        .await?;
        same("namespaces of copies", &world.copy_namespaces().await?, &vec![])?;
        world.ready("qa", SOON).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_is_not_to_be_copied_is_refused_with_what_to_do() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                project(spec);
                spec["masks"] = json!({});
            })
            .await?;
        let live = ["env", "create", "live", "--class", "production"];
        let qa = ["env", "create", "qa", "--class", "qa"];
        let (live, qa) = tokio::join!(world.outboard(&live), world.outboard(&qa));
        live?.ended(api::Exit::Success)?;
        qa?.ended(api::Exit::Success)?;
        let refused = async |name: &str, spec: DataCopySpec, cause: Cause, words: &str| -> Result<()> {
            world.ask_copy(name, spec).await?;
            let status =
                world.copy_until(name, "refused", SOON, |status| status.phase == CopyPhase::Failed).await?;
            let verdict = status.verdict.context("no verdict")?;
            println!("{name}: {} ({})", verdict.message, verdict.fix);
            same("the cause", &verdict.cause, &cause)?;
            ensure!(verdict.message.contains(words) || verdict.fix.contains(words), "{verdict:#?}");
            same("its target", &status.target, &TargetState::Untouched)
        };
        refused("bare", spec(), Cause::MasksInvalid, "deny: true").await?;
        let inward =
            DataCopySpec { services: vec!["goods".to_owned()], ..DataCopySpec::between("qa", "live") };
        refused("inward", inward, Cause::Protected, "live is of a protected class").await?;
        let unmasked = DataCopySpec { masks: api::datacopy::MaskChoice::None, ..spec() };
        refused("unmasked", unmasked, Cause::Protected, "unmasked").await?;
        let unknown = DataCopySpec::between("live", "qa-9");
        refused("unknown", unknown, Cause::EnvironmentNotFound, "no environment qa-9").await?;
        let other = DataCopySpec { services: vec!["till".to_owned()], ..spec() };
        refused("other", other, Cause::ServiceNotFound, "no service till").await?;

        // Whose masks name a column that is not there is told which.
        world
            .apply(|spec| {
                project(spec);
                spec["masks"] = json!({"goods": {"customers.mail": "email"}});
            })
            .await?;
        let source = world.door("live", "goods").await?;
        goods::fill(&source, 2_000).await?;
        world.ask_copy("column", spec()).await?;
        let status =
            world.copy_until("column", "refused", SOON, |status| status.phase == CopyPhase::Failed).await?;
        let verdict = status.verdict.context("no verdict")?;
        same("the cause", &verdict.cause, &Cause::MasksInvalid)?;
        ensure!(verdict.evidence.iter().any(|line| line.contains("app.customers.mail")), "{verdict:#?}");
        same("its target", &status.target, &TargetState::Untouched)?;

        // A plan and a scan change nothing, and say what there is.
        world.apply(project).await?;
        world.ask_copy("shown", DataCopySpec { dry_run: true, ..spec() }).await?;
        let shown = world.copy_done("shown", SOON).await?;
        let service = shown.services.first().context("no service")?;
        ensure!(
            service.tables == 12 && service.rows_total > 0 && service.masked_columns == 6,
            "{service:#?}"
        );
        same("its target", &shown.target, &TargetState::Untouched)?;
        let scan = DataCopySpec {
            scan: true,
            services: vec!["goods".to_owned()],
            masks: api::datacopy::MaskChoice::None,
            ..DataCopySpec::between("live", "live")
        };
        world.ask_copy("scanned", scan).await?;
        let scanned = world.copy_done("scanned", SOON).await?;
        let proposals = &scanned.services.first().context("no service")?.proposals;
        ensure!(
            proposals.iter().any(|found| found.column == "app.customers.email" && found.mask == "email"),
            "{proposals:#?}"
        );

        // Who may not release cannot ask for it.
        let developer = developer(world).await?;
        let allowed = DataCopySpec { protected: true, ..DataCopySpec::between("qa", "live") };
        let copies = kube::Api::<api::DataCopy>::namespaced(developer, &world.name);
        let denied = copies.create(&Default::default(), &api::DataCopy::new("denied", allowed)).await;
        let said = denied.err().context("it was stored")?.to_string();
        ensure!(said.contains("outboard-releaser"), "{said}");

        // An environment that goes ends its copies.
        world
            .ask_copy(
                "cut",
                DataCopySpec {
                    limits: api::datacopy::CopyLimits { bytes_per_second: Some(1024), ..Default::default() },
                    ..spec()
                },
            )
            .await?;
        world.copy_until("cut", "copying", SOON, |status| status.phase == CopyPhase::Copying).await?;
        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(api::Exit::Success)?;
        let cut = world.copy_until("cut", "ended", SOON, |status| status.phase == CopyPhase::Failed).await?;
        same("the cause", &cut.verdict.map(|verdict| verdict.cause), &Some(Cause::EnvironmentNotFound))?;
        same("namespaces of copies", &world.copy_namespaces().await?, &vec![])
    })
    .await
}

/// Somebody with the role of developers, and no other.
async fn developer(world: &World) -> Result<kube::Client> {
    use k8s_openapi::api::rbac::v1::RoleBinding;
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "developer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "outboard-developer"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
    }))?;
    kube::Api::<RoleBinding>::namespaced(world.client.clone(), &world.name)
        .create(&Default::default(), &binding)
        .await?;
    let mut config = kube::Config::infer().await?;
    config.auth_info.impersonate = Some("dev".to_owned());
    Ok(kube::Client::try_from(config)?)
}
