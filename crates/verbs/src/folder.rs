//! Files that are kept in git, Projects and Environments: all are read and checked before the first one is applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use environments::file::{Checked, EnvironmentFile, environments, is_project};

use crate::file::{self, BrokenFile, FileProblem, Read, Source};
use crate::{Error, Result};

/// What a file or a directory of files holds.
#[derive(Debug)]
pub struct Folder {
    pub projects: Vec<Read<Checked>>,
    pub environments: Vec<Found>,
}

/// An environment, and the file that it is in.
#[derive(Clone, Debug)]
pub struct Found {
    pub file: String,
    pub environment: EnvironmentFile,
}

/// Reads a file, stdin, or every YAML file of a directory (not of those in it); every problem of every file at once.
/// `namespace`: the control namespace that was said.
pub fn read(path: &Path, namespace: Option<&str>) -> Result<Folder> {
    let sources = sources(path)?;
    let (mut projects, mut parts) = (Vec::new(), BTreeSet::new());
    let (mut texts, mut broken) = (Vec::new(), Broken::default());
    for source in sources {
        let text = source.text()?;
        if !is_project(&text) {
            texts.push((source, text));
            continue;
        }
        match file::check_text(&source, text) {
            Ok(project) => {
                parts.extend(project.beside(&source));
                projects.push(project);
            }
            Err(Error::File(file)) => {
                parts.extend(file.included.keys().filter_map(|name| beside(&source, name)));
                broken.add(*file);
            }
            Err(error) => return Err(error),
        }
    }
    let mut found = Vec::new();
    for (source, text) in texts {
        // A file that a project includes is no file of its own.
        if matches!(&source, Source::Path(path) if parts.contains(path)) {
            continue;
        }
        let mut wrong = Vec::new();
        match environments(&text) {
            Err(problems) => wrong = problems,
            Ok(all) => {
                for environment in all {
                    wrong.extend(misplaced(&environment, namespace, &found));
                    found.push(Found { file: source.label(), environment });
                }
            }
        }
        if !wrong.is_empty() {
            let included = BTreeMap::new();
            broken.add(BrokenFile { file: source.label(), text, included, problems: wrong });
        }
    }
    twice(&projects, &mut broken);
    broken.or(Folder { projects, environments: found })
}

/// Files with problems.
#[derive(Default)]
struct Broken(Vec<BrokenFile>);

impl Broken {
    fn add(&mut self, file: BrokenFile) {
        self.0.push(file);
    }

    fn or(self, folder: Folder) -> Result<Folder> {
        if self.0.is_empty() { Ok(folder) } else { Err(Error::Files(self.0)) }
    }
}

