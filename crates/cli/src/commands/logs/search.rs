//! `outboard logs` with a query: the archive and what is live, searched as one.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use verbs::Error;
use verbs::logs::histogram::histogram;
use verbs::logs::search::{Answer, Found, Search, search};
use verbs::logs::{Query, Words};

use crate::context::{Context, Place};
use crate::error::{Failure, Result};
use crate::output::log::{Style, Writer, histogram as drawn};
use crate::terminal;

/// Answers that may wait to be written; a slow terminal slows the reading down beyond that.
const BUFFER: usize = 256;
/// Steps of time in a histogram, about.
const STEPS: usize = 30;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Searching the archive, too")]
pub struct SearchArgs {
    /// Only lines that this query finds, such as `level:>=warn checkout`; a name among the components that cannot be one is
    /// a query, too. Without --follow the project's archive is searched with what is live
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,
    /// Only the newest so many
    #[arg(long, value_name = "LINES", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Go on where an earlier search stopped, with the token that it told
    #[arg(long, value_name = "TOKEN", conflicts_with = "follow")]
    pub cursor: Option<String>,
    /// Show every line as soon as it is found, the newest first [default: in order of time, at the end]
    #[arg(long, conflicts_with = "follow")]
    pub newest_first: bool,
    /// Count lines by time and level instead of showing them
    #[arg(long, conflicts_with_all = ["follow", "cursor", "newest_first"])]
    pub histogram: bool,
    /// Do not ask before very much is read
    #[arg(long)]
    pub yes: bool,
}

impl SearchArgs {
    /// Whether more is asked for than what nodes have.
    pub fn searches(&self, words: Option<&Words>) -> bool {
        words.is_some() || self.histogram || self.newest_first || self.cursor.is_some()
    }
}

pub async fn run(
    context: &Context,
    place: &Place,
    args: &SearchArgs,
    query: Query,
    style: Style,
) -> Result<()> {
    let mut wanted = Search {
        query,
        project: place.project.clone(),
        limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
        cursor: args.cursor.clone(),
        whatever_it_takes: args.yes,
        // Nothing less than all of it, and as oneself.
        bounds: None,
        asker: None,
    };
    match once(context, place, args, &wanted, style).await {
        Err(Failure::Verb(Error::BigSearch { estimate })) if terminal::can_ask() => {
            let question = format!("This reads up to {}. Go on? [y/N] ", words::size::cost(&estimate));
            if !matches!(terminal::ask(question).await?.as_str(), "y" | "yes") {
                context.output.note("nothing was read");
                return Ok(());
            }
            wanted.whatever_it_takes = true;
            once(context, place, args, &wanted, style).await
        }
        ended => ended,
    }
}

async fn once(
    context: &Context,
    place: &Place,
    args: &SearchArgs,
    wanted: &Search,
    style: Style,
) -> Result<()> {
    let (out, mut answers) = mpsc::channel(BUFFER);
    let mut show =
        Show { context, writer: Writer::new(style), later: (!args.newest_first).then(Vec::new), bar: None };
    let showing = async {
        let mut shown = Ok(());
        while let Some(answer) = answers.recv().await {
            shown = show.answer(answer);
            if shown.is_err() {
                break;
            }
        }
        // Dropped here, so that the reading side learns that nobody listens.
        drop(answers);
        show.end_of_progress();
        shown
    };
    let output = &context.output;
    if args.histogram {
        let counting = histogram(&place.cluster, &place.namespace, wanted, STEPS, out);
        let (counted, shown) = tokio::join!(Box::pin(counting), showing);
        shown?;
        let Some(counted) = counted?.map(|counted| counted.histogram) else { return Ok(()) };
        return output.outcome(&counted, |paint| drawn::text(&counted, *paint));
    }
    let searching = search(&place.cluster, &place.namespace, wanted, out);
    let (searched, shown) = tokio::join!(Box::pin(searching), showing);
    shown?;
    let Some(searched) = searched? else { return Ok(()) };
    show.rest()?;
    notes(context, &wanted.query.environment, &searched)
}

/// What there is to say beside the lines.
fn notes(context: &Context, environment: &str, searched: &Found) -> Result<()> {
    if context.output.is_json() {
        return context.output.item(&serde_json::json!({"event": "result", "result": searched}));
    }
    for note in words::found::notes(environment, searched) {
        context.output.note(&note);
    }
    if let Some(cursor) = &searched.cursor {
        context.output.note(&format!("there may be more that is older: go on with --cursor {cursor}"));
    }
    Ok(())
}

struct Show<'a> {
    context: &'a Context,
    writer: Writer,
    /// What is shown at the end, in order of time.
    later: Option<Vec<Answer>>,
    bar: Option<ProgressBar>,
}

impl Show<'_> {
    fn answer(&mut self, answer: Answer) -> Result<()> {
        match (answer, &mut self.later) {
            (Answer::Progress(progress), _) if self.context.output.is_json() => {
                self.context.output.item(&serde_json::json!({"event": "progress", "progress": progress}))
            }
            (Answer::Progress(progress), _) => {
                let bar = self.bar.get_or_insert_with(bar);
                bar.set_length(progress.of.bytes);
                bar.set_position(progress.bytes);
                bar.set_message(format!("{} found", progress.found));
                Ok(())
            }
            (answer, Some(later)) => {
                later.push(answer);
                Ok(())
            }
            (answer, None) => self.write(&answer),
        }
    }

    fn write(&mut self, answer: &Answer) -> Result<()> {
        let bytes = match answer {
            Answer::Line(line) => self.writer.found(line)?,
            Answer::Seam(complete) => self.writer.seam(*complete)?,
            Answer::Progress(_) => return Ok(()),
        };
        let output = &self.context.output;
        match &self.bar {
            Some(bar) => bar.suspend(|| output.bytes(&bytes)),
            None => output.bytes(&bytes),
        }
    }

    fn end_of_progress(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// In order of time.
    fn rest(&mut self) -> Result<()> {
        let later = self.later.take().unwrap_or_default();
        later.iter().rev().try_for_each(|answer| self.write(answer))
    }
}

/// On stderr, and nowhere if that is no terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}, {eta} left, {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The one query among what was named, if there is one.
pub fn words(named: Option<&str>, positional: &[String]) -> Result<Option<Words>> {
    let all: Vec<&str> = named.into_iter().chain(positional.iter().map(String::as_str)).collect();
    match all.as_slice() {
        [] => Ok(None),
        [text] => match Words::parse(text) {
            Ok(words) => Ok(Some(words)),
            Err(error) => Err(Failure::Query { text: (*text).to_owned(), error }),
        },
        [.., last] => Err(Failure::Usage {
            sentence: format!("there is more than one query: `{last}` is the last"),
            hint: "write them as one, in quotes: \"level:>=warn checkout\"".to_owned(),
        }),
    }
}
