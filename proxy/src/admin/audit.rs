//! The audit: what was changed by hand on this node, or was to be: who, what, when, from where, and what became of it.

use super::{Answer, Desk, List, actor::Actor, convert};
use ringway_proto::admin::{AuditEntry, AuditEvent, ListAuditRequest, Marker, audit_event::Event};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::broadcast;
use tokio_stream::{StreamExt as _, iter, wrappers::BroadcastStream};
use tonic::{Request, Response, Status as Refusal};

/// Entries that are remembered.
const REMEMBERED: usize = 1_000;
/// What of the file is read at start.
const READ_BYTES: u64 = 1 << 20;
/// Lines that a full disk may keep waiting; no change is made meanwhile, but refusals are still noted.
const WAITING_BYTES: usize = 1 << 20;

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// When it was over, µs since the Unix epoch.
    pub at_us: u64,
    /// The operator's name.
    pub who: String,
    /// Their role.
    pub role: String,
    /// The peer's address.
    pub from: String,
    /// What was asked for.
    pub what: String,
    /// `done`, or why not.
    pub result: String,
}

/// See the module. Clones are one audit.
#[derive(Clone)]
pub struct Audit {
    book: Arc<Mutex<Book>>,
    added: broadcast::Sender<Entry>,
}

struct Book {
    file: Option<PathBuf>,
    recent: VecDeque<Entry>,
    /// Lines that could not be written yet.
    waiting: String,
}

impl Audit {
    /// Opens the audit; the entries of an earlier life are remembered. A last line that was torn is let be.
    ///
    /// # Errors
    /// When the file cannot be read and written.
    pub fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let recent = file.as_deref().map(recall).transpose()?.unwrap_or_default();
        let book = Arc::new(Mutex::new(Book { file, recent, waiting: String::new() }));
        Ok(Self { book, added: broadcast::Sender::new(REMEMBERED) })
    }

    /// Whether a change could be noted: what nobody can look up later is not done.
    ///
    /// # Errors
    /// What the system said.
    pub(super) async fn is_writable(&self) -> io::Result<()> {
        self.write().await
    }

    /// Notes what became of a request. When this returns the line is on the disk, or the log says why it is not.
    pub(super) async fn note(&self, at_us: u64, actor: &Actor, what: String, result: String) {
        let entry = Entry {
            at_us,
            who: actor.name.clone(),
            role: actor.role.to_string(),
            from: actor.place(),
            what,
            result,
        };
        tracing::info!(who = entry.who, from = entry.from, what = entry.what, result = entry.result, "audit");
        self.lock().add(entry.clone());
        // Nobody watches: nobody has to be told.
        let _ = self.added.send(entry);
        if let Err(error) = self.write().await {
            tracing::error!(%error, "the audit cannot be written; nothing is changed by hand until it can");
        }
    }

    /// Its file; empty when there is none.
    pub(super) fn place(&self) -> String {
        self.lock().file.as_deref().map(|file| file.display().to_string()).unwrap_or_default()
    }

    /// The last entries, the oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<Entry> {
        let book = self.lock();
        let skipped = book.recent.len().saturating_sub(count);
        book.recent.iter().skip(skipped).cloned().collect()
    }

    /// All that is remembered, and every entry from now on.
    pub(super) fn watch(&self) -> (Vec<Entry>, broadcast::Receiver<Entry>) {
        let book = self.lock();
        (book.recent.iter().cloned().collect(), self.added.subscribe())
    }

    async fn write(&self) -> io::Result<()> {
        let book = Arc::clone(&self.book);
        // Disks wait; the other tasks do not.
        let written = tokio::task::spawn_blocking(move || lock(&book).write());
        written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

fn lock(book: &Mutex<Book>) -> std::sync::MutexGuard<'_, Book> {
    // Entries are whole at any time: one who panicked between them left nothing half done.
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn add(&mut self, entry: Entry) {
        if self.file.is_some() && self.waiting.len() < WAITING_BYTES {
            let line = serde_json::to_string(&entry).unwrap_or_else(|error| unreachable!("texts: {error}"));
            self.waiting.push_str(&line);
            self.waiting.push('\n');
        }
        self.recent.push_back(entry);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }

    /// Opened anew each time, so that the file can be moved away while the node runs.
    fn write(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut open = append(file)?;
        if !self.waiting.is_empty() {
            open.write_all(self.waiting.as_bytes())?;
            open.sync_data()?;
            self.waiting.clear();
        }
        Ok(())
    }
}

