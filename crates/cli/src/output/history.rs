//! How the revisions of an environment are shown to a person.

use verbs::environment::{Entry, Numbered, Timeline, Tone};
use words::harmless;
use words::time::age;

use super::colour::Paint;
use super::table::{or_dash, table};

/// One line a revision, newest first.
pub fn list(entries: &[Entry], paint: Paint) -> String {
    let rows = entries.iter().map(|entry| {
        let mark = if entry.current { "*" } else { " " };
        let state = if entry.ready { paint.good("ready") } else { paint.aside("never ready") };
        let versions: Vec<String> =
            entry.versions.iter().map(|(component, version)| format!("{component}={version}")).collect();
        [
            format!("{mark} {}", entry.revision),
            age(entry.made.as_deref()),
            state,
            or_dash(entry.by.as_deref()),
            or_dash(entry.action.as_deref()),
            entry.project_revision.clone(),
            versions.join(" "),
        ]
    });
    table(["  REVISION", "AGE", "STATE", "BY", "ACTION", "PROJECT", "VERSIONS"], rows)
}

/// One line for each thing that happened: terminals scroll, so the newest comes last.
pub fn events(told: &Timeline, paint: Paint) -> String {
    let rows = told.entries.iter().rev().map(|one| {
        // All of it may be what others wrote, and a line stays one.
        let told = |text: &str| harmless(text).replace('\n', " ");
        let what = told(&one.what);
        let what = match one.tone {
            Tone::Plain => what,
            Tone::Good => paint.good(&what),
            Tone::Warning => paint.wait(&what),
            Tone::Bad => paint.bad(&what),
        };
        [
            age(Some(&one.at)),
            if one.count > 1 { format!("{}×", one.count) } else { String::new() },
            what,
            or_dash(one.about.as_deref().map(told).as_deref()),
            or_dash(one.by.as_deref().map(told).as_deref()),
            told(&one.message),
        ]
    });
    table(["AGE", "TIMES", "WHAT", "ABOUT", "BY", "MESSAGE"], rows)
}

/// One revision: what it is made of.
pub fn revision(found: &Numbered, paint: Paint) -> String {
    let revision = &found.revision;
    let change = revision.change.clone().unwrap_or_default();
    let mut text = format!("revision {}\n", paint.strong(found.number));
    let mut fact = |name: &str, value: String| {
        text.push_str(&format!("  {} {value}\n", paint.aside(format!("{name:<10}"))));
    };
    fact("project", format!("{} ({})", revision.project, revision.project_revision));
    fact("class", revision.class.clone());
    fact("by", or_dash(change.by.as_deref()));
    fact("action", or_dash(Some(&change.action)));
    if let Some(until) = &found.kept_until {
        fact("kept until", format!("{until}: its environment was destroyed"));
    }
    fact("made by", format!("outboard {}", revision.renderer));
    let rows = revision.parts.iter().map(|part| {
        let objects: Vec<String> = part
            .objects
            .iter()
            .map(|object| {
                let text = |value: &'_ serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
            })
            .collect();
        [
            part.name.clone(),
            part.role.as_str().to_owned(),
            or_dash(part.version.as_deref()),
            or_dash(part.digest.as_deref()),
            objects.join(" "),
        ]
    });
    text.push_str(&format!("\n{}\n", table(["PART", "ROLE", "VERSION", "DIGEST", "OBJECTS"], rows)));
    text.push_str(&format!("\n{}\n", paint.aside("the objects in full: -o yaml")));
    text
}

#[cfg(test)]
mod tests {
    use verbs::environment::{Happening, Source};

    use super::*;

    #[test]
    fn nothing_that_others_wrote_does_anything_to_a_terminal() {
        let evil = "x\u{1b}[2J\u{1b}]0;y\u{7}\nz";
        let one = Happening {
            at: "2026-11-26T11:00:00Z".into(),
            since: None,
            count: 1,
            source: Source::Event,
            tone: Tone::Plain,
            what: evil.into(),
            about: Some(evil.into()),
            message: evil.into(),
            by: Some(evil.into()),
            revision: None,
            copy: None,
        };
        let told = Timeline {
            environment: "qa".into(),
            entries: vec![one],
            cut: false,
            partial: false,
            unread: vec![],
        };
        let text = events(&told, Paint::new(false));
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert_eq!(text.trim_end().lines().count(), 2, "{text:?}");
    }
}
