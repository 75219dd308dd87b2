//! The Terraform modules, as they are compiled into this outboard.

use std::path::Path;

use sha2::{Digest, Sha256};

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        /// Path within terraform/, and content.
        const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("../../../terraform/", $path)))),*];
    };
}

embedded![
    "eks/iam.tf",
    "eks/main.tf",
    "eks/outputs.tf",
    "eks/variables.tf",
    "eks/versions.tf",
    "eks/workers.tf",
    "kubeadm/api.tf",
    "kubeadm/boot.tf",
    "kubeadm/boot/cloud.sh",
    "kubeadm/boot/configuration.sh",
    "kubeadm/boot/control-plane.sh",
    "kubeadm/boot/members.sh",
    "kubeadm/boot/node.sh",
    "kubeadm/boot/stub.sh.tftpl",
    "kubeadm/boot/upkeep.sh",
    "kubeadm/boot/worker.sh",
    "kubeadm/iam.tf",
    "kubeadm/main.tf",
    "kubeadm/nodes.tf",
    "kubeadm/outputs.tf",
    "kubeadm/security.tf",
    "kubeadm/variables.tf",
    "kubeadm/versions.tf",
    "network/main.tf",
    "network/outputs.tf",
    "network/variables.tf",
    "network/versions.tf",
];

/// A file of a module: its path below the folder of modules, and what it holds.
pub type File = (String, Vec<u8>);

/// Those that outboard brings along.
pub fn embedded() -> Vec<File> {
    FILES.iter().map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec())).collect()
}

/// Those of a folder, `below` which they are to lie.
pub fn of_folder(folder: &Path, below: &str) -> std::io::Result<Vec<File>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            // What Terraform leaves behind where somebody has tried a module.
            let left = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
                name == ".terraform" || name == ".terraform.lock.hcl" || name.starts_with("terraform.tfstate")
            });
            if left {
                continue;
            }
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let within = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            let name = if below.is_empty() { within } else { format!("{below}/{within}") };
            found.push((name, std::fs::read(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

/// Names what was written: the same files and the same root have the same one.
pub fn digest(files: &[File], root: &str) -> String {
    let mut digest = Sha256::new();
    for (path, content) in files {
        digest.update(path.as_bytes());
        digest.update([0]);
        digest.update((content.len() as u64).to_be_bytes());
        digest.update(content);
    }
    digest.update(root.as_bytes());
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names of the variables that a module declares.
pub fn variables(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, content) in files {
        let text = String::from_utf8_lossy(content);
        if path.ends_with(".tf.json") {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            found.extend(value["variable"].as_object().into_iter().flat_map(|map| map.keys().cloned()));
        } else if path.ends_with(".tf") {
            let names = text.lines().filter_map(|line| {
                let rest = line.strip_prefix("variable")?.trim_start();
                Some(rest.trim_start_matches('"').split(['"', ' ', '{']).next()?.to_owned())
            });
            found.extend(names);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_modules_is_compiled_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform");
        let there: Vec<File> = ["eks", "kubeadm", "network"]
            .iter()
            .flat_map(|module| of_folder(&root.join(module), module).unwrap())
            .collect();
        let names = |files: Vec<File>| files.into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        let mut compiled = names(embedded());
        compiled.sort();
        let mut there = names(there);
        there.sort();
        assert_eq!(compiled, there);
    }

    #[test]
    fn variables_are_found_in_both_syntaxes() {
        let files = vec![
            ("own/main.tf".to_owned(), b"variable \"name\" {\n}\n  variable = 3\n".to_vec()),
            ("own/more.tf.json".to_owned(), br#"{"variable": {"region": {}}}"#.to_vec()),
        ];
        assert_eq!(variables(&files), ["name", "region"]);
    }
}
