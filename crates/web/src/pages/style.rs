//! Every component of the pages in every state: to look at while changing how they look, and for tests that look.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use verbs::Silence;
use verbs::environment::State as Of;

use super::{Shell, html};
use crate::app::{Mine, Result};
use crate::door::Guest;
use crate::view::backup::Backups;
use crate::view::clusters::{Files, Standing};
use crate::view::copy::{self, Copies};
use crate::view::detail::{Body, May};
use crate::view::hosts::Hosts;
use crate::view::passwords::Passwords;
use crate::view::plan::{Changed, Field, Limit, Shown};
use crate::view::query::Query;
use crate::view::sample::{
    NOW, backups, cluster_files, copies, detail, hosts, hosts_of, machines, rotations, timeline, world,
};
use crate::view::table::Table;
use crate::view::timeline::Told;
use crate::view::tone::{Chip, STATES, of_action, of_state};

#[derive(Template)]
#[template(path = "style.html")]
struct Style {
    shell: Shell,
    chips: Vec<Chip>,
    table: Table,
    empty: Table,
    bodies: Vec<Body>,
    plan: Shown,
    copies: Copies,
    copied: Vec<copy::Body>,
    hosts: Hosts,
    told: Told,
    standing: Standing,
    files: Files,
    backups: Backups,
    passwords: Passwords,
    levels: [(&'static str, &'static str, &'static str); 4],
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Style", "style").command("outboard env list".to_owned());
    let silence = Silence { since: *NOW, reason: "connection refused".to_owned() };
    let all = world();
    html(&Style {
        shell,
        chips: STATES.into_iter().map(|state: Of| of_state(state)).collect(),
        table: Table::of(&all, &Query::default(), Some(&silence), *NOW),
        empty: Table::of(&[], &Query::default(), None, *NOW),
        bodies: all
            .iter()
            .skip(1)
            .map(|environment| {
                let body = Body::of(detail(environment, Some("p-9876543210")), hosts_of(environment), None, *NOW);
                Body { may: May { change: true, destroy: true }, ..body }
            })
            .collect(),
        plan: plan(),
        copies: Copies::of(copies().into_iter().map(|detail| detail.summary).collect(), None, *NOW),
        copied: copies()
            .into_iter()
            .map(|detail| copy::Body::of(detail, None, String::new(), *NOW))
            .collect(),
        hosts: Hosts::of(hosts(), ""),
        told: Told::of(timeline(), "shop", *NOW),
        standing: Standing::of(machines(), *NOW),
        files: Files::of(cluster_files(), *NOW),
        backups: Backups::of(backups(), "shop", "qa-42", *NOW),
        passwords: Passwords::of(&rotations()),
        levels: [
            ("quiet", "info", "served / in 2 ms"),
            ("wait", "warn", "the queue is long"),
            ("bad", "error", "no answer from db:3306"),
            ("quiet", "", "a line that says no level"),
        ],
    })
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
    use api::plan::Action::{Change, Create, Delete};
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
