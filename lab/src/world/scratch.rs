//! The directory that a world lives in: configuration, keys, logs. It goes with the world, unless someone will want
//! to read the logs.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

static NEXT: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    keep: AtomicBool,
}

impl Scratch {
    pub(super) fn create() -> io::Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ringway-lab-{}-{number}", std::process::id()));
        // Not create_dir_all: what is there already belongs to someone else.
        fs::create_dir(&path)?;
        Ok(Self { path, keep: AtomicBool::new(false) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn keep(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep.load(Ordering::Relaxed)
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the lab's directory stays behind");
        }
    }
}

/// The last lines of a log.
pub(super) fn tail(path: &Path, lines: usize) -> Vec<String> {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_directory_goes_unless_it_is_kept() {
        let (gone, kept) = (Scratch::create().unwrap(), Scratch::create().unwrap());
        let (gone_path, kept_path) = (gone.path().to_owned(), kept.path().to_owned());
        fs::write(gone_path.join("node.toml"), "x").unwrap();
        kept.keep();
        drop((gone, kept));
        assert!(!gone_path.exists());
        assert!(kept_path.exists());
        fs::remove_dir(kept_path).unwrap();
    }

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let scratch = Scratch::create().unwrap();
        let log = scratch.path().join("log");
        fs::write(&log, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&log, 2), ["two", "three"]);
        assert_eq!(tail(&log, 9).len(), 3);
        assert!(tail(&scratch.path().join("absent"), 2).is_empty());
    }
}
