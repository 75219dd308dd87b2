//! What went wrong, and what to do about it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Html;

use super::Shell;
use crate::failure::Failure;
use crate::view::detail::Judged;

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble<'a> {
    shell: Shell,
    failure: &'a Failure,
    verdict: Option<Judged>,
}

/// The page; should even that fail, a sentence.
pub fn page(failure: &Failure) -> Html<String> {
    let inside =
        failure.status != StatusCode::UNAUTHORIZED && failure.status != StatusCode::MISDIRECTED_REQUEST;
    let shell = Shell::bare("That did not work", inside);
    let verdict = failure.verdict.as_ref().map(Judged::of);
    let page = Trouble { shell, failure, verdict };
    Html(page.render().unwrap_or_else(|_| "That did not work, and cannot be shown.".to_owned()))
}
