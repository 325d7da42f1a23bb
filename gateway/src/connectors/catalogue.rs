//! All connectors: the definitions that are compiled in, and the operator's over them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::built_in;
use super::definition::{Definition, DefinitionFault, MAX_FILE_BYTES, line_of_key, read};

/// Most files of an operator's directory.
const MAX_FILES: usize = 500;

/// One connector.
#[derive(Debug, Clone)]
pub struct Connector {
    pub definition: Definition,
    pub origin: Origin,
}

/// Where a definition comes from: compiled in, or of `connectors.directory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    BuiltIn,
    Operator,
}

/// All connectors by their names.
pub type Connectors = BTreeMap<String, Arc<Connector>>;

/// The connectors that are known now; a reload replaces all at once.
#[derive(Debug)]
pub struct Catalogue {
    directory: Option<PathBuf>,
    current: ArcSwap<Connectors>,
}

/// Every fault of the files.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct CatalogueFault(pub Vec<DefinitionFault>);

fn lines(faults: &[DefinitionFault]) -> String {
    let lines: Vec<String> = faults.iter().map(DefinitionFault::to_string).collect();
    lines.join("\n")
}

impl Catalogue {
    /// Reads all files: those compiled in, and `*.toml` of the directory.
    pub fn load(directory: Option<&Path>) -> Result<Self, CatalogueFault> {
        let current = read_all(directory)?;
        Ok(Self {
            directory: directory.map(Path::to_owned),
            current: ArcSwap::from_pointee(current),
        })
    }

    /// Reads the directory again. If a file is wrong the connectors stay as they were.
    pub fn reload(&self) -> Result<(), CatalogueFault> {
        let read = read_all(self.directory.as_deref())?;
        self.current.store(Arc::new(read));
        Ok(())
    }

    /// The connector of this name.
    pub fn get(&self, name: &str) -> Option<Arc<Connector>> {
        self.current.load().get(name).cloned()
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> Arc<Connectors> {
        self.current.load_full()
    }
}

fn read_all(directory: Option<&Path>) -> Result<Connectors, CatalogueFault> {
    let mut faults = Vec::new();
    let mut connectors = Connectors::new();
    for (file, text) in built_in::FILES {
        add(file, text, Origin::BuiltIn, &mut connectors, &mut faults);
    }
    if let Some(directory) = directory {
        match files(directory) {
            Ok(files) => {
                for (file, text) in &files {
                    add(file, text, Origin::Operator, &mut connectors, &mut faults);
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    match faults.is_empty() {
        true => Ok(connectors),
        false => Err(CatalogueFault(faults)),
    }
}

fn add(
    file: &str,
    text: &str,
    origin: Origin,
    connectors: &mut Connectors,
    faults: &mut Vec<DefinitionFault>,
) {
    let definition = match read(file, text) {
        Ok(definition) => definition,
        Err(found) => return faults.extend(found),
    };
    let taken = connectors.get(&definition.name).map(|known| known.origin);
    let message = match taken {
        Some(Origin::BuiltIn) if definition.replaces => None,
        Some(Origin::BuiltIn) => Some("is that of a built-in connector, which needs replaces = true"),
        Some(Origin::Operator) => Some("is that of another file of the directory"),
        None => None,
    };
    if let Some(message) = message {
        faults.push(DefinitionFault {
            file: file.to_owned(),
            line: line_of_key(text, "name"),
            key: "name".to_owned(),
            message: message.to_owned(),
        });
        return;
    }
    let connector = Connector { definition, origin };
    connectors.insert(connector.definition.name.clone(), Arc::new(connector));
}

/// Path and text of each definition of a directory, in the order of their names.
fn files(directory: &Path) -> Result<Vec<(String, String)>, DefinitionFault> {
    let fault = |path: &Path, message: String| DefinitionFault {
        file: path.display().to_string(),
        line: 1,
        key: String::new(),
        message,
    };
    let unreadable = |path: &Path, source: std::io::Error| fault(path, format!("cannot be read: {source}"));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|source| unreadable(directory, source))? {
        let path = entry.map_err(|source| unreadable(directory, source))?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            paths.push(path);
        }
        if paths.len() > MAX_FILES {
            return Err(fault(
                directory,
                format!("holds more than {MAX_FILES} definitions"),
            ));
        }
    }
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let size = std::fs::metadata(&path)
            .map_err(|source| unreadable(&path, source))?
            .len();
        if size > MAX_FILE_BYTES as u64 {
            return Err(fault(&path, format!("is larger than {MAX_FILE_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        files.push((path.display().to_string(), text));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("gateway-catalogue-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        fn put(&self, file: &str, text: &str) {
            std::fs::write(self.0.join(file), text).expect("a file");
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn definition(name: &str, rest: &str) -> String {
        format!("format = 1\nname = \"{name}\"\ntitle = \"T\"\nchecked = 2026-12-01\n{rest}")
    }

    #[test]
    fn every_built_in_definition_is_there() {
        let catalogue = Catalogue::load(None).expect("valid");
        assert_eq!(catalogue.all().len(), built_in::FILES.len());
        for (file, _) in built_in::FILES {
            let connector = catalogue.get(file.trim_end_matches(".toml")).expect(file);
            assert_eq!(connector.origin, Origin::BuiltIn);
        }
        assert!(catalogue.get("nobody").is_none());
    }

    #[test]
    fn an_operators_definition_replaces_a_built_in_one_only_if_it_says_so() {
        let folder = Folder::new("replaces");
        let (file, _) = built_in::FILES[0];
        let name = file.trim_end_matches(".toml");
        folder.put("own.toml", &definition("own", ""));
        folder.put("x.toml", &definition(name, ""));
        let fault = Catalogue::load(Some(&folder.0)).expect_err("taken").to_string();
        assert!(fault.contains("x.toml:2: name: is that of a built-in"), "{fault}");
        folder.put("x.toml", &definition(name, "replaces = true\n"));
        let catalogue = Catalogue::load(Some(&folder.0)).expect("valid");
        assert_eq!(catalogue.get(name).expect("there").origin, Origin::Operator);
        assert_eq!(catalogue.get("own").expect("there").definition.title, "T");
        folder.put("y.toml", &definition("own", ""));
        let fault = Catalogue::load(Some(&folder.0)).expect_err("twice").to_string();
        assert!(
            fault.contains("y.toml:2: name: is that of another file"),
            "{fault}"
        );
    }

    #[test]
    fn a_wrong_file_leaves_all_as_it_was() {
        let folder = Folder::new("reload");
        folder.put("own.toml", &definition("own", ""));
        folder.put("note.txt", "no definition");
        let catalogue = Catalogue::load(Some(&folder.0)).expect("valid");
        folder.put("own.toml", &definition("own", "colour = 1\n"));
        folder.put("other.toml", &definition("other", ""));
        let fault = catalogue.reload().expect_err("wrong").to_string();
        assert!(fault.contains("own.toml:5: colour: unknown field"), "{fault}");
        assert!(catalogue.get("own").is_some() && catalogue.get("other").is_none());
        folder.put("own.toml", &definition("own", ""));
        catalogue.reload().expect("valid again");
        assert!(catalogue.get("other").is_some());
        let fault = Catalogue::load(Some(&folder.0.join("nowhere")))
            .expect_err("absent")
            .to_string();
        assert!(fault.contains("nowhere:1: cannot be read"), "{fault}");
    }
}