fn append(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).append(true).open(file)
}

/// The last entries of a file, which is made when it is not there.
fn recall(file: &Path) -> io::Result<VecDeque<Entry>> {
    let mut open = append(file)?;
    let length = open.metadata()?.len();
    open.seek(SeekFrom::Start(length.saturating_sub(READ_BYTES)))?;
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes)?;
    if bytes.last().is_some_and(|&last| last != b'\n') {
        // What comes next shall not be lost with it.
        open.write_all(b"\n")?;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut entries: VecDeque<Entry> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    entries.drain(..entries.len().saturating_sub(REMEMBERED));
    Ok(entries)
}

pub(super) fn list(desk: &Desk, request: Request<ListAuditRequest>) -> Answer<List<AuditEntry>> {
    let last = match request.into_inner().last {
        0 => REMEMBERED,
        last => usize::try_from(last).unwrap_or(REMEMBERED),
    };
    let entries = desk.audit.last(last);
    Ok(Response::new(Box::pin(iter(entries.into_iter().map(|entry| Ok(convert::audit(entry)))))))
}

pub(super) fn watch(desk: &Desk) -> Answer<List<AuditEvent>> {
    let (present, added) = desk.audit.watch();
    let event = |event| AuditEvent { event: Some(event) };
    let present = present.into_iter().map(|entry| Event::Present(convert::audit(entry)));
    let present = present.chain([Event::Marker(Marker {})]);
    let added = BroadcastStream::new(added).map(move |entry| match entry {
        Ok(entry) => Ok(event(Event::Added(convert::audit(entry)))),
        // A watcher that lost something must not believe that it knows.
        Err(lagged) => Err(Refusal::data_loss(format!("too slow: {lagged}; watch anew"))),
    });
    Ok(Response::new(Box::pin(iter(present.map(move |present| Ok(event(present)))).chain(added))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway_node::operator::Role;

    fn ann() -> Actor {
        Actor { name: "ann".into(), role: Role::Operate, from: None }
    }

    #[tokio::test]
    async fn entries_survive_a_restart_and_a_torn_line() {
        let file = std::env::temp_dir().join(format!("ringway-audit-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let audit = Audit::open(Some(file.clone())).unwrap();
        audit.note(1, &ann(), "link disable a b".into(), "done".into()).await;
        OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"at_us\":2,\"wh").unwrap();
        let audit = Audit::open(Some(file.clone())).unwrap();
        audit.note(3, &ann(), "link enable a b".into(), "done".into()).await;
        let again = Audit::open(Some(file.clone())).unwrap().last(REMEMBERED);
        assert_eq!(again.iter().map(|entry| entry.at_us).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(again[0].what, "link disable a b");
        std::fs::remove_file(file).unwrap();
    }

    #[tokio::test]
    async fn memory_is_bounded_and_a_disk_that_fails_stops_changes() {
        let audit = Audit::open(None).unwrap();
        for at_us in 0..1_500 {
            audit.note(at_us, &ann(), "x".into(), "done".into()).await;
        }
        assert_eq!(audit.last(usize::MAX).len(), REMEMBERED);
        assert_eq!(audit.last(2).iter().map(|entry| entry.at_us).collect::<Vec<_>>(), [1_498, 1_499]);

        let folder = std::env::temp_dir().join(format!("ringway-audit-folder-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let audit = Audit::open(Some(folder.join("audit"))).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(audit.is_writable().await.is_err());
        std::fs::create_dir_all(&folder).unwrap();
        assert!(audit.is_writable().await.is_ok(), "and goes on when it can");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
