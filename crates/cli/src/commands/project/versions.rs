//! `outboard project versions`.

use api::names::{ClassName, PartName};
use api::version_query::{LONGEST, MOST, USUAL};
use clap::Args;
use clap::builder::{TypedValueParser, ValueParser};
use verbs::project::{self, Version, WantedVersions};
use words::time::age;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::table::{columns, or_dash};

/// List the versions of a component that its registry has, the newest first
///
/// The operator reads the registry, with the credentials that serve the class. When an image was built, from what and by whom its
/// labels say: org.opencontainers.image.revision, .ref.name (the branch) and .authors.
#[derive(Args, Debug)]
pub struct VersionsArgs {
    /// Component
    pub component: PartName,
    /// Only tags that have this in them; those that begin with it come first
    #[arg(short, long, value_name = "TEXT", value_parser = matching())]
    pub r#match: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = USUAL, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST)))]
    pub limit: u16,
    /// Class whose credentials the registry is asked with [default: the only one, else qa]
    #[arg(short, long, value_name = "CLASS")]
    pub class: Option<ClassName>,
    #[command(flatten)]
    pub scope: Scope,
}

fn matching() -> ValueParser {
    ValueParser::new(clap::builder::NonEmptyStringValueParser::new().try_map(|text: String| {
        match text.chars().count() {
            0..=LONGEST => Ok(text),
            long => Err(format!("no tag is longer than {LONGEST} characters; these are {long}")),
        }
    }))
}

pub async fn run(context: &Context, args: VersionsArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let project = match &place.project {
        Some(project) => project.clone(),
        None => project::choose(&place.cluster, &place.namespace).await?,
    };
    let wanted = WantedVersions {
        project: &project,
        component: args.component.as_str(),
        class: args.class.as_ref(),
        revision: None,
        matching: args.r#match.as_deref().unwrap_or_default(),
        limit: args.limit,
    };
    let found = project::versions(&place.cluster, &place.namespace, &wanted, &mut |_| {}).await?;
    if !context.output.is_json() {
        for note in &found.notes {
            context.output.note(&format!("note: {note}"));
        }
        if found.versions.is_empty() {
            let matching =
                args.r#match.as_ref().map(|said| format!(" that has `{said}` in it")).unwrap_or_default();
            context.output.note(&format!("no tag{matching} in {}", found.repository));
        }
        let shown = i64::try_from(found.versions.len()).unwrap_or(i64::MAX);
        if shown < found.matching && shown > 0 {
            let (of, most) = (found.matching, found.repository.as_str());
            context
                .output
                .note(&format!("{shown} of {of} tags of {most}: narrow them with --match, or say --limit"));
        }
    }
    context.output.result(&found, |_| {
        if found.versions.is_empty() {
            return String::new();
        }
        let mut head = vec!["TAG", "BUILT", "BRANCH", "REVISION", "AUTHOR", "RUNS IN"];
        if context.output.wide {
            head.insert(1, "DIGEST");
        }
        let rows = found.versions.iter().map(|version| row(&head, version));
        columns(&head, rows)
    })
}

fn row(head: &[&str], shown: &Version) -> Vec<String> {
    let Version { version, runs_in, outdated_in } = shown;
    let created = version.created.as_ref().map(|time| time.0.to_string());
    let outdated = outdated_in.iter().map(|name| format!("{name} (before it was pushed again)"));
    let runs: Vec<String> = runs_in.iter().cloned().chain(outdated).collect();
    let cell = |column: &&str| match *column {
        "TAG" => version.tag.clone(),
        "DIGEST" => or_dash(version.digest.as_deref()),
        "BUILT" => age(created.as_deref()),
        "BRANCH" => or_dash(version.branch.as_deref()),
        // As git shortens it.
        "REVISION" => or_dash(version.revision.as_deref().map(|text| short(text, 10))),
        "AUTHOR" => or_dash(version.author.as_deref()),
        _ => or_dash(Some(&runs.join(", "))),
    };
    head.iter().map(cell).collect()
}

fn short(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}
