//! The table of environments: filtered, sorted, a page of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::Environment;
use askama::Template;
use jiff::Timestamp;
use verbs::Silence;
use verbs::environment::State;

use super::query::{Query, Sort};
use super::row::Row;
use super::tone::{Chip, STATES, of_state};

/// More rows than this are on another page: what changes is sent again as a whole.
pub const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "_table.html")]
pub struct Table {
    pub rows: Vec<Row>,
    pub query: Query,
    /// How many there are at all.
    pub all: usize,
    /// How many the filter lets through.
    pub found: usize,
    /// States of those, with how many of each.
    pub counts: Vec<(Chip, usize)>,
    /// Whether they are of several namespaces.
    pub namespaces: bool,
    pub pages: usize,
    pub silence: Option<String>,
    pub columns: Vec<Column>,
}

/// The head of a column by which the table can be sorted.
pub struct Column {
    pub name: &'static str,
    pub word: &'static str,
    /// How it is sorted, for screen readers.
    pub order: &'static str,
    /// Where it is sorted by this one, or the other way round.
    pub address: String,
}

/// What can be chosen in the filter.
#[derive(Debug, Default)]
pub struct Choices {
    pub classes: BTreeSet<String>,
    pub projects: BTreeSet<String>,
}

impl Choices {
    pub fn of(environments: &[Arc<Environment>]) -> Self {
        let mut choices = Self::default();
        for environment in environments {
            choices.classes.insert(environment.spec.class.clone());
            choices.projects.insert(environment.spec.project.clone());
        }
        choices
    }
}

impl Table {
    pub fn of(
        environments: &[Arc<Environment>],
        query: &Query,
        silence: Option<&Silence>,
        now: Timestamp,
    ) -> Self {
        let rows = environments.iter().map(|environment| Row::of(environment, now));
        let mut rows: Vec<Row> = rows.filter(|row| wanted(row, query)).collect();
        let counts =
            STATES.map(|state| (state, rows.iter().filter(|row| row.summary.state == state).count()));
        let state = query.state();
        rows.retain(|row| state.is_none_or(|state| row.summary.state == state));
        rows.sort_by_cached_key(|row| (key(row, query.sort), row.summary.name.clone()));
        if query.is_descending() {
            rows.reverse();
        }
        let found = rows.len();
        let pages = found.div_ceil(PAGE).max(1);
        let page = query.page().min(pages);
        let namespaces: BTreeSet<_> =
            environments.iter().filter_map(|environment| environment.metadata.namespace.as_ref()).collect();
        Self {
            rows: rows.into_iter().skip((page - 1) * PAGE).take(PAGE).collect(),
            query: Query { page: page.to_string(), ..query.clone() },
            all: environments.len(),
            found,
            counts: counts
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(state, count)| (of_state(state), count))
                .collect(),
            namespaces: namespaces.len() > 1,
            pages,
            silence: silence.map(|silence| said(silence, now)),
            columns: COLUMNS.iter().map(|(sort, word)| column(query, *sort, word)).collect(),
        }
    }
}

const COLUMNS: [(Sort, &str); 5] = [
    (Sort::Name, "Environment"),
    (Sort::State, "State"),
    (Sort::Class, "Class"),
    (Sort::Owner, "Owner"),
    (Sort::Age, "Age"),
];

fn column(query: &Query, sort: Sort, word: &'static str) -> Column {
    let order = match (query.sort == sort, query.is_descending()) {
        (false, _) => "none",
        (true, false) => "ascending",
        (true, true) => "descending",
    };
    Column { name: sort.word(), word, order, address: query.sorted(sort) }
}

/// That what is shown may be old.
pub fn said(silence: &Silence, now: Timestamp) -> String {
    let since = words::time::age_at(Some(&silence.since.to_string()), now);
    format!("The cluster has not answered for {since} ({}). This is what it said last.", silence.reason)
}

fn wanted(row: &Row, query: &Query) -> bool {
    let is = |said: &str, value: &str| said.is_empty() || said == value;
    is(&query.class, &row.summary.class)
        && is(&query.project, &row.summary.project)
        && query.q.split_whitespace().all(|word| row.has(word))
}

fn key(row: &Row, sort: Sort) -> String {
    let summary = &row.summary;
    match sort {
        Sort::Name => summary.name.clone(),
        // What wants somebody's eyes comes first.
        Sort::State => match summary.state {
            State::Failed => "0",
            State::Held => "1",
            State::Progressing => "2",
            State::Unseen => "3",
            State::Destroying => "4",
            State::Ready => "5",
        }
        .to_owned(),
        Sort::Class => summary.class.clone(),
        // Those of nobody last.
        Sort::Owner => summary.owner.clone().unwrap_or_else(|| "\u{10ffff}".to_owned()),
        // The youngest first: timestamps sort as text, the other way round.
        Sort::Age => summary.created.iter().flat_map(|time| time.chars().map(turned)).collect(),
    }
}

fn turned(c: char) -> char {
    c.to_digit(10).and_then(|digit| char::from_digit(9 - digit, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, world};

    fn names(query: &Query) -> Vec<String> {
        let table = Table::of(&world(), query, None, *NOW);
        table.rows.into_iter().map(|row| row.summary.name).collect()
    }

    #[test]
    fn every_word_of_a_search_has_to_be_found_somewhere() {
        let search = |q: &str| names(&Query { q: q.into(), ..Query::default() });
        assert_eq!(search("ann"), ["qa-42", "qa-44"]);
        assert_eq!(search("ANN nope"), ["qa-44"]);
        assert_eq!(search("nobody"), Vec::<String>::new());
    }

    #[test]
    fn what_wants_somebody_comes_first_when_sorted_by_state() {
        let sorted = names(&Query { sort: Sort::State, ..Query::default() });
        assert_eq!(sorted.first().map(String::as_str), Some("qa-44"));
        let turned = names(&Query { sort: Sort::State, desc: "1".into(), ..Query::default() });
        assert_eq!(turned.last().map(String::as_str), Some("qa-44"));
    }

    #[test]
    fn a_filter_counts_what_it_would_show_and_hides_the_rest() {
        let query = Query { state: "failed".into(), ..Query::default() };
        let table = Table::of(&world(), &query, None, *NOW);
        assert_eq!((table.all, table.found), (5, 1));
        assert!(table.counts.contains(&(of_state(State::Ready), 2)), "{:?}", table.counts);
    }

    #[test]
    fn a_page_beyond_the_last_is_the_last() {
        let query = Query { page: "99".into(), ..Query::default() };
        assert_eq!(Table::of(&world(), &query, None, *NOW).rows.len(), 5);
    }

    #[test]
    fn a_table_is_reviewed_as_it_is_sent() {
        let silence = Silence { since: *NOW, reason: "connection refused".into() };
        let table = Table::of(&world(), &Query::default(), Some(&silence), *NOW);
        insta::assert_snapshot!(table.render().unwrap());
    }

    #[test]
    fn an_empty_table_teaches_the_next_step() {
        insta::assert_snapshot!(Table::of(&[], &Query::default(), None, *NOW).render().unwrap());
    }

    #[test]
    fn what_somebody_wrote_into_an_object_is_text_and_never_markup() {
        let mut all = world();
        let mut evil = (*all[0]).clone();
        evil.spec.owner = Some("<script>alert(1)</script>\"'".into());
        all[0] = Arc::new(evil);
        let html = Table::of(&all, &Query::default(), None, *NOW).render().unwrap();
        assert!(!html.contains("<script"), "{html}");
    }
}
