//! What went wrong, and what to do about it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::Shell;
use crate::actor::Actor;
use crate::app::App;
use crate::failure::Failure;
use crate::view::detail::Judged;

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble<'a> {
    shell: Shell,
    failure: &'a Failure,
    verdict: Option<Judged>,
    /// Whom somebody asks who may not do what they asked for.
    contact: Option<String>,
}

/// What goes wrong for somebody who is known is told to them by name, with whom they ask.
pub async fn known(State(app): State<App>, request: Request, next: Next) -> Response {
    let actor = request.extensions().get::<Arc<Actor>>().cloned();
    let mut response = next.run(request).await;
    let (Some(actor), Some(site)) = (actor, app.door.site()) else { return response };
    let Some(failure) = response.extensions().get::<Failure>().filter(|failure| failure.to.is_none()) else {
        return response;
    };
    let contact = site.contact.clone().filter(|_| failure.status == StatusCode::FORBIDDEN);
    let page = drawn(failure, Some(actor.person.name()), contact);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = page.into_response().into_body();
    response
}

/// The page; should even that fail, a sentence.
pub fn page(failure: &Failure) -> Html<String> {
    drawn(failure, None, None)
}

fn drawn(failure: &Failure, who: Option<&str>, contact: Option<String>) -> Html<String> {
    let inside =
        failure.status != StatusCode::UNAUTHORIZED && failure.status != StatusCode::MISDIRECTED_REQUEST;
    let shell = Shell::bare("That did not work", inside);
    let shell = match who {
        Some(who) => Shell { who: who.to_owned(), signed: true, ..shell },
        None => shell,
    };
    let verdict = failure.verdict.as_ref().map(Judged::of);
    let page = Trouble { shell, failure, verdict, contact };
    Html(page.render().unwrap_or_else(|_| "That did not work, and cannot be shown.".to_owned()))
}
