//! Clusters: plans with reasons and prices, progress of a run, how they are, what differs, what is proved to be gone.

pub mod addons;
pub mod nodes;

use serde::Serialize;
use verbs::clusters::addons::AddonReport;
use verbs::clusters::plan::drift::{Difference, DriftReport};
use verbs::clusters::plan::summary::{Action, AttributeChange, Disruption, PlanSummary};
use verbs::clusters::{Cost, Count, Created, Event, Finding, Look, Outside, Phase, Planned, Receipt, Status};

use super::Output;
use super::colour::Paint;
use super::table::{columns, or_dash, table};

/// Between two lines of progress, in seconds.
const PAUSE: u64 = 5;

/// Tells what happens: people on stderr, programs as events.
pub struct Teller<'a> {
    output: &'a Output,
    told: u64,
}

impl<'a> Teller<'a> {
    pub fn new(output: &'a Output) -> Self {
        Self { output, told: 0 }
    }

    pub fn tell(&mut self, event: &Event) {
        if self.output.is_json() {
            // Nobody to tell it to: the result will say so.
            let _ = self.output.item(event);
            return;
        }
        let paint = self.output.paint_err;
        let line = match event {
            Event::Checked { what, found } => format!("{} {what}: {found}", paint.good("✓")),
            Event::Doing { what } => format!("{} {what}", paint.wait("…")),
            Event::Done { address, action, seconds } => {
                format!("{} {action} {address} {}", paint.good("✓"), paint.aside(format!("{seconds} s")))
            }
            Event::Note { text } => format!("{} {text}", paint.wait("!")),
            Event::Progress(look) => {
                if look.elapsed < self.told + PAUSE {
                    return;
                }
                self.told = look.elapsed;
                format!("{} {}", paint.wait("…"), progress(look))
            }
        };
        self.output.note(&line);
    }
}

fn progress(look: &Look) -> String {
    let mut text = format!("{} of {} after {} s", look.done, look.total, look.elapsed);
    if let Some(remaining) = look.remaining.filter(|remaining| *remaining > 0) {
        text.push_str(&format!(", about {remaining} s left"));
    }
    if look.failed > 0 {
        text.push_str(&format!(", {} failed", look.failed));
    }
    let running: Vec<String> = look
        .running
        .iter()
        .take(3)
        .map(|(address, seconds)| format!("{} {seconds} s", short(address)))
        .collect();
    if !running.is_empty() {
        text.push_str(&format!(": {}", running.join(", ")));
    }
    text
}

/// Every resource lies in the one module: that is not said each time.
fn short(address: &str) -> &str {
    address.strip_prefix("module.cluster.").unwrap_or(address)
}

/// A plan with what it costs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan<'a> {
    #[serde(flatten)]
    summary: &'a PlanSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<&'a Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_delta: Option<f64>,
    /// What is installed once its API answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addons: Vec<&'static str>,
    /// What it gives back before it is destroyed.
    #[serde(skip_serializing_if = "Outside::is_nothing")]
    gives_back: &'a Outside,
}

impl<'a> Plan<'a> {
    pub fn of(planned: &'a Planned, addons: Vec<&'static str>, gives_back: &'a Outside) -> Self {
        let (cost, cost_delta) = (planned.cost.as_ref(), planned.cost_delta);
        Self { summary: &planned.summary, cost, cost_delta, addons, gives_back }
    }
}

pub fn plan(plan: &Plan<'_>, paint: Paint) -> String {
    let summary = plan.summary;
    let mut text = String::new();
    for change in &summary.changes {
        let (sign, what) = match change.action {
            Action::Create => (paint.good("+"), ""),
            Action::Update => (paint.wait("~"), ""),
            Action::Replace => (paint.bad("±"), " is made anew"),
            _ => (paint.bad("-"), ""),
        };
        let reason = change.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let means = match change.disruption {
            Disruption::None => "",
            Disruption::NewNodes => "; for new nodes",
            Disruption::Interrupts => "; interrupts",
            Disruption::LosesTrack => "; it stays in AWS, and nobody here knows of it any more",
            Disruption::LosesData => "; what it holds is lost",
        };
        // Of a first plan everything is new: that interrupts nobody.
        let means = if change.action == Action::Create { "" } else { means };
        text.push_str(&format!("{sign} {}{what}{reason}{}\n", short(&change.address), paint.aside(means)));
        for attribute in &change.attributes {
            text.push_str(&format!("    {}\n", attribute_line(attribute)));
        }
    }
    if summary.is_empty() {
        text.push_str(&format!("{} nothing would change\n", paint.good("✓")));
    } else {
        text.push_str(&format!(
            "\n{} to make, {} to change, {} to make anew, {} to delete; plan {}\n",
            summary.create,
            summary.update,
            summary.replace,
            summary.delete,
            paint.strong(&summary.hash)
        ));
    }
    if let Some(why) = &plan.gives_back.passed_over {
        text.push_str(&format!("before that it gives nothing back: {why}\n"));
    } else if !plan.gives_back.is_nothing() {
        text.push_str(&format!(
            "before that it gives back{}\n",
            outside(plan.gives_back).trim_start_matches(", and")
        ));
    }
    if !plan.addons.is_empty() {
        text.push_str(&format!("then, as add-ons: {}\n", plan.addons.join(", ")));
    }
    if let (Some(cost), Some(delta)) = (plan.cost, plan.cost_delta) {
        let change = if delta.abs() < 0.005 { "as before".to_owned() } else { format!("{delta:+.2}") };
        text.push_str(&format!(
            "about {:.2} {} a month ({change}), at most {:.2}; list prices of {}, {}\n",
            cost.monthly,
            cost.currency,
            cost.monthly_at_most,
            cost.date,
            cost.remarks.join("; ")
        ));
    }
    text
}

