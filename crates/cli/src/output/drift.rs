//! How drift is shown to a person.

use verbs::environment::Report;
use words::time::age;

use super::colour::Paint;

/// What stands changed, what was put back, and what lies beside.
pub fn report(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    if let Some(until) = &report.frozen_until {
        let why = report.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        text.push_str(&format!("{} until {until}{why}: nothing is put back\n", paint.wait("frozen")));
    }
    for drift in &report.drift {
        let state = if drift.reverted { paint.good("put back") } else { paint.bad("stands") };
        let what = if drift.deleted { "deleted" } else { "changed" };
        let by = if drift.by.is_empty() { String::new() } else { format!(" by {}", drift.by.join(", ")) };
        let since = age(Some(&drift.at.0.to_string()));
        text.push_str(&format!("{state}  {} {what}{by}, {since} ago\n", paint.strong(&drift.object)));
        for field in &drift.fields {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            text.push_str(&format!("    {}: {} → {}\n", field.path, shown(&field.from), shown(&field.to)));
        }
    }
    if report.drift.is_empty() {
        text.push_str("everything is as outboard wrote it\n");
    }
    match &report.extra {
        None => text.push_str(&format!("{}\n", paint.aside("objects beside: you may not list them"))),
        Some(extra) if !extra.is_empty() => {
            text.push_str(&format!("not outboard's, left alone: {}\n", extra.join(", ")));
        }
        Some(_) => {}
    }
    text
}
