//! From the tar of a freshly unpacked Debian to the tree a container needs: /usr merged, the rest left out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use tar::{Archive, EntryType};

use super::tree::{Content, Entry, Node, Tree};

/// Never needed by a running service: documentation, translations, the package manager, perl for its scripts.
pub const ALWAYS_WITHOUT: &[&str] = &[
    "boot",
    "dev",
    "etc/apt",
    "etc/cron*",
    "etc/default",
    "etc/dpkg",
    "etc/fstab",
    "etc/hostname",
    "etc/init*",
    "etc/logcheck",
    "etc/logrotate.d",
    "etc/pam*",
    "etc/perl",
    "etc/rc*.d",
    "etc/resolv.conf",
    "etc/systemd",
    "etc/ucf.conf",
    "proc",
    "sys",
    "usr/include",
    "usr/lib/apt",
    "usr/lib/dpkg",
    "usr/lib/init",
    "usr/lib/systemd",
    "usr/lib/tmpfiles.d",
    "usr/lib/udev",
    "usr/lib/usrmerge",
    "usr/lib/*/gconv",
    "usr/lib/*/libapt*",
    "usr/lib/*/libperl.so*",
    "usr/lib/*/perl*",
    "usr/lib/*/awk",
    "usr/lib/*/security",
    "usr/share/adduser",
    "usr/share/apport",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/debconf",
    "usr/share/doc*",
    "usr/share/dpkg",
    "usr/share/gdb",
    "usr/share/info",
    "usr/share/keyrings",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/menu",
    "usr/share/pam*",
    "usr/share/perl*",
    "usr/share/pixmaps",
    "usr/share/polkit-1",
    "usr/share/zsh",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/log",
];

const MERGED: &[&str] = &["bin", "lib", "lib64", "sbin"];
const CERTIFICATES: &str = "usr/share/ca-certificates/";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// If given, the only programs that stay.
    pub programs: Option<BTreeSet<String>>,
    pub without: Vec<String>,
}

impl Rules {
    fn keeps(&self, path: &str) -> bool {
        let wanted = |name| self.programs.as_ref().is_none_or(|programs| programs.contains(name));
        program(path).is_none_or(wanted)
            && !ALWAYS_WITHOUT.iter().any(|pattern| matches(pattern, path))
            && !self.without.iter().any(|pattern| matches(pattern, path))
    }
}

pub fn trim(tar: impl Read, rules: &Rules) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    let mut folders = BTreeMap::new();
    let mut hard_links = Vec::new();
    let mut bundle: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in Archive::new(tar).entries()? {
        let mut entry = entry?;
        let path = merged(&name(&entry.path()?)?);
        let mode = entry.header().mode()? & 0o7777;
        let kind = entry.header().entry_type();
        if kind == EntryType::Directory {
            folders.insert(path, mode);
            continue;
        }
        if path.starts_with(CERTIFICATES) && kind.is_file() {
            entry.read_to_end(bundle.entry(path).or_default())?;
            continue;
        }
        if !rules.keeps(&path) {
            continue;
        }
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                // Set-user-id programs have no use here, and Pod Security would have to forbid them.
                tree.file(&path, Content::Bytes(bytes.into()), mode & 0o777, 0);
            }
            EntryType::Symlink => {
                let target = entry.link_name()?.with_context(|| format!("/{path} links nowhere"))?;
                tree.symlink(&path, target.to_str().context("a link that is not UTF-8")?);
            }
            EntryType::Link => {
                let target = entry.link_name()?.with_context(|| format!("/{path} links nowhere"))?;
                hard_links.push((path, merged(&name(&target)?)));
            }
            _ => {}
        }
    }
    for (path, target) in hard_links {
        let Some(Entry { node: node @ Node::File(_), mode, owner }) = tree.get(&target).cloned() else {
            bail!("/{path} is a hard link to /{target}, which is left out");
        };
        tree.insert(&path, Entry { node, mode, owner });
    }
    if !bundle.is_empty() {
        let all: Arc<[u8]> = bundle.into_values().flatten().collect();
        tree.file(BUNDLE, Content::Bytes(all), 0o644, 0);
    }
    check_programs(&tree, rules)?;
    add_folders(&mut tree, &folders);
    Ok(tree)
}

fn check_programs(tree: &Tree, rules: &Rules) -> anyhow::Result<()> {
    let found: BTreeSet<&str> = tree.paths().filter_map(program).collect();
    let missing: Vec<&str> = rules
        .programs
        .iter()
        .flatten()
        .map(String::as_str)
        .filter(|program| !found.contains(program))
        .collect();
    ensure!(missing.is_empty(), "the packages have no program {}", missing.join(", "));
    Ok(())
}