fn attribute_line(attribute: &AttributeChange) -> String {
    if attribute.secret {
        return format!("{}: (secret)", attribute.path);
    }
    let side = |value: &Option<String>, none: &str| value.clone().unwrap_or_else(|| none.to_owned());
    format!("{}: {} → {}", attribute.path, side(&attribute.from, "nothing"), side(&attribute.to, "(later)"))
}

/// A cluster that is as its file says, and what is installed in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whole<'a> {
    #[serde(flatten)]
    pub created: &'a Created,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub addons: &'a [AddonReport],
}

pub fn created(whole: &Whole<'_>, paint: Paint) -> String {
    let created = whole.created;
    let changed = match created.changes {
        0 => "is as its file says".to_owned(),
        1 => format!("1 change in {} s", created.seconds),
        changes => format!("{changes} changes in {} s", created.seconds),
    };
    let mut text = format!(
        "{} {}: {changed}; {} resources\n  endpoint {}",
        paint.good("✓"),
        paint.strong(&created.name),
        created.resources,
        created.contract.endpoint
    );
    if !whole.addons.is_empty() {
        text.push_str(&format!("\n{}", addons::applied(whole.addons, paint)));
    }
    text
}

pub fn receipt(receipt: &Receipt, paint: Paint) -> String {
    let mut text = format!(
        "{} {} is gone: {} resources destroyed in {} s, {} left\n",
        paint.good("✓"),
        paint.strong(&receipt.name),
        receipt.destroyed,
        receipt.seconds,
        receipt.left
    );
    let swept = made(receipt.swept, false);
    if !swept.is_empty() {
        text.push_str(&format!("  with it{}\n", swept.trim_start_matches(", and")));
    }
    for step in &receipt.phases {
        let sign = if step.done { paint.good("✓") } else { paint.wait("!") };
        text.push_str(&format!("  {sign} {}: {}\n", step.phase.word(), step.said));
    }
    for kept in &receipt.kept {
        text.push_str(&format!("  kept: {kept}\n"));
    }
    text
}

