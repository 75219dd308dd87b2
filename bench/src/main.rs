//! Side-by-side measurements on the testbed. Names choose subjects; each prints a table for docs/benchmarks.md.
//!
//! Needs KUBECONFIG, OUTBOARD, and on the PATH kubectl, helm (for `light`), kwok (for `scale`, `poison` and `web`) and stern (for
//! `logs`); `fals`, `clusters` and those that begin with `data` need OUTBOARD alone.

mod archive;
mod asked;
mod chart;
mod clusters;
mod compare;
mod data;
mod data_redis;
mod data_s3;
mod fals;
mod idle;
mod light;
mod logs;
mod machine;
mod meter;
mod ours;
mod peer;
mod scale;
mod scene;
mod scrape;
mod table;
mod tools;
mod web;

use anyhow::bail;

type Subject = (&'static str, fn() -> anyhow::Result<()>);

const SUBJECTS: [Subject; 14] = [
    ("compare", compare::run),
    ("light", light::run),
    ("idle", idle::run),
    ("data", data::run),
    ("data-types", data::types::run),
    ("data-redis", data_redis::run),
    ("data-s3", data_s3::run),
    ("clusters", clusters::run),
    ("scale", scale::run),
    ("poison", scale::poison::run),
    ("fals", fals::run),
    ("logs", logs::run),
    ("archive", archive::run),
    ("web", web::run),
];

fn main() -> anyhow::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let known = SUBJECTS.map(|(name, _)| name);
    if wanted.is_empty() || wanted.iter().any(|name| !known.contains(&name.as_str())) {
        bail!("say what to measure: {}", known.join(", "));
    }
    for (name, run) in SUBJECTS {
        if wanted.iter().any(|wanted| wanted == name) {
            println!("== {name}: {}", machine::describe(name));
            run()?;
            println!();
        }
    }
    Ok(())
}

/// A number from the environment, for a smaller or larger run.
fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