fn sources(path: &Path) -> Result<Vec<Source>> {
    if path == Path::new("-") {
        return Ok(vec![Source::Stdin]);
    }
    if !path.is_dir() {
        return Ok(vec![Source::Path(path.to_owned())]);
    }
    let label = path.display().to_string();
    let unreadable = |source| Error::FileUnreadable { file: label.clone(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_yaml = matches!(file.extension().and_then(|name| name.to_str()), Some("yaml" | "yml"));
        let hidden = file.file_name().and_then(|name| name.to_str()).is_none_or(|name| name.starts_with('.'));
        if is_yaml && !hidden && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        let names = vec!["*.yaml", "*.yml"];
        return Err(Error::NothingToRead { what: "file with environments", directory: label, names });
    }
    files.sort();
    Ok(files.into_iter().map(Source::Path).collect())
}

/// Where a file beside another lies.
pub(crate) fn beside(source: &Source, name: &str) -> Option<PathBuf> {
    match source {
        Source::Stdin | Source::Sent(_) => None,
        Source::Path(path) => Some(path.parent().unwrap_or(Path::new("")).join(name)),
    }
}

/// What is wrong with where an environment is said to be.
fn misplaced(
    environment: &EnvironmentFile,
    namespace: Option<&str>,
    before: &[Found],
) -> Option<FileProblem> {
    let EnvironmentFile { name, line, column, .. } = environment;
    let at = |path: &str, message: String, hint: &str| {
        Some(FileProblem {
            path: path.to_owned(),
            hint: Some(hint.to_owned()),
            ..FileProblem::at(*line, *column, message)
        })
    };
    if let (Some(file), Some(said)) = (&environment.namespace, namespace)
        && file != said
    {
        let message = format!("{name} is of namespace {file}, and namespace {said} is asked for");
        return at("metadata.namespace", message, "leave -n out, or correct the file");
    }
    let same = |other: &&Found| {
        (&other.environment.name, &other.environment.namespace) == (name, &environment.namespace)
    };
    let Found { file, environment: other } = before.iter().find(same)?;
    let message = format!("{name} is at {file}:{}:{} as well", other.line, other.column);
    at("metadata.name", message, "keep one of the two")
}

fn twice(projects: &[Read<Checked>], broken: &mut Broken) {
    let name = |project: &Read<Checked>| project.content.project.metadata.name.clone().unwrap_or_default();
    for (index, project) in projects.iter().enumerate() {
        if let Some(first) = projects[..index].iter().find(|first| name(first) == name(project)) {
            let problem = FileProblem {
                path: "metadata.name".to_owned(),
                hint: Some("keep one of the two".to_owned()),
                ..FileProblem::at(1, 1, format!("project {} is in {} as well", name(project), first.file))
            };
            broken.add(project.with(vec![problem]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, rest: &str) -> String {
        format!(
            "apiVersion: outboard.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {{project: shop, class: qa{rest}}}\n"
        )
    }

    const PROJECT: &str = "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {name: shop}\n\
                           spec: {include: [./web.yaml]}\n";

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("a file");
        }
        directory
    }

    #[test]
    fn a_directory_holds_projects_and_environments_and_what_a_project_includes_is_no_file_of_its_own() {
        let directory = directory(&[
            ("outboard.yaml", PROJECT),
            ("web.yaml", "components: {web: {image: r/web}}\n"),
            ("qa.yaml", &(environment("qa-1", "") + "---\n" + &environment("qa-2", ""))),
            ("README.md", "no YAML"),
            (".hidden.yaml", "neither: this"),
        ]);
        let folder = read(directory.path(), None).expect("it is right");
        assert_eq!(folder.projects.len(), 1);
        let names: Vec<&str> =
            folder.environments.iter().map(|found| found.environment.name.as_str()).collect();
        assert_eq!(names, ["qa-1", "qa-2"]);
    }

    #[test]
    fn every_problem_of_every_file_is_told_and_nothing_is_read_in_part() {
        let directory = directory(&[
            ("a.yaml", &environment("qa-1", "")),
            ("b.yaml", &environment("qa-1", "")),
            ("c.yaml", &environment("qa-3", ", clas: x")),
            ("d.yaml", "kind: Project\nspec: {}\n"),
            ("e.yaml", "a: [\n"),
            ("f.yaml", &environment("qa-4", "").replace("qa-4", "qa-4, namespace: other")),
        ]);
        let Err(Error::Files(mut broken)) = read(directory.path(), Some("shop")) else {
            panic!("it is wrong")
        };
        broken.sort_by(|a, b| a.file.cmp(&b.file));
        let told: Vec<String> = broken
            .iter()
            .flat_map(|file| file.problems.iter().map(move |problem| (file, problem)))
            .map(|(file, problem)| {
                let name = Path::new(&file.file).file_name().expect("a name").display().to_string();
                let message = problem.message.replace(&directory.path().display().to_string(), "…");
                format!("{name}:{}:{} {message}", problem.line, problem.column)
            })
            .collect();
        insta::assert_yaml_snapshot!(told);
    }

    #[test]
    fn an_empty_directory_is_told_as_that() {
        let directory = directory(&[]);
        assert!(matches!(read(directory.path(), None), Err(Error::NothingToRead { .. })));
    }
}
