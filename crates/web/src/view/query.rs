//! What of the table is wanted, as it stands in the page's address.

use serde::Deserialize;
use verbs::environment::State;

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    #[default]
    Name,
    State,
    Class,
    Owner,
    Age,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Class => "class",
            Self::Owner => "owner",
            Self::Age => "age",
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query {
    /// Words that all have to be found.
    pub q: String,
    pub state: String,
    pub class: String,
    pub project: String,
    pub sort: Sort,
    /// The other way round.
    pub desc: String,
    /// From 1.
    pub page: String,
}

impl Query {
    pub fn is_descending(&self) -> bool {
        !self.desc.is_empty()
    }

    pub fn page(&self) -> usize {
        self.page.parse().unwrap_or(1).max(1)
    }

    pub fn state(&self) -> Option<State> {
        super::tone::STATES.into_iter().find(|state| state.as_str() == self.state)
    }

    /// Whether something is left out.
    pub fn is_narrow(&self) -> bool {
        [&self.q, &self.state, &self.class, &self.project].iter().any(|said| !said.is_empty())
    }

    /// The same in an address, sorted in another way.
    pub fn sorted(&self, sort: Sort) -> String {
        let descending = sort == self.sort && !self.is_descending();
        self.address(sort, descending, 1)
    }

    pub fn on_page(&self, page: usize) -> String {
        self.address(self.sort, self.is_descending(), page)
    }

    /// The same as it is.
    pub fn here(&self) -> String {
        self.address(self.sort, self.is_descending(), self.page())
    }

    fn address(&self, sort: Sort, descending: bool, page: usize) -> String {
        let page = if page > 1 { page.to_string() } else { String::new() };
        let sort = if sort == Sort::Name { "" } else { sort.word() };
        let all = [
            ("q", self.q.as_str()),
            ("state", &self.state),
            ("class", &self.class),
            ("project", &self.project),
            ("sort", sort),
            ("desc", if descending { "1" } else { "" }),
            ("page", &page),
        ];
        let said: Vec<String> = all
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) }
    }
}

/// For a query in an address.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_only_what_is_not_usual_and_turns_around_what_is_sorted_already() {
        let query = Query { q: "qa 4&2".into(), page: "3".into(), ..Query::default() };
        assert_eq!(query.here(), "?q=qa%204%262&page=3");
        assert_eq!(query.sorted(Sort::Age), "?q=qa%204%262&sort=age");
        assert_eq!(query.sorted(Sort::Name), "?q=qa%204%262&desc=1");
        assert_eq!(Query::default().here(), "");
    }

    #[test]
    fn nonsense_in_an_address_is_the_usual() {
        let query = Query { page: "-7".into(), state: "perfect".into(), ..Query::default() };
        assert_eq!((query.page(), query.state()), (1, None));
    }
}
