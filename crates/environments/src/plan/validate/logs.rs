//! What can be wrong with the files of a component that are logs.

use api::Problem;
use api::marks::LOGS_CONTAINER;
use api::project::Component;

use super::directories::misplaced;
use crate::plan::logs::{STATE, directory, within};

/// Longer paths could not stand before every line.
const LONGEST: usize = 1024;
/// Where no files lie that anybody else could read.
const NO_FILES: [&str; 3] = ["/dev", "/proc", "/sys"];
/// What an image has there would be hidden.
const SYSTEM: [&str; 9] =
    ["/bin", "/boot", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/usr/bin", "/usr/lib"];

pub fn check(name: &str, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    if component.logs.is_empty() {
        return;
    }
    if name == LOGS_CONTAINER {
        let message = format!("`{name}` is what outboard calls the container that reads these files");
        problems.push(Problem::new(format!("{at}/logs"), message).hint("give the component another name"));
    }
    for (index, file) in component.logs.iter().enumerate() {
        let at = format!("{at}/logs/{index}");
        if component.logs[..index].contains(file) {
            problems.push(Problem::new(&at, format!("`{file}` is listed twice")));
            continue;
        }
        if let Some((message, hint)) = wrong(component, file) {
            problems.push(Problem::new(&at, message).hint(hint));
        }
    }
}

/// What is wrong with one of them, and what to do.
fn wrong(component: &Component, file: &str) -> Option<(String, String)> {
    let an_own_one = || "let it write into a directory of its own, such as `/var/log/web`".to_owned();
    if let Some(problem) = misplaced(file) {
        return Some((problem.to_owned(), "write the file's path, such as `/var/log/web/access.log`".into()));
    }
    if file.len() > LONGEST {
        return Some((format!("the path has more than {LONGEST} bytes"), an_own_one()));
    }
    if file.contains(['*', '?', '[', ']']) || file.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some((
            "a path of logs has no wildcards, brackets or spaces".into(),
            "name each file; what rotations make of it is read by itself".into(),
        ));
    }
    if NO_FILES.iter().any(|place| within(file, place)) {
        return Some((
            format!("`{file}` is no file that could be followed"),
            "leave it out: what is written to the output is a log anyway".into(),
        ));
    }
    if component.volumes.contains_key(file) {
        return Some((
            "there is a volume at this path".into(),
            format!("name a file in it: `{file}/access.log`"),
        ));
    }
    let Some(own) = directory(file) else {
        return Some(("what lies in `/` itself cannot be shared".into(), an_own_one()));
    };
    if SYSTEM.contains(&own) {
        return Some((format!("what the image has in `{own}` would be hidden"), an_own_one()));
    }
    if within(file, STATE) {
        return Some((format!("in `{STATE}` outboard keeps how far it has read"), an_own_one()));
    }
    if let Some(mounted) = component.files.keys().find(|path| within(file, path)) {
        return Some((format!("`{mounted}` is a file that the project puts there"), an_own_one()));
    }
    let mut stored = component.volumes.iter().filter(|(_, volume)| volume.storage.is_some());
    stored.find(|(path, _)| within(file, path)).map(|(path, _)| {
        (
            format!("what `{path}` stores stays, and the next replica would tell all of it once more"),
            "let it write logs beside what it stores, such as into `/var/log/web`".into(),
        )
    })
}
