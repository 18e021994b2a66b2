//! Where segments stand: files of a folder, or memory. The oldest go when there are too many, or they are too old.

use super::{
    Limits,
    line::{After, Line},
};
use prometheus::IntCounter;
use ringway_router::Time;
use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Cursor, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// One snapshot and what followed. A clone of one in memory is a copy of what it is now.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Time of its snapshot.
    pub from: Time,
    /// Time of its last line.
    pub until: Time,
    /// What its snapshot came after.
    pub after: After,
    /// The disk failed in it, or behind it: what came next is not written.
    pub(super) cut: bool,
    bytes: u64,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Memory(Arc<Vec<u8>>),
    File(PathBuf),
}

/// How the record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// It goes back to then; `None`: there is nothing in it.
    pub since: Option<Time>,
    /// How long it is.
    pub bytes: u64,
    /// It stands on a disk, and is there after a restart.
    pub on_disk: bool,
}

pub(super) struct Shelf {
    folder: Option<PathBuf>,
    limits: Limits,
    segments: VecDeque<Segment>,
    file: Option<BufWriter<File>>,
    /// The disk fails: nothing is written until the next snapshot.
    failed: bool,
    dropped: IntCounter,
}

const PREFIX: &str = "record-";
const SUFFIX: &str = ".jsonl";

impl Segment {
    /// Its lines.
    pub(super) fn open(&self) -> io::Result<Box<dyn io::BufRead>> {
        Ok(match &self.body {
            Body::Memory(bytes) => Box::new(Cursor::new(bytes.as_ref().clone())),
            Body::File(file) => Box::new(BufReader::new(File::open(file)?)),
        })
    }
}

impl Shelf {
    pub(super) fn open(folder: Option<PathBuf>, limits: Limits, dropped: IntCounter) -> io::Result<Self> {
        let segments = folder.as_deref().map(find).transpose()?.unwrap_or_default();
        Ok(Self { folder, limits, segments, file: None, failed: false, dropped })
    }

    /// Writes a line. What fails is said once; then there is nothing until the next snapshot.
    pub(super) fn put(&mut self, mut line: Line) {
        if let Line::Snapshot { at, after, .. } = &mut line {
            if std::mem::take(&mut self.failed) {
                // Whoever wrote it could not know.
                *after = After::Loss;
            }
            if let Err(error) = self.begin(*at, *after) {
                return self.fail(&error);
            }
        }
        if self.failed {
            return self.dropped.inc();
        }
        if let Err(error) = self.write(&line) {
            self.fail(&error);
        }
        self.prune(line.at());
    }

    pub(super) fn flush(&mut self) {
        let flushed = self.file.as_mut().map_or(Ok(()), BufWriter::flush);
        if let Err(error) = flushed {
            self.fail(&error);
        }
    }

    pub(super) fn segments(&mut self, from: Time, until: Time) -> Vec<Segment> {
        self.flush();
        // The one that began before holds how things stood at `from`.
        let first = self.segments.iter().rposition(|segment| segment.from <= from).unwrap_or(0);
        self.segments.iter().skip(first).take_while(|segment| segment.from <= until).cloned().collect()
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            since: self.segments.front().map(|segment| segment.from),
            bytes: self.bytes(),
            on_disk: self.folder.is_some(),
        }
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn begin(&mut self, at: Time, after: After) -> io::Result<()> {
        self.flush();
        self.file = None;
        let body = match &self.folder {
            None => Body::Memory(Arc::default()),
            Some(folder) => {
                let file = folder.join(format!("{PREFIX}{:020}{SUFFIX}", at.micros()));
                self.file = Some(BufWriter::new(File::create(&file)?));
                Body::File(file)
            }
        };
        self.segments.push_back(Segment { from: at, until: at, after, cut: false, bytes: 0, body });
        Ok(())
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        text.push(b'\n');
        let Some(segment) = self.segments.back_mut() else { return Ok(()) };
        match (&mut segment.body, &mut self.file) {
            (Body::Memory(bytes), _) => Arc::make_mut(bytes).extend_from_slice(&text),
            (Body::File(_), Some(file)) => file.write_all(&text)?,
            // Of an earlier life; this one has not begun yet.
            (Body::File(_), None) => return Ok(()),
        }
        segment.bytes += text.len() as u64;
        segment.until = segment.until.max(line.at());
        Ok(())
    }

    fn fail(&mut self, error: &io::Error) {
        if !self.failed {
            tracing::error!(%error, "the record cannot be written; decisions of now cannot be looked at later");
        }
        self.failed = true;
        self.file = None;
        self.dropped.inc();
        if let Some(segment) = self.segments.back_mut() {
            segment.cut = true;
        }
    }

    fn prune(&mut self, now: Time) {
        while self.segments.len() > 1
            && (self.bytes() > self.limits.bytes || now.since(self.segments[0].until) > self.limits.age)
        {
            let Some(oldest) = self.segments.pop_front() else { return };
            if let Body::File(file) = oldest.body
                && let Err(error) = fs::remove_file(&file)
            {
                tracing::warn!(file = %file.display(), %error, "an old part of the record cannot be removed");
            }
        }
    }
}

/// The segments of an earlier life.
fn find(folder: &Path) -> io::Result<VecDeque<Segment>> {
    fs::create_dir_all(folder)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let at = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok());
        if let Some(at) = at {
            files.push((Time::from_micros(at), entry.path(), entry.metadata()?.len()));
        }
    }
    files.sort();
    Ok(files.into_iter().filter_map(|(from, file, bytes)| recall(from, file, bytes)).collect())
}

/// A file that does not begin with a snapshot, because the machine stopped while it was written, says nothing.
fn recall(from: Time, file: PathBuf, bytes: u64) -> Option<Segment> {
    let mut head = Vec::new();
    BufReader::new(File::open(&file).ok()?).take(256).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let (_, after) = head.strip_prefix("{\"snapshot\":")?.split_once("\"after\":\"")?;
    let after = match after.split('"').next()? {
        "start" => After::Start,
        "turn" => After::Turn,
        _ => After::Loss,
    };
    let until = last(&file).unwrap_or(from);
    Some(Segment { from, until, after, cut: false, bytes, body: Body::File(file) })
}

/// Time of the last whole line: `"at":` stands in every one of them.
fn last(file: &Path) -> Option<Time> {
    let lines = BufReader::new(File::open(file).ok()?).split(b'\n').map_while(Result::ok);
    let of = |line: Vec<u8>| {
        let head = String::from_utf8_lossy(&line[..line.len().min(64)]).into_owned();
        let (_, at) = head.split_once("\"at\":")?;
        at.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    lines.filter_map(of).last().map(Time::from_micros)
}
