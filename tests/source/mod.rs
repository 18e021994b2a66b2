//! The house's own Rust text, as its tests look at it: which files there are, and what of a file is code.

mod code;

pub(crate) use code::code;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of the house.
pub(crate) struct Source {
    /// Its path from the root of the repository, with `/`.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: String,
}

/// Every file under `folder` (from the root of the repository) whose name ends in `.extension`, in order. Hidden
/// folders and build output are no part of the house.
///
/// # Panics
/// When a folder or a file cannot be read: then the house is not there to be tested.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(folder), extension, &mut paths);
    paths.sort();
    let name = |path: &Path| {
        let inside = path.strip_prefix(root).expect("the walk stays below the root");
        inside.to_str().expect("names in this repository are UTF-8").replace('\\', "/")
    };
    let read =
        |path: &Path| fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    paths.iter().map(|path| Source { name: name(path), text: read(path) }).collect()
}

fn walk(folder: &Path, extension: &str, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
        let path = entry.expect("an entry of a folder that can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            walk(&path, extension, paths);
        } else if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
}
