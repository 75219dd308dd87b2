//! Problems of a file, each with the line it is about, as a compiler would show it.

use std::path::Path;

use verbs::file::{BrokenFile, Checked, Read};

use super::Output;
use super::colour::Paint;

/// One block a problem.
pub fn blocks(broken: &BrokenFile, paint: Paint) -> String {
    written(broken, paint, &paint.bad("error"))
}

/// Tells people what in a right file is worth a second look; programs find it in the result, or as events.
pub fn warn(output: &Output, read: &Read<Checked>) {
    let warnings = &read.content.warnings;
    if !warnings.is_empty() {
        let paint = output.paint_err;
        let text = written(&read.with(warnings.clone()), paint, &paint.wait("warning"));
        output.note(text.trim_end_matches('\n'));
        output.note("");
    }
}

/// The file that a problem is in, as people find it from where they are.
pub fn place(broken: &BrokenFile, file: Option<&str>) -> String {
    match (file, Path::new(&broken.file).parent()) {
        (Some(file), Some(directory)) => directory.join(file).display().to_string(),
        (Some(file), None) => file.to_owned(),
        (None, _) => broken.file.clone(),
    }
}

fn written(broken: &BrokenFile, paint: Paint, label: &str) -> String {
    let mut text = String::new();
    for problem in &broken.problems {
        let included = problem.file.as_ref().and_then(|file| broken.included.get(file));
        let lines: Vec<&str> = included.unwrap_or(&broken.text).lines().collect();
        text.push_str(&format!("{label}: {}\n", paint.strong(&problem.message)));
        let number = problem.line.to_string();
        let margin = " ".repeat(number.len());
        let path = if problem.path.is_empty() { String::new() } else { format!("  ({})", problem.path) };
        text.push_str(&format!(
            "{margin}{} {}:{}:{}{}\n",
            paint.aside("-->"),
            place(broken, problem.file.as_deref()),
            problem.line,
            problem.column,
            paint.aside(path)
        ));
        if let Some(line) = problem.line.checked_sub(1).and_then(|index| lines.get(index)) {
            let bar = paint.aside("|");
            // Tabs are kept, so that the mark stands below what it means.
            let indent: String = line
                .chars()
                .take(problem.column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            text.push_str(&format!("{margin} {bar}\n"));
            text.push_str(&format!("{} {bar} {line}\n", paint.aside(&number)));
            text.push_str(&format!("{margin} {bar} {indent}{}\n", paint.bad("^")));
        }
        if let Some(hint) = &problem.hint {
            text.push_str(&format!("{margin} {} {hint}\n", paint.aside("= hint:")));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use verbs::file::FileProblem;

    use super::*;

    #[test]
    fn a_problem_is_shown_with_its_line_and_a_mark_below_the_place() {
        let broken = BrokenFile {
            file: "outboard.yaml".into(),
            text: "kind: Project\nspec:\n  componentz: {}\n".into(),
            included: BTreeMap::new(),
            problems: vec![FileProblem {
                path: "spec.componentz".into(),
                hint: Some("did you mean `components`?".into()),
                ..FileProblem::at(3, 3, "unknown key `componentz`")
            }],
        };
        insta::assert_snapshot!(blocks(&broken, Paint::new(false)), @r"
        error: unknown key `componentz`
         --> outboard.yaml:3:3  (spec.componentz)
          |
        3 |   componentz: {}
          |   ^
          = hint: did you mean `components`?
        ");
    }

    #[test]
    fn a_problem_of_an_included_file_is_shown_with_that_files_line() {
        let broken = BrokenFile {
            file: "shop/outboard.yaml".into(),
            text: "kind: Project\n".into(),
            included: BTreeMap::from([(
                "teams/web.yaml".to_owned(),
                "components:\n  web: {imge: x}\n".to_owned(),
            )]),
            problems: vec![FileProblem {
                file: Some("teams/web.yaml".into()),
                ..FileProblem::at(2, 9, "unknown key `imge`")
            }],
        };
        let shown = blocks(&broken, Paint::new(false));
        assert!(
            shown.contains("shop/teams/web.yaml:2:9") && shown.contains("2 |   web: {imge: x}"),
            "{shown}"
        );
    }
}
