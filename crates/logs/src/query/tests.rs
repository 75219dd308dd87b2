//! What queries find, where they are refused, and what of them holds for every query.

use proptest::prelude::*;

use super::*;
use crate::Origin;

fn line(text: &str) -> Line {
    Line {
        time: "2026-11-25T10:00:00Z".parse().unwrap(),
        project: "shop".into(),
        environment: "qa-42".into(),
        component: "web".into(),
        pod: "web-7d4f-x1".into(),
        container: "web".into(),
        file: None,
        text: text.into(),
        origin: Origin::Live,
    }
}

fn found(query: &str, text: &str) -> bool {
    Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error:?}")).matches(&line(text))
}

/// The query, a line under it that points to the place, and what to do.
fn refusal(query: &str) -> String {
    let error = Query::parse(query).expect_err(query);
    assert!(error.position <= query.chars().count(), "{query}: {error:?}");
    format!(
        "{query}\n{:>width$} {error}; {}",
        "^",
        error.hint.as_deref().unwrap_or_default(),
        width = error.position + 1
    )
}

#[test]
fn words_are_found_anywhere_and_in_either_case() {
    assert!(found("checkout", "POST /Checkout 200"));
    assert!(found("check*200", "POST /checkout 200"));
    assert!(!found("200*check", "POST /checkout 200"));
    assert!(found(r#""checkout 200""#, "POST /checkout 200"));
    assert!(found(r#""say \"hi\"""#, r#"they say "hi""#));
    assert!(found("ÉTÉ", "un été"));
    assert!(found("", "anything") && found("*", "anything") && found("  ", ""));
    assert!(found("10:00:01", "at 10:00:01 it began"));
    assert!(found("or", "for"));
    assert!(found("- a", "a - b"));
}

#[test]
fn terms_are_joined_as_people_expect() {
    assert!(found("a b", "b a") && !found("a b", "a"));
    assert!(found("a OR b c", "a") && !found("a OR b c", "b"));
    assert!(found("(a OR b) c", "b c") && !found("(a OR b) c", "a"));
    assert!(found("a -b", "a") && !found("a -b", "a b"));
    assert!(found("a NOT (b OR c)", "a") && !found("a AND NOT (b OR c)", "a c"));
    assert!(found(r#"-"b a""#, "a b"));
}

#[test]
fn regular_expressions_mind_the_case_unless_told_otherwise() {
    assert!(found("/time(d )?out/", "it timed out") && !found("/Timeout/", "timeout"));
    assert!(found("/Timeout/i", "timeout"));
    assert!(found(r"/\/v\d+\//", "GET /v2/items") && found(r"-/\d/", "none"));
}

#[test]
fn fields_are_the_lines_own_or_those_of_its_json() {
    let text = r#"{"level":"warn","status":503,"user":{"id":42,"name":"Ann Lee"},"a.b":{"c":true},"tags":["x","y"],"none":null,"pod":"other"}"#;
    for query in [
        "component:web",
        "component:WEB",
        "pod:web-*",
        "environment:qa-42",
        "project:shop",
        "container:/^w/",
        "user.id:42",
        "@user.id:>41",
        "@status:>=500 @status:<504",
        "user.name:\"ann lee\"",
        "user.name:ann*",
        "user:*",
        "a.b.c:true",
        "tags:y",
        "-none:*",
        "-missing:*",
        "@pod:other",
        "level:warn",
        "level:>=info level:<error",
        "-level:error",
        "@level:w*n",
        "user.name:>Ann",
    ] {
        assert!(found(query, text), "{query}");
    }
    for query in [
        "component:we",
        "user.id:4",
        "status:>503",
        "status:>abc",
        "user.name:>5",
        "file:*",
        "none:*",
        "pod:other",
    ] {
        assert!(!found(query, text), "{query}");
    }
    assert!(!found("level:>=trace", "says nothing") && found("-level:info", "says nothing"));
}

#[test]
fn a_broken_query_says_where_and_what_to_do() {
    let refused: Vec<String> = [
        "a AND",
        "AND a",
        "a OR OR b",
        "(a OR b",
        "(",
        "a)",
        "()",
        "\"open",
        "/open",
        "/a(b/",
        r"/\/(b/",
        "//",
        "level:loud",
        "level:>=",
        "level:w*",
        "status:> 500",
        "component:",
        "component:(a OR b)",
        "http://a.example/x",
        "status:>5*",
        "a || b",
        "NOT",
        r"a\",
        "/(a{1000}){1000}/",
    ]
    .into_iter()
    .map(refusal)
    .collect();
    insta::assert_snapshot!(refused.join("\n\n"));
    assert!(Query::parse(&"(".repeat(5000)).is_err());
    assert!(Query::parse(&"-".repeat(5000)).is_err());
    assert!(Query::parse(&"a ".repeat(5000)).is_err());
}

/// Whether the raw record, as an encoder of JSON writes it, would have been looked at.
fn let_through(literals: &Literals, raw: &str) -> bool {
    match literals {
        Literals::Unknown => true,
        Literals::One(literal) => {
            regex::bytes::Regex::new(&literal.pattern).unwrap().is_match(raw.as_bytes())
        }
        Literals::All(all) => all.iter().all(|part| let_through(part, raw)),
        Literals::Any(any) => any.iter().any(|part| let_through(part, raw)),
    }
}

#[test]
fn what_must_be_in_a_record_is_known_before_it_is_read() {
    let literals = Query::parse("level:>=warn checkout -noise").unwrap().literals();
    assert!(!let_through(&literals, r#"{"Text":"{\"level\":\"warn\"}"}"#));
    assert!(!let_through(&literals, r#"{"Text":"CHECKOUT fine"}"#));
    assert!(let_through(&literals, r#"{"Text":"{\"level\": 40,\"msg\":\"Checkout\"}"}"#));
    assert_eq!(Query::parse("-a").unwrap().literals(), Literals::Unknown);
    assert_eq!(Query::parse("a OR -b").unwrap().literals(), Literals::Unknown);
    assert_eq!(Query::parse("/.*/").unwrap().literals(), Literals::Unknown);
}

fn queries() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Z0-9*é._-]{1,6}",
        r##""[ !#-\[\]-~]{0,6}""##,
        "/[a-cks]{1,4}/i?",
        "(user\\.id|status|component|pod|@level|a\\.b):([a-z0-9.*]{1,4}|\"[a-z ]{0,4}\"|(<|<=|>|>=)[0-9a-z]{1,3}|/[a-z]{1,3}/)",
        "level:(<|<=|>|>=)?(trace|debug|info|warn|error|fatal)",
        Just("*".to_owned()),
    ];
    word.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| format!("({})", all.join(" "))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|any| format!("({})", any.join(" OR "))),
            inner.clone().prop_map(|node| format!("NOT {node}")),
            inner.prop_map(|node| format!("-{node}")),
        ]
    })
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"[a-cA-Cks0-9 éſK"<>&/\\]{0,12}"#,
        "(ERROR|\\[warn\\]|I1125|level=info|lvl=\"debug\") [a-c0-9]{0,6}",
        (
            "(level|severity|lvl)",
            prop_oneof![Just("\"warn\""), Just("40"), Just("\"Fatal\"")],
            "[a-z0-9.]{0,4}",
            0..1000i32
        )
            .prop_map(|(key, level, word, number)| {
                format!(r#"{{"{key}": {level},"user":{{"id":{number}}},"status":{number}.5,"a.b":"{word}"}}"#)
            }),
    ]
}

/// Escapes all that any encoder is known to escape.
fn as_go_writes(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('/', "\\/")
}

fn as_python_writes(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    let mut units = [0; 2];
    let mut written = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            written.push(c);
        } else {
            c.encode_utf16(&mut units).iter().for_each(|unit| written.push_str(&format!("\\u{unit:04x}")));
        }
    }
    written
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_stumble(text in any::<String>()) {
        let _ = Query::parse(&text);
    }

    #[test]
    fn no_text_of_the_languages_own_signs_makes_the_parser_stumble(text in r#"[a:@()"/\\*<>=\- ORNDT]{0,24}"#) {
        if let Err(error) = Query::parse(&text) {
            prop_assert!(error.position <= text.chars().count());
            prop_assert!(error.hint.is_some());
        }
    }

    #[test]
    fn a_query_written_down_again_says_the_same(text in queries()) {
        let query = Query::parse(&text).unwrap();
        let again = Query::parse(&query.to_string());
        prop_assert_eq!(&again.map(|query| query.node), &Ok(query.node.clone()), "{} became {}", text, query);
    }

    #[test]
    fn even_odd_queries_survive_being_written_down(text in r#"[ab:@()"/\\*<>=\- ORNDT.]{0,16}"#) {
        if let Ok(query) = Query::parse(&text) {
            let again = Query::parse(&query.to_string());
            prop_assert_eq!(&again.map(|query| query.node), &Ok(query.node.clone()), "{} became {}", text, query);
        }
    }

    #[test]
    fn no_line_that_matches_is_passed_over_by_its_raw_bytes(query in queries(), text in texts()) {
        let query = Query::parse(&query).unwrap();
        if query.matches(&line(&text)) {
            for json in [as_go_writes(&text), as_python_writes(&text)] {
                let raw = format!(r#"{{"Project":"shop","Env":"qa-42","Component":"web","Text":{json},"Pod":"web-7d4f-x1","Container":"web"}}"#);
                prop_assert!(let_through(&query.literals(), &raw), "{} needs {:?} of {}", query, query.literals(), raw);
            }
        }
    }
}
