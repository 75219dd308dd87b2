//! Every component of the pages in every state: to look at while changing how they look, and for tests that look. They are the
//! templates of the pages themselves, filled with samples.

use std::collections::BTreeSet;

use api::PartState;
use api::plan::Action;
use askama::Template;
use axum::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use verbs::Silence;
use verbs::clusters::Folder;
use verbs::data::CopyPhase;
use verbs::logs::Histogram;

use super::diff::Found;
use super::{Place, Shell, html};
use crate::app::{Mine, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::backup::Backups;
use crate::view::carried::Carried;
use crate::view::clusters::{Files, Standing};
use crate::view::copy::{self, Copies};
use crate::view::detail::{Body, Judged, May};
use crate::view::drift;
use crate::view::histogram::Bars;
use crate::view::hosts::Hosts;
use crate::view::log;
use crate::view::passwords::Passwords;
use crate::view::plan::{Changed, Field, Limit, Shown};
use crate::view::query::Query;
use crate::view::revision;
use crate::view::sample::{self, NOW};
use crate::view::table::{Choices, Table};
use crate::view::timeline::Told;
use crate::view::tone::{Chip, STATES, of_action, of_part, of_phase, of_state};
use crate::view::versions::Offered;

/// What is shown, in its order: where it stands on the page, and the word.
const PLACES: [(&str, &str); 19] = [
    ("states", "States"),
    ("buttons", "Buttons"),
    ("notices", "Notices and verdicts"),
    ("forms", "Forms"),
    ("copying", "Things to copy"),
    ("head", "Head and tabs"),
    ("table", "Environments"),
    ("environment", "One environment"),
    ("plan", "Plans"),
    ("revisions", "Revisions"),
    ("compared", "Two environments"),
    ("drift", "Drift"),
    ("events", "Events"),
    ("logs", "Logs"),
    ("copies", "Copies, backups, passwords"),
    ("hosts", "Hosts"),
    ("clusters", "Clusters"),
    ("destroying", "What cannot be undone"),
    ("trouble", "What goes wrong"),
];

#[derive(Template)]
#[template(path = "style.html")]
struct Style {
    shell: Shell,
    place: Place,
    tab: &'static str,
    chips: Vec<Vec<Chip>>,
    verdicts: Vec<Judged>,
    offers: Vec<(&'static str, Offered)>,
    table: Table,
    choices: Choices,
    empty: Table,
    nothing: Table,
    bodies: Vec<Body>,
    plans: Vec<Shown>,
    lines: Vec<revision::Line>,
    gone: bool,
    found: Found,
    drifts: Vec<drift::Found>,
    told: Told,
    bars: Bars,
    logged: Vec<log::Shown>,
    copies: Copies,
    copied: Vec<copy::Body>,
    backups: Backups,
    passwords: Passwords,
    hosts: Hosts,
    standing: Standing,
    files: Files,
    runs_in: Option<String>,
    class: String,
    uid: String,
    protected: bool,
    troubles: Vec<Trouble>,
    id: String,
}

/// What is told on a page of its own.
struct Trouble {
    failure: Failure,
    verdict: Option<Judged>,
    contact: Option<String>,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Style", "style").command("outboard env list".to_owned());
    html(&style(shell))
}

fn style(shell: Shell) -> Style {
    let all = sample::world();
    let silence = Silence { since: *NOW, reason: "connection refused".to_owned() };
    let mut table = Table::of(&all, &Query::default(), Some(&silence), *NOW);
    // As if there were many more.
    (table.pages, table.query.page) = (3, "2".to_owned());
    let nobody = Query { q: "nobody".to_owned(), ..Query::default() };
    let bodies = all.iter().skip(1).map(|environment| {
        let (detail, hosts) =
            (sample::detail(environment, Some("p-9876543210")), sample::hosts_of(environment));
        let carried = Carried::of(&sample::planned(), &detail);
        Body { may: May { change: true, destroy: true }, carried, ..Body::of(detail, hosts, None, *NOW) }
    });
    let copies: Vec<_> = sample::copies().into_iter().chain(sample::phases()).collect();
    let copied = copies.clone().into_iter();
    let logged = sample::lines();
    Style {
        shell,
        place: Place { namespace: "shop".to_owned(), name: "qa-42".to_owned() },
        tab: "",
        chips: chips(),
        verdicts: verdicts(),
        offers: offers(),
        choices: Choices::of(&all),
        empty: Table::of(&[], &Query::default(), None, *NOW),
        nothing: Table::of(&all, &nobody, None, *NOW),
        bodies: bodies.collect(),
        plans: plans(),
        lines: revision::lines(&sample::revisions(), *NOW),
        gone: false,
        found: found(),
        drifts: drifts(),
        told: Told::of(sample::timeline(), "shop", *NOW),
        bars: bars(&logged),
        logged: logged.iter().map(log::Shown::of).collect(),
        copied: copied.map(|detail| copy::Body::of(detail, None, String::new(), *NOW)).collect(),
        copies: Copies::of(copies.into_iter().map(|detail| detail.summary).collect(), None, *NOW),
        backups: Backups::of(sample::backups(), "shop", "qa-42", *NOW),
        passwords: Passwords::of(&sample::rotations()),
        hosts: Hosts::of(sample::hosts(), ""),
        standing: Standing::of(sample::machines(), *NOW),
        files: Files::of(Folder { clusters: sample::cluster_files(), left_out: 12 }, *NOW),
        runs_in: Some("shop-production".to_owned()),
        class: "production".to_owned(),
        uid: String::new(),
        protected: true,
        troubles: troubles(),
        id: String::new(),
        table,
    }
}

fn chips() -> Vec<Vec<Chip>> {
    use CopyPhase::{
        Cancelled, Copying, Done, Failed, Finishing, Paused, Pending, Planning, Quiescing, Verifying,
    };
    let phases =
        [Pending, Planning, Quiescing, Copying, Paused, Verifying, Finishing, Done, Failed, Cancelled];
    let parts = [PartState::Waiting, PartState::Progressing, PartState::Ready, PartState::Failed];
    vec![
        STATES.map(of_state).to_vec(),
        parts.map(of_part).to_vec(),
        phases.map(of_phase).to_vec(),
        [Action::Create, Action::Change, Action::Delete].map(of_action).to_vec(),
    ]
}

/// One that waits for somebody and goes on by itself, and one that has ended.
fn verdicts() -> Vec<Judged> {
    let waits = sample::world().into_iter().filter_map(|one| one.status.as_ref()?.verdict.clone());
    let ended = sample::copies().into_iter().filter_map(|copy| copy.verdict);
    waits.chain(ended).map(|verdict| Judged::of(&verdict)).collect()
}

fn offers() -> Vec<(&'static str, Offered)> {
    let known = || BTreeSet::from(["1.4.2".to_owned(), "hotfix".to_owned()]);
    let silent = Failure::said("the registry of worker does not answer", "");
    vec![
        ("web", Offered::found(&sample::versions(), known(), "", *NOW)),
        ("worker", Offered::untold("worker", known(), &silent.words)),
    ]
}

fn found() -> Found {
    let (left, right) = sample::compared();
    Found { left, right, same_digests: false, changes: plan().changes }
}

fn drifts() -> Vec<drift::Found> {
    let none = verbs::environment::Report { drift: vec![], extra: None, ..sample::drift() };
    [sample::drift(), none].map(|report| drift::Found::of(report, *NOW)).into()
}

fn bars(lines: &[verbs::logs::Line]) -> Bars {
    let since = lines.first().map_or(*NOW, |line| line.time);
    let mut histogram = Histogram::new(since, *NOW, 60);
    for line in lines {
        histogram.add(line);
    }
    Bars::of(&histogram, |from, to| format!("?from={from}&to={to}"))
}

/// A plan, one that changes nothing, and one that cannot be.
fn plans() -> Vec<Shown> {
    let bare = |summary: &str| Shown {
        summary: summary.to_owned(),
        changes: vec![],
        notes: vec![],
        demand: None,
        quotas: vec![],
        waits: vec![],
        ..plan()
    };
    let verdict = verdicts().into_iter().next();
    vec![plan(), Shown { idle: true, ..bare("qa-42 is as it is asked for") }, Shown { verdict, ..bare("") }]
}

fn plan() -> Shown {
    let field = |from: Option<&str>, to: Option<&str>| Field {
        path: "spec.template.spec.containers[web].image".to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    let changed = |action, object: &str, effect: &str, fields| Changed {
        chip: of_action(action),
        object: object.to_owned(),
        effect: effect.to_owned(),
        fields,
    };
    use Action::{Change, Create, Delete};
    Shown {
        summary: "plan: 1 to create, 1 to change, 1 to delete".to_owned(),
        idle: false,
        changes: vec![
            changed(Create, "Service worker", "", vec![]),
            changed(
                Change,
                "Deployment web",
                "new pods, the new ones first",
                vec![field(Some("web:1"), Some("web:2"))],
            ),
            changed(Delete, "ConfigMap old", "", vec![field(Some("gone with it"), None)]),
        ],
        notes: vec!["image web:2 was pushed 3 minutes ago".to_owned()],
        demand: Some("pods 2 → 3, CPU 200m → 300m".to_owned()),
        quotas: vec![Limit {
            line: "team: pods 9 of 10 used, +2".to_owned(),
            tone: "bad",
            warning: "More than the quota allows: some of it will never start.",
        }],
        waits: vec!["services, then jobs, then components".to_owned()],
        verdict: None,
    }
}

fn troubles() -> Vec<Trouble> {
    let refused =
        Failure::said("you may not make or change environments in namespace `shop`", "ask for a role")
            .with(StatusCode::FORBIDDEN);
    let changed =
        Failure::said("somebody changed qa-42 meanwhile", "nothing of yours was written: plan it again")
            .with(StatusCode::CONFLICT);
    let trouble = |failure: Failure, contact: Option<&str>| Trouble {
        failure,
        verdict: None,
        contact: contact.map(str::to_owned),
    };
    vec![
        trouble(refused, Some("the platform team, #platform")),
        trouble(changed, None),
        trouble(Failure::nowhere(), None),
        trouble(Failure::often(30), None),
        trouble(Failure::strange(), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_has_a_place_to_which_a_link_leads() {
        let html = style(Shell::bare("Style", true)).render().unwrap();
        for (place, word) in PLACES {
            assert!(html.contains(&format!("href=\"#{place}\">{word}</a>")), "no link to {place}");
            assert_eq!(
                html.matches(&format!("<section class=\"sample\" id=\"{place}\"")).count(),
                1,
                "{place}"
            );
        }
        assert_eq!(html.matches("<section class=\"sample\"").count(), PLACES.len());
    }
}
