//! A store of one node: `policy.toml`, and `policy.history/` beside it. Both are written whole or not at all.

use super::{Actor, HISTORY, Health, Present, Record, StoreError, revision_of};
use ringway_router::Policy;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// See the module. Files are small and on a local disk; still they are written on a thread that may wait.
pub struct FileStore {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    history: PathBuf,
    /// One who writes at a time.
    writing: Mutex<()>,
    health: Health,
}

impl FileStore {
    /// The store of this policy file, which need not be there yet.
    #[must_use]
    pub fn at(file: PathBuf) -> Self {
        let history = file.with_extension("history");
        Self { inner: Arc::new(Inner { file, history, writing: Mutex::new(()), health: Health::default() }) }
    }

    /// The policy file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.inner.file
    }

    /// Whether the file can be read, and is obeyed.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.inner.health
    }

    pub(super) async fn present(&self) -> Result<Present, StoreError> {
        self.on_thread(Inner::present).await
    }

    pub(super) async fn commit(&self, record: Record, version: i64) -> Result<(), StoreError> {
        self.on_thread(move |inner| inner.commit(&record, version)).await
    }

    pub(super) async fn history(&self) -> Result<Vec<Record>, StoreError> {
        self.on_thread(Inner::history).await
    }

    /// Records a document that became active by another way than [`FileStore::commit`]: somebody edited the file, or it
    /// was there at start.
    pub(super) async fn found(&self, policy: Arc<Policy>, at_unix_us: u64) -> Result<(), StoreError> {
        self.on_thread(move |inner| {
            let _writing = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let known = inner.record(policy.revision).is_some_and(|known| known.digest == policy.digest());
            if known {
                return Ok(());
            }
            let by = Actor { name: "the policy file".to_owned(), from: String::new() };
            inner.remember(&Record::of(&policy, by, at_unix_us))
        })
        .await
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|lost| {
            Err(StoreError::File { file: self.inner.file.clone(), source: io::Error::other(lost) })
        })
    }
}

impl Inner {
    fn present(&self) -> Result<Present, StoreError> {
        match fs::read_to_string(&self.file) {
            Ok(document) => Ok(Present { version: print_of(&document), document: Some(document) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Present::default()),
            Err(source) => Err(StoreError::File { file: self.file.clone(), source }),
        }
    }

    fn commit(&self, record: &Record, version: i64) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.present()?;
        if present.version != version {
            return Err(StoreError::Raced { active: present.document.as_deref().map_or(0, revision_of) });
        }
        // A record of what did not become active would be a lie; an active document without one is recorded when it
        // is found.
        self.write(&self.file, &record.document)?;
        self.remember(record)
    }

    fn remember(&self, record: &Record) -> Result<(), StoreError> {
        let at = |file: &Path| {
            let file = file.to_owned();
            move |source| StoreError::File { file, source }
        };
        fs::create_dir_all(&self.history).map_err(at(&self.history))?;
        self.write(&self.history.join(format!("{}.toml", record.revision)), &record.to_toml())?;
        let mut revisions = self.revisions()?;
        revisions.sort_unstable_by(|a, b| b.cmp(a));
        for old in revisions.into_iter().skip(HISTORY) {
            let file = self.history.join(format!("{old}.toml"));
            fs::remove_file(&file).map_err(at(&file))?;
        }
        Ok(())
    }

    fn history(&self) -> Result<Vec<Record>, StoreError> {
        let mut revisions = self.revisions()?;
        revisions.sort_unstable_by(|a, b| b.cmp(a));
        Ok(revisions.into_iter().take(HISTORY).filter_map(|revision| self.record(revision)).collect())
    }

    fn record(&self, revision: u64) -> Option<Record> {
        let file = self.history.join(format!("{revision}.toml"));
        let text = fs::read_to_string(&file).ok()?;
        Record::from_toml(&text)
            .inspect_err(|why| tracing::warn!(file = %file.display(), %why, "policy record unreadable"))
            .ok()
    }

    fn revisions(&self) -> Result<Vec<u64>, StoreError> {
        let unreadable = |source| StoreError::File { file: self.history.clone(), source };
        let entries = match fs::read_dir(&self.history) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut revisions = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            let revision = name.to_str().and_then(|name| name.strip_suffix(".toml")?.parse::<u64>().ok());
            revisions.extend(revision);
        }
        Ok(revisions)
    }

    fn write(&self, file: &Path, text: &str) -> Result<(), StoreError> {
        replace(file, text).map_err(|source| StoreError::File { file: file.to_owned(), source })
    }
}

/// Writes a file whole or not at all: beside it, to the disk, then in its place.
///
/// # Errors
/// When the system says no; the old file is as it was then.
pub(super) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let beside = file.with_extension("toml.new");
    let mut new = File::create(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    // The rename itself is lost in a power cut unless the folder is written, too.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A number that differs when the text does (FNV-1a), and is not zero.
fn print_of(text: &str) -> i64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step).cast_signed() | 1
}
