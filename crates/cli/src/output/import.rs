//! What was made of a file, and what a person has to know about it.

use verbs::import::{Kind, Note, Written};

use super::colour::Paint;

pub fn report(written: &Written, paint: Paint) -> String {
    let imported = &written.imported;
    let mut text = String::new();
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let made = format!(
        "project {} with {}, {} and {}",
        imported.project,
        count(imported.components.len(), "component"),
        count(imported.services.len(), "service"),
        count(imported.routes.len(), "route")
    );
    match &written.file {
        Some(file) => text.push_str(&format!("{} wrote {file}: {made}\n", paint.good("✓"))),
        None => text.push_str(&format!("{made}\n")),
    }
    let verb = if written.file.is_some() { "wrote" } else { "needs" };
    for file in &written.files {
        text.push_str(&format!("  {verb} {file}\n"));
    }
    for kind in Kind::ALL {
        let notes: Vec<&Note> = imported.notes.iter().filter(|note| note.kind == kind).collect();
        if !notes.is_empty() {
            text.push_str(&format!("\n{} ({})\n", paint.strong(kind.as_str()), notes.len()));
        }
        for note in notes {
            let part = note.part.as_ref().map(|part| format!("{part}: ")).unwrap_or_default();
            let place = format!("{}:{}", note.place.file, note.place.line);
            let key = note.key().map(|key| format!("{key}: ")).unwrap_or_default();
            text.push_str(&format!("  {part}{key}{}  {}\n", note.message, paint.aside(place)));
            if let Some(instead) = &note.instead {
                text.push_str(&format!("    → {instead}\n"));
            }
        }
    }
    if written.file.is_some() {
        text.push_str("\nnext: look at what is to do, then `outboard check` and `outboard project apply`\n");
    }
    text
}
