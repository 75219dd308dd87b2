//! One change of several environments: planned and shown for each, then carried out for each. Protected ones are destroyed one
//! by one, on their own page.

use std::collections::BTreeSet;

use askama::Template;
use axum::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use futures::{StreamExt, stream};
use verbs::environment::{self, Destroyed, Doomed};
use verbs::{Change, Event};

use super::barred::{Forms, barred};
use super::destroy::class_of;
use super::{Place, Said, Shell, html};
use crate::app::{App, Mine, Result};
use crate::ask::Ask;
use crate::command::{self, Several};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::table::PAGE;
use crate::view::tone::Chip;

/// As many at once as a page of the list shows.
const MOST: usize = PAGE;
/// So many are asked about at the same time: plans are work for the operator and for registries.
const AT_ONCE: usize = 4;

#[derive(Template)]
#[template(path = "several.html")]
struct Asked {
    shell: Shell,
    action: Several,
    lines: Vec<Line>,
    /// Why it was not done when it was to be.
    trouble: Option<Failure>,
}

#[derive(Template)]
#[template(path = "several_done.html")]
struct Done {
    shell: Shell,
    action: Several,
    lines: Vec<Line>,
    failed: usize,
}

/// What would become, or became, of one of them.
struct Line {
    place: Place,
    chip: Chip,
    said: String,
    hint: Option<String>,
    /// What is carried out: the environment, and its plan's id or its own uid.
    pick: Option<String>,
    /// The id of its plan.
    plan: Option<String>,
}

impl Line {
    fn refused(place: Place, word: &'static str, failure: &Failure) -> Self {
        let words = &failure.words;
        Self {
            place,
            chip: Chip::new("bad", "circle-x", word),
            said: words.sentence.clone(),
            hint: words.hint.clone(),
            pick: None,
            plan: None,
        }
    }

    /// One of which nothing is carried out.
    fn left(place: Place, chip: Chip, said: String, hint: Option<String>) -> Self {
        Self { place, chip, said, hint, pick: None, plan: None }
    }
}

/// Of what there is nothing to do for.
const IDLE: &str = "As it is";

impl Asked {
    fn ready(&self) -> usize {
        self.lines.iter().filter(|line| line.pick.is_some()).count()
    }

    /// Those that cannot be done here, each with its reason.
    fn barred(&self) -> usize {
        self.lines.iter().filter(|line| line.pick.is_none() && line.chip.word != IDLE).count()
    }
}

pub async fn ask(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    Said(fields): Said<Vec<(String, String)>>,
) -> Result<Response> {
    let action = action(&fields)?;
    let places: Vec<Place> = picked(&app, &fields)?.into_iter().map(|(place, _)| place).collect();
    asked(&app, &guest, action, places, None).await
}

async fn asked(
    app: &App,
    guest: &Guest,
    action: Several,
    places: Vec<Place>,
    trouble: Option<Failure>,
) -> Result<Response> {
    let shell = Shell::new(app, guest, action.title(places.len()), "environments");
    let shell = shell.does(does(app, action, &places).await);
    let lines = stream::iter(places).map(|place| line(app, action, place)).buffered(AT_ONCE);
    html(&Asked { shell, action, lines: lines.collect().await, trouble })
}

/// One command is for all of them: none is shown to whoever may not do so in one of their namespaces.
async fn does(app: &App, action: Several, places: &[Place]) -> Option<String> {
    let forms = match action {
        Several::Destroy => Forms::Destroy,
        Several::Restart | Several::Update => Forms::Several,
    };
    let namespaces: BTreeSet<&str> = places.iter().map(|place| place.namespace.as_str()).collect();
    for namespace in namespaces {
        if barred(app, namespace, forms).await.is_some() {
            return None;
        }
    }
    Some(command::several(action, places))
}

