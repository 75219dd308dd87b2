//! `outboard can-i`.

use api::Exit;
use api::names::ClassName;
use api::project::PersonRole;
use clap::Args;
use serde_json::json;
use verbs::access::{self, DEEDS, Deed, Question};

use crate::args::Scope;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::table;

/// Ask whether you, or somebody else, may do something; ends with 6 if not
#[derive(Args, Debug)]
pub struct CanIArgs {
    /// What is to be done; --list explains them
    #[arg(value_name = "VERB", value_parser = deed, required_unless_present = "list")]
    pub deed: Option<&'static Deed>,
    /// With this environment
    #[arg(value_name = "ENVIRONMENT", conflicts_with = "class")]
    pub environment: Option<String>,
    /// With an environment of this class
    #[arg(short, long, value_name = "CLASS")]
    pub class: Option<ClassName>,
    /// Show every verb, and which roles of a project may
    #[arg(long, conflicts_with_all = ["deed", "class", "user", "groups"])]
    pub list: bool,
    /// Ask for this user; takes the right to impersonate
    #[arg(long = "as", value_name = "USER")]
    pub user: Option<String>,
    /// Who is in this group; may be said several times
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    pub groups: Vec<String>,
    #[command(flatten)]
    pub scope: Scope,
}

fn deed(word: &str) -> Result<&'static Deed, String> {
    let known = || DEEDS.iter().map(|deed| deed.word).collect::<Vec<_>>().join(", ");
    Deed::named(word).ok_or_else(|| format!("one of {}", known()))
}

pub async fn run(context: &Context, args: CanIArgs) -> Result<()> {
    let Some(deed) = args.deed else { return list(context) };
    let place = context.place_as(&args.scope, args.user.as_deref(), &args.groups).await?;
    let question = Question {
        deed,
        environment: args.environment.as_deref(),
        class: args.class.as_ref().map(ClassName::as_str),
        project: place.project.as_deref(),
    };
    let answer = access::ask(&place.cluster, &place.namespace, &question).await?;
    let words = answer.refusal.as_ref().map(|refusal| words::of_verb(refusal, None));
    let value = json!({
        "verb": deed.word,
        "environment": args.environment,
        "class": args.class.as_ref().map(ClassName::as_str),
        "protected": answer.protected,
        "user": answer.user,
        "allowed": words.is_none(),
        "why": words.as_ref().map(|words| &words.sentence),
        "hint": words.as_ref().and_then(|words| words.hint.as_ref()),
    });
    context.output.result(&value, |paint| match &words {
        None => paint.good("yes"),
        Some(words) => {
            let hint = words.hint.iter().map(|hint| format!("\n{}: {hint}", paint.strong("hint")));
            let hint: String = hint.collect();
            format!("{}: {}{hint}", paint.bad("no"), words.sentence)
        }
    })?;
    match words {
        None => Ok(()),
        Some(_) => Err(Failure::Ended(Exit::Forbidden.code())),
    }
}

fn list(context: &Context) -> Result<()> {
    let rows = access::matrix();
    context.output.result(&rows, |_| {
        let mut head = vec!["VERB", "COMMANDS"];
        head.extend(PersonRole::ALL.map(PersonRole::as_str));
        table::columns(
            &head,
            rows.iter().map(|row| {
                let word =
                    if row.protected { format!("{}, protected", row.deed) } else { row.deed.to_owned() };
                let may = PersonRole::ALL.map(|role| row.roles.contains(&role.as_str()));
                let may = may.map(|may| if may { "yes" } else { "-" }.to_owned());
                [word, row.commands.to_owned()].into_iter().chain(may).collect()
            }),
        )
    })
}
