//! Lines of logs.

use jiff::SignedDuration;
use verbs::logs::{Line, Origin};

use super::NOW;

/// Lines of a log: an hour of them, with a bad quarter.
pub fn lines() -> Vec<Line> {
    let line = |minute: i64, component: &str, text: &str| Line {
        time: NOW.checked_sub(SignedDuration::from_mins(60 - minute)).unwrap_or(*NOW),
        project: "shop".to_owned(),
        environment: "qa-42".to_owned(),
        component: component.to_owned(),
        pod: format!("{component}-5d9f7c6b84-x2x4z"),
        container: component.to_owned(),
        file: None,
        text: text.to_owned(),
        origin: Origin::Live,
    };
    let said = |minute: i64| match minute {
        30..45 if minute % 2 == 0 => r#"{"level":"error","msg":"no answer","host":"db:3306"}"#,
        30..45 => r#"{"level":"warn","msg":"the queue is long","waiting":412}"#,
        _ if minute % 7 == 0 => "a line that says no level",
        _ => r#"{"level":"info","msg":"served / in 2 ms","status":200}"#,
    };
    let component = |minute: i64| if minute % 3 == 0 { "worker" } else { "web" };
    (1..60).map(|minute| line(minute, component(minute), said(minute))).collect()
}