pub async fn carry_out(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    Said(fields): Said<Vec<(String, String)>>,
) -> Result<Response> {
    let action = action(&fields)?;
    let lines: Vec<Line> = match action {
        Several::Destroy => {
            let picked = picked(&app, &fields)?;
            let typed = fields.iter().find(|(field, _)| field == "count").map(|(_, value)| value.trim());
            if typed != Some(picked.len().to_string().as_str()) {
                let failure = Failure::said(
                    "everything stays as it is: how many are to be destroyed was not typed",
                    format!("type {}", picked.len()),
                );
                let status = failure.status;
                let places = picked.into_iter().map(|(place, _)| place).collect();
                let mut again = asked(&app, &guest, action, places, Some(failure)).await?;
                *again.status_mut() = status;
                return Ok(again);
            }
            all(&app, picked, |app, (place, uid)| async move { destroyed(&app, place, uid).await }).await?
        }
        Several::Restart | Several::Update => {
            all(&app, picked(&app, &fields)?, move |app, (place, id)| async move {
                // Of one whose plan is not known any more nothing is done; the others go on.
                let sheet = match id.ok_or_else(Failure::forgotten).and_then(|id| app.sheet(&id)) {
                    Ok(sheet) => sheet,
                    Err(failure) => {
                        let what = command::of(&place.namespace, &wanted(action, &place.name));
                        return done(&app, what, None, place, Err(failure));
                    }
                };
                let place =
                    Place { namespace: sheet.namespace.clone(), name: sheet.planned.environment.clone() };
                let (what, diff) = (sheet.what(), sheet.differs());
                done(&app, what, diff, place, sheet.carry_out(&app.cluster).await.map(changed))
            })
            .await?
        }
    };
    let shell = Shell::new(&app, &guest, action.title(lines.len()), "environments");
    let failed = lines.iter().filter(|line| line.chip.tone == "bad").count();
    html(&Done { shell, action, lines, failed })
}

