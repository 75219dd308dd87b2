//! Problems of a file, each with the line it is about, as a compiler would show it.

use verbs::file::BrokenFile;

use super::colour::Paint;

/// One block a problem.
pub fn blocks(broken: &BrokenFile, paint: Paint) -> String {
    let lines: Vec<&str> = broken.text.lines().collect();
    let mut text = String::new();
    for problem in &broken.problems {
        text.push_str(&format!("{}: {}\n", paint.bad("error"), paint.strong(&problem.message)));
        let number = problem.line.to_string();
        let margin = " ".repeat(number.len());
        let path = if problem.path.is_empty() { String::new() } else { format!("  ({})", problem.path) };
        text.push_str(&format!(
            "{margin}{} {}:{}:{}{}\n",
            paint.aside("-->"),
            broken.file,
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
    use verbs::file::FileProblem;

    use super::*;

    #[test]
    fn a_problem_is_shown_with_its_line_and_a_mark_below_the_place() {
        let broken = BrokenFile {
            file: "outboard.yaml".into(),
            text: "kind: Project\nspec:\n  componentz: {}\n".into(),
            problems: vec![FileProblem {
                line: 3,
                column: 3,
                path: "spec.componentz".into(),
                message: "unknown key `componentz`".into(),
                hint: Some("did you mean `components`?".into()),
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
}