/// What goes with a cluster besides, as the end of a sentence.
pub fn made(made: Count, keep_volumes: bool) -> String {
    let volumes = if keep_volumes { 0 } else { made.volumes };
    let of = |count: usize, one: &str, more: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {more}")),
    };
    let all: Vec<String> = [
        of(made.load_balancers, "load balancer", "load balancers"),
        of(volumes, "volume with its data", "volumes with their data"),
        of(made.others, "thing around them", "things around them"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if all.is_empty() {
        String::new()
    } else {
        format!(", and what its Kubernetes has made: {}", all.join(", "))
    }
}

/// What a cluster gives back, by name, as the end of a sentence.
pub fn outside(outside: &Outside) -> String {
    let named = |what: &str, all: &[String]| match all {
        [] => None,
        [one] => Some(format!("{what} {one}")),
        all => Some(format!("{what}s {}", all.join(", "))),
    };
    let all = [named("environment", &outside.environments), named("host", &outside.hosts)];
    let all: Vec<String> = all.into_iter().flatten().collect();
    match &outside.passed_over {
        Some(why) => format!(" (before that it gives nothing back: {why})"),
        None if all.is_empty() => String::new(),
        None => format!(", and {}", all.join(" and ")),
    }
}

pub fn drift(report: &DriftReport, paint: Paint) -> String {
    let mut text = String::new();
    for drifted in &report.drifted {
        let what = match drifted.difference {
            Difference::Changed => paint.wait("changed"),
            Difference::Deleted => paint.bad("deleted"),
            Difference::Replaced => paint.bad("has to be made anew"),
        };
        text.push_str(&format!("{} {what}\n", short(&drifted.address)));
        for attribute in &drifted.attributes {
            text.push_str(&format!("    {}\n", was(attribute)));
        }
    }
    if report.drifted.is_empty() {
        text.push_str(&format!("{} nothing differs from what was applied\n", paint.good("✓")));
    }
    if !report.ignored.is_empty() {
        text.push_str(&format!("{} may differ and do\n", report.ignored.len()));
    }
    if !report.pending.is_empty() {
        text.push_str(&format!(
            "{} changes of the file are not applied yet: `outboard cluster plan`\n",
            report.pending.len()
        ));
    }
    text
}

/// A plan would undo it: what it is now is what somebody made of it.
fn was(attribute: &AttributeChange) -> String {
    if attribute.secret {
        return format!("{}: (secret)", attribute.path);
    }
    let side = |value: &Option<String>, none: &str| value.clone().unwrap_or_else(|| none.to_owned());
    format!(
        "{}: is {}, was {}",
        attribute.path,
        side(&attribute.from, "nothing"),
        side(&attribute.to, "nothing")
    )
}

pub fn findings(all: &[Finding], paint: Paint) -> String {
    let mut text = String::new();
    for finding in all {
        let sign = if finding.cause.is_some() { paint.bad("✗") } else { paint.good("✓") };
        let step = if finding.step.is_empty() { &finding.state } else { &finding.step };
        text.push_str(&format!("{sign} {} {} {step}\n", finding.name, paint.aside(&finding.id)));
        if let Some(cause) = &finding.cause {
            text.push_str(&format!("    {cause}\n"));
        }
        for line in &finding.console {
            text.push_str(&format!("    {}\n", paint.aside(line)));
        }
    }
    if text.is_empty() { "no machine carries the cluster's tag".to_owned() } else { text }
}

pub fn cost(cost: &Cost) -> String {
    let money = |amount: Option<f64>| amount.map(|amount| format!("{amount:.2}"));
    let rows = cost.items.iter().map(|item| {
        let most = money(item.monthly_at_most);
        [
            item.what.clone(),
            item.count.to_string(),
            or_dash(money(item.monthly).as_deref()),
            or_dash(most.as_deref()),
        ]
    });
    let mut text = table(["WHAT", "COUNT", "USD A MONTH", "AT MOST"], rows);
    text.push_str(&format!(
        "\n\n{:.2} {} a month, at most {:.2}",
        cost.monthly, cost.currency, cost.monthly_at_most
    ));
    text.push_str(&format!("\nlist prices of {}; {}", cost.date, cost.remarks.join("; ")));
    text
}

pub fn status(status: &Status, paint: Paint) -> String {
    let mut text = format!("{} {}\n", paint.strong(&status.name), phase(status.phase, paint));
    let mut line = |key: &str, value: &str| text.push_str(&format!("  {key:<10} {value}\n"));
    line("id", &status.id);
    line("bucket", &status.bucket);
    line("resources", &status.resources.to_string());
    if let Some(contract) = &status.contract {
        line("endpoint", &contract.endpoint);
    }
    if let Some(adopted) = &status.adopted {
        line("endpoint", &adopted.endpoint);
        line(
            "adopted",
            &format!("{}, Kubernetes {} with {} nodes", adopted.at, adopted.kubernetes, adopted.nodes),
        );
    }
    if let Some(applied) = &status.applied {
        line("applied", &format!("{} by {} and outboard {}", applied.at, applied.engine, applied.outboard));
        if let Some(monthly) = applied.monthly {
            line("cost", &format!("about {monthly:.2} USD a month"));
        }
    }
    for step in &status.destruction {
        line("destroyed", &format!("{}: {} ({})", step.phase.word(), step.said, step.at));
    }
    for address in &status.unfinished {
        line("unfinished", short(address));
    }
    if let Some(lock) = &status.lock {
        line(
            "locked",
            &format!("by {} since {} ({}), id {}", lock.who, lock.created, lock.operation, lock.id),
        );
    }
    text
}

fn phase(phase: Phase, paint: Paint) -> String {
    match phase {
        Phase::Absent => paint.aside("is not there"),
        Phase::Locked => paint.wait("is being worked on"),
        Phase::Incomplete => paint.bad("is not complete: `outboard cluster create` goes on"),
        Phase::Applied => paint.good("is as it was last applied"),
        Phase::Adopted => paint.aside("is looked after by others"),
    }
}

pub fn list(all: &[Status], paint: Paint) -> String {
    let rows = all.iter().map(|status| {
        let applied = status.applied.as_ref();
        let topology = applied.map(|applied| applied.spec.topology.word());
        let adopted = status.adopted.as_ref().map(|adopted| adopted.endpoint.as_str());
        let endpoint = status.contract.as_ref().map(|contract| contract.endpoint.as_str()).or(adopted);
        let word = match status.phase {
            Phase::Absent => paint.aside("absent"),
            Phase::Locked => paint.wait("locked"),
            Phase::Incomplete => paint.bad("incomplete"),
            Phase::Applied => paint.good("applied"),
            Phase::Adopted => paint.aside("adopted"),
        };
        vec![status.name.clone(), word, or_dash(topology), status.resources.to_string(), or_dash(endpoint)]
    });
    if all.is_empty() {
        return "no cluster".to_owned();
    }
    columns(&["NAME", "STATE", "TOPOLOGY", "RESOURCES", "ENDPOINT"], rows)
}