/// Folders that still hold something, and those every program may expect.
fn add_folders(tree: &mut Tree, modes: &BTreeMap<String, u32>) {
    let parents: BTreeSet<String> = tree
        .paths()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>())
        .collect();
    for path in parents {
        let mode = modes.get(&path).copied().unwrap_or(0o755) & 0o777;
        tree.dir(&path, mode, 0);
    }
    for path in
        ["dev", "etc", "proc", "run", "sys", "usr/bin", "usr/sbin", "usr/lib", "var", "var/lib", "var/log"]
    {
        tree.dir(path, 0o755, 0);
    }
    tree.dir("root", 0o700, 0);
    tree.dir("tmp", 0o1777, 0);
    tree.dir("var/tmp", 0o1777, 0);
    tree.symlink("var/run", "/run");
    for name in MERGED {
        tree.dir(&format!("usr/{name}"), 0o755, 0);
        tree.symlink(name, &format!("usr/{name}"));
    }
}

fn name(path: &std::path::Path) -> anyhow::Result<String> {
    let text = path.to_str().context("a path that is not UTF-8")?;
    Ok(text.trim_start_matches("./").trim_matches('/').to_owned())
}

/// `bin/sh` is `usr/bin/sh`: one place for each file, as on every current Debian.
pub fn merged(path: &str) -> String {
    let path = path.trim_matches('/');
    let top = path.split('/').next().unwrap_or_default();
    if MERGED.contains(&top) { format!("usr/{path}") } else { path.to_owned() }
}

fn program(path: &str) -> Option<&str> {
    let name = path.strip_prefix("usr/bin/").or_else(|| path.strip_prefix("usr/sbin/"))?;
    (!name.contains('/')).then_some(name)
}

/// Whether the pattern names the path or a folder above it.
fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    pattern.split('/').all(|pattern| parts.next().is_some_and(|part| part_matches(pattern, part)))
}

fn part_matches(pattern: &str, part: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(part) = part.strip_prefix(start) else { return false };
    part.char_indices().map(|(at, _)| at).chain([part.len()]).any(|at| part_matches(rest, &part[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tar::{Builder, Header};

    fn debian(files: &[(&str, &str)], links: &[(&str, &str, EntryType)]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        for (path, text) in files {
            header.set_mode(0o4755);
            header.set_mtime(1_700_000_000);
            header.set_size(text.len() as u64);
            header.set_entry_type(EntryType::Regular);
            tar.append_data(&mut header, format!("./{path}"), text.as_bytes()).unwrap();
        }
        for (path, target, kind) in links {
            header.set_size(0);
            header.set_entry_type(*kind);
            tar.append_link(&mut header, format!("./{path}"), target).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn a_pattern_takes_the_folder_whole_and_stars_stay_within_a_name() {
        assert!(matches("usr/share/doc*", "usr/share/doc-base/x"));
        assert!(matches("usr/lib/*/perl*", "usr/lib/x86_64-linux-gnu/perl-base/a/b"));
        assert!(!matches("usr/lib/*/perl*", "usr/lib/perl"));
        assert!(!matches("usr/share/man", "usr/share/manual"));
        assert!(matches("a*b*c", "aXbYc"));
        assert!(!matches("a*b*c", "aXcYb"));
    }

    #[test]
    fn documentation_and_unwanted_programs_go_and_usr_is_merged() {
        let tar = debian(
            &[
                ("bin/dash", "d"),
                ("bin/ls", "l"),
                ("usr/share/doc/x/copyright", "c"),
                ("lib/x/libc.so.6", "so"),
            ],
            &[("bin/sh", "dash", EntryType::Symlink)],
        );
        let rules = Rules { programs: Some(["dash", "sh"].map(str::to_owned).into()), without: Vec::new() };
        let tree = trim(&tar[..], &rules).unwrap();
        assert!(
            tree.contains("usr/bin/sh")
                && tree.contains("usr/bin/dash")
                && tree.contains("usr/lib/x/libc.so.6")
        );
        assert!(!tree.contains("usr/bin/ls") && !tree.contains("usr/share/doc/x/copyright"));
        assert!(matches!(&tree.get("bin").unwrap().node, Node::Symlink(target) if target == "usr/bin"));
        assert_eq!(tree.get("usr/bin/dash").unwrap().mode, 0o755);
        assert_eq!(tree.get("tmp").unwrap().mode, 0o1777);
    }

    #[test]
    fn a_program_that_no_package_has_is_an_error() {
        let rules = Rules { programs: Some(["nope".to_owned()].into()), without: Vec::new() };
        let error = trim(&debian(&[], &[])[..], &rules).unwrap_err();
        assert_eq!(error.to_string(), "the packages have no program nope");
    }

    #[test]
    fn certificates_become_one_bundle_and_hard_links_become_files() {
        let tar = debian(
            &[
                ("usr/share/ca-certificates/mozilla/B.crt", "b\n"),
                ("usr/share/ca-certificates/mozilla/A.crt", "a\n"),
                ("usr/bin/one", "same"),
            ],
            &[("usr/bin/two", "./usr/bin/one", EntryType::Link)],
        );
        let tree = trim(&tar[..], &Rules::default()).unwrap();
        let bytes = |path: &str| match &tree.get(path).unwrap().node {
            Node::File(Content::Bytes(bytes)) => bytes.to_vec(),
            other => panic!("{other:?}"),
        };
        assert_eq!(bytes(BUNDLE), b"a\nb\n");
        assert_eq!(bytes("usr/bin/two"), b"same");
        assert!(!tree.contains("usr/share/ca-certificates/mozilla/A.crt"));
    }
}