/// Each of them, also if whoever asked for it leaves meanwhile.
async fn all<T, D>(app: &App, these: Vec<T>, each: impl Fn(App, T) -> D + Send + 'static) -> Result<Vec<Line>>
where
    T: Send + 'static,
    D: Future<Output = Line> + Send + 'static,
{
    let within = app.clone();
    let doing = async move {
        let lines = stream::iter(these).map(move |one| each(within.clone(), one)).buffered(AT_ONCE);
        Ok(lines.collect().await)
    };
    app.desk.finish(doing).await
}

/// What is planned for one of them.
fn wanted(action: Several, environment: &str) -> Ask {
    let environment = environment.to_owned();
    match action {
        Several::Update => Ask::Update { environment, revision: None },
        Several::Restart | Several::Destroy => Ask::Restart { environment, components: vec![] },
    }
}

async fn line(app: &App, action: Several, place: Place) -> Line {
    if action == Several::Destroy {
        return to_destroy(app, place).await;
    }
    match app.plan(&place.namespace, wanted(action, &place.name), None).await {
        Err(failure) => Line::refused(place, "Refused", &failure),
        Ok(sheet) if sheet.planned.is_idle() => {
            Line::left(place, Chip::new("quiet", "check", IDLE), "nothing would change".to_owned(), None)
        }
        Ok(sheet) => Line {
            chip: Chip::new("wait", "pencil", "Change"),
            said: words::plan::summary(&sheet.planned),
            hint: sheet.planned.status.verdict.as_ref().map(words::finding),
            pick: Some(format!("{}/{}/{}", place.namespace, place.name, sheet.id)),
            plan: Some(sheet.id.clone()),
            place,
        },
    }
}

async fn to_destroy(app: &App, place: Place) -> Line {
    let environment = match app.environment(&place.namespace, &place.name).await {
        Ok(environment) => environment,
        Err(failure) => return Line::refused(place, "Refused", &failure),
    };
    let class = &environment.spec.class;
    if class_of(app, &environment).await.is_none_or(|class| class.protected) {
        let said = format!("its class {class} is protected, or cannot be read");
        let hint = Some("destroy it by itself, on its own page".to_owned());
        return Line::left(place, Chip::new("quiet", "circle-pause", "Left alone"), said, hint);
    }
    let said = match environment.status.as_ref().and_then(|status| status.namespace.as_ref()) {
        Some(runs_in) => format!("namespace {runs_in} and its volumes go"),
        None => "nothing of it runs yet".to_owned(),
    };
    // Only the one that is shown here, not one that is made under its name meanwhile.
    let uid = environment.metadata.uid.as_deref().unwrap_or_default();
    let pick = Some(format!("{}/{}/{uid}", place.namespace, place.name));
    Line { place, chip: Chip::new("bad", "trash-2", "Destroy"), said, hint: None, pick, plan: None }
}

async fn destroyed(app: &App, place: Place, uid: Option<String>) -> Line {
    let Place { namespace, name } = &place;
    let doomed = Doomed { namespace, name, uid: uid.as_deref(), protected: false };
    let begun = environment::destroy(&app.cluster, doomed, false, None, &mut |_: Event| {}).await;
    let begun = begun.map_err(Failure::from).map(|begun| match begun {
        Destroyed::Missing { .. } => "was not there any more".to_owned(),
        Destroyed::Started { .. } | Destroyed::Gone { .. } => "is being destroyed".to_owned(),
    });
    let what = command::destroy(namespace, name, false);
    done(app, what, None, place, begun)
}

fn changed(change: Change) -> String {
    match change {
        Change::Unchanged => "was so already".to_owned(),
        _ => "is on its way".to_owned(),
    }
}

/// A line on the page, and one on record.
fn done(app: &App, what: String, diff: Option<String>, place: Place, outcome: Result<String>) -> Line {
    let status = outcome.as_ref().map_or_else(|failure| failure.status, |_| StatusCode::ACCEPTED);
    app.tell(what, diff, status);
    match outcome {
        Ok(said) => Line::left(place, Chip::new("good", "circle-check", "Done"), said, None),
        Err(failure) => Line::refused(place, "Not done", &failure),
    }
}

fn action(fields: &[(String, String)]) -> Result<Several> {
    let said = fields.iter().find(|(field, _)| field == "action").map(|(_, value)| value.as_str());
    said.and_then(Several::parse)
        .ok_or_else(|| Failure::said("it is not said what is to become of them", "choose one of the buttons"))
}

/// What was chosen, each once.
fn picks(fields: &[(String, String)]) -> Result<Vec<String>> {
    let mut seen = BTreeSet::new();
    let picks = fields.iter().filter(|(field, _)| field == "pick").map(|(_, value)| value.trim());
    let picks: Vec<String> = picks.filter(|pick| seen.insert(*pick)).map(str::to_owned).collect();
    let refused = match picks.len() {
        0 => Failure::said("no environment was chosen", "tick those that are meant"),
        1..=MOST => return Ok(picks),
        many => Failure::said(
            format!("{many} environments are more than {MOST} at once"),
            "choose fewer, or use the command line",
        ),
    };
    Err(refused.back("/environments".to_owned()))
}

/// Places as the list names them; with a uid, the very one that was shown.
fn picked(app: &App, fields: &[(String, String)]) -> Result<Vec<(Place, Option<String>)>> {
    let place = |pick: &String| {
        let mut words = pick.splitn(3, '/');
        let (Some(namespace), Some(name)) = (words.next(), words.next()) else {
            let sentence = "an environment is named by its namespace and its name";
            return Err(Failure::said(sentence, "begin at the list"));
        };
        let place = Place::parse(namespace, name)?;
        app.within(&place.namespace)?;
        Ok((place, words.next().map(str::to_owned)))
    };
    picks(fields)?.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_was_ticked_twice_is_meant_once_and_nothing_ticked_is_said() {
        let said = fields(&[("pick", "shop/qa"), ("token", "x"), ("pick", "shop/qa"), ("pick", "shop/qa-2")]);
        assert_eq!(picks(&said).unwrap(), ["shop/qa", "shop/qa-2"]);
        assert!(picks(&fields(&[("token", "x")])).is_err());
        let all: Vec<(String, String)> =
            (0..=MOST).map(|number| ("pick".to_owned(), format!("shop/qa-{number}"))).collect();
        assert!(picks(&all).is_err());
        assert_eq!(picks(&all[1..]).unwrap().len(), MOST);
    }

    #[test]
    fn only_what_has_a_button_can_be_asked() {
        assert_eq!(action(&fields(&[("action", "restart")])).unwrap(), Several::Restart);
        assert!(action(&fields(&[("action", "promote")])).is_err());
        assert!(action(&fields(&[])).is_err());
    }
}
