//! Lines of files, as the sidecar of a component with `logs` writes them into its own output: told as the component's.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Tag, marks};

use super::marks::Source;

/// The files that one sidecar has told of so far.
#[derive(Debug)]
pub struct Files {
    component: Source,
    known: BTreeMap<String, Arc<Source>>,
}

impl Files {
    /// If it is the output of such a sidecar.
    pub fn of(source: &Source) -> Option<Self> {
        is_sidecar(&source.container).then(|| Self {
            // A component's own container has its name.
            component: Source { container: source.component.clone(), ..source.clone() },
            known: BTreeMap::new(),
        })
    }

    /// Whose line it is, and what was written; nothing: it is what the sidecar says itself.
    pub fn read<'a>(&mut self, text: &'a [u8]) -> Option<(Arc<Source>, &'a [u8])> {
        let (tag, text) = Tag::read(text)?;
        if !self.known.contains_key(tag.file) {
            let source = Source { file: Some(tag.file.to_owned()), ..self.component.clone() };
            self.known.insert(tag.file.to_owned(), Arc::new(source));
        }
        Some((self.known.get(tag.file)?.clone(), text))
    }
}

/// Whether a container is such a sidecar: nobody asks for it by its name.
pub fn is_sidecar(container: &str) -> bool {
    container == marks::LOGS_CONTAINER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_file_is_the_components_and_what_the_sidecar_says_is_its_own() {
        let source = |container: &str| Source {
            component: "web".into(),
            pod: "web-1".into(),
            container: container.into(),
            ..Source::default()
        };
        assert!(Files::of(&source("web")).is_none());
        let mut files = Files::of(&source("outboard-logs")).unwrap();
        let (told, text) = files.read(b"[/var/log/a.log] GET /").unwrap();
        assert_eq!(
            (told.container.as_str(), told.file.as_deref(), text),
            ("web", Some("/var/log/a.log"), b"GET /".as_slice())
        );
        let (again, _) = files.read(b"[/var/log/a.log resent] GET /").unwrap();
        assert!(Arc::ptr_eq(&told, &again));
        assert!(files.read(b"WARN /var/log/a.log: it is not a file").is_none());
    }
}
