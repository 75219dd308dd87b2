//! Add-ons of clusters: what would change, what was done, how they stand, and what there has to be for them.

use verbs::clusters::addons::objects::{Compared, Standing};
use verbs::clusters::addons::{AddonLook, AddonReport, AddonState, Needed};

use super::super::colour::Paint;
use super::super::table::{columns, table};

pub fn plan(all: &[AddonLook], paint: Paint) -> String {
    let mut text = String::new();
    for one in all {
        let said = match one.state {
            AddonState::Missing => format!("{} objects to make", one.of),
            AddonState::Differs => format!("{} of {} objects would change", one.objects.len(), one.of),
            AddonState::Conflict => paint.bad("something of others is in the way"),
            AddonState::Failed => paint.bad("cannot be as it should be"),
            AddonState::NotReady | AddonState::Ready => "nothing would change".to_owned(),
        };
        text.push_str(&head(one, &said, paint));
        if let (AddonState::Failed, Some(why)) = (one.state, &one.why) {
            text.push_str(&format!("    {why}\n"));
        }
        // Of one that is not there at all its number says enough.
        if one.state != AddonState::Missing {
            text.push_str(&objects(&one.objects, paint));
        }
    }
    none(text)
}

pub fn status(all: &[AddonLook], paint: Paint) -> String {
    let mut text = String::new();
    for one in all {
        let said = match one.state {
            AddonState::Missing => paint.bad("is not there"),
            AddonState::Differs => paint.bad("is not as it should be"),
            AddonState::Conflict => paint.bad("something of others is in the way"),
            AddonState::Failed => paint.bad("cannot be as it should be"),
            AddonState::NotReady => paint.wait("is not ready"),
            AddonState::Ready => paint.good("ready"),
        };
        text.push_str(&head(one, &said, paint));
        if let Some(why) = &one.why {
            text.push_str(&format!("    {why}\n"));
        }
        if one.state != AddonState::Missing {
            text.push_str(&objects(&one.objects, paint));
        }
    }
    none(text)
}

fn head(one: &AddonLook, said: &str, paint: Paint) -> String {
    let sign = match one.state {
        AddonState::Ready => paint.good("✓"),
        AddonState::NotReady => paint.wait("…"),
        AddonState::Missing => paint.good("+"),
        AddonState::Differs => paint.wait("~"),
        AddonState::Conflict | AddonState::Failed => paint.bad("✗"),
    };
    let by = format!("{}, by {}", one.version, one.by.word());
    format!("{sign} {} {} {said}\n", one.addon.word(), paint.aside(format!("({by})")))
}

fn objects(all: &[Compared], paint: Paint) -> String {
    let mut text = String::new();
    for one in all {
        let place = one.place();
        match &one.standing {
            Standing::Same => {}
            Standing::Missing => text.push_str(&format!("    {} {place}\n", paint.good("+"))),
            Standing::LeftOver => text.push_str(&format!("    {} {place}\n", paint.bad("-"))),
            Standing::Going => text.push_str(&format!("    {} {place} is being deleted\n", paint.wait("…"))),
            Standing::Refused { why } => text.push_str(&format!("    {} {place}: {why}\n", paint.bad("✗"))),
            Standing::Foreign => {
                text.push_str(&format!("    {} {place} was made by others\n", paint.bad("✗")));
            }
            Standing::Differs { fields, by } => {
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
                text.push_str(&format!("    {} {place}{}\n", paint.wait("~"), paint.aside(by)));
                for field in fields {
                    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
                    text.push_str(&format!(
                        "        {}: {} → {}\n",
                        field.path,
                        side(&field.from),
                        side(&field.to)
                    ));
                }
            }
        }
    }
    text
}

pub fn applied(all: &[AddonReport], paint: Paint) -> String {
    let mut text = String::new();
    for one in all {
        let counts = [
            (one.created, "created"),
            (one.changed, "changed"),
            (one.removed, "removed"),
            (one.unchanged, "unchanged"),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let counts = if counts.is_empty() { format!("by {}", one.by.word()) } else { counts.join(", ") };
        let seconds = paint.aside(format!("{} s", one.seconds));
        text.push_str(&format!("{} {}: {counts} {seconds}\n", paint.good("✓"), one.addon.word()));
    }
    none(text)
}

fn none(text: String) -> String {
    if text.is_empty() { "its file asks for no add-ons".to_owned() } else { text }
}

pub fn needed(needed: &Needed) -> String {
    let rows = needed.images.iter().map(|one| {
        let same = if one.from == one.image { "-".to_owned() } else { one.image.clone() };
        vec![one.addon.word().to_owned(), one.from.clone(), same]
    });
    let mut text = columns(&["ADD-ON", "IMAGE", "TAKEN FROM"], rows);
    if !needed.files.is_empty() {
        let rows =
            needed.files.iter().map(|one| [one.addon.word().to_owned(), one.url.clone(), one.sha256.clone()]);
        text.push_str("\n\n");
        text.push_str(&table(["ADD-ON", "FILE", "SHA-256"], rows));
    }
    text.push_str(&format!("\n\nversions of {}", needed.date));
    text
}
