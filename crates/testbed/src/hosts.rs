//! The registry's name for processes of this machine: one marked line in /etc/hosts.

use std::fs;

use anyhow::Context;

const FILE: &str = "/etc/hosts";
const MARK: &str = "# outboard testbed";

pub fn add(ip: &str, name: &str) -> anyhow::Result<()> {
    change(|text| with(text, &format!("{ip} {name} {MARK}")))
}

pub fn remove() -> anyhow::Result<()> {
    change(without)
}

fn change(edit: impl FnOnce(&str) -> String) -> anyhow::Result<()> {
    let text = fs::read_to_string(FILE).with_context(|| format!("failed to read {FILE}"))?;
    let edited = edit(&text);
    if edited != text {
        // Written in place: in a container the file is a mount and cannot be replaced.
        fs::write(FILE, edited).with_context(|| format!("failed to write {FILE}"))?;
    }
    Ok(())
}

fn with(text: &str, line: &str) -> String {
    let mut text = without(text);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text + line + "\n"
}

fn without(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.trim_end().ends_with(MARK)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_added_once_and_removed_without_a_trace() {
        let before = "127.0.0.1 localhost\n10.0.0.1 other # comment\n";
        let once = with(before, &format!("1.2.3.4 name {MARK}"));
        assert_eq!(once, format!("{before}1.2.3.4 name {MARK}\n"));
        assert_eq!(with(&once, &format!("1.2.3.4 name {MARK}")), once);
        assert_eq!(without(&once), before);
    }
}
