//! The life of a policy document: where it is kept, who put it there and when, how it comes to be obeyed.
//!
//! A [`Store`] keeps the active document and the last [`HISTORY`] records. It never decides what is obeyed: it is read
//! and followed ([`follow`]), and the control task admits a document or refuses it. So a store that is away, or that
//! holds rubbish, changes nothing.

mod etcd;
mod file;
mod follow;
mod health;
mod life;
mod memory;
mod record;

pub use etcd::{Etcd, EtcdSettings};
pub use file::FileStore;
pub use follow::follow;
pub use health::{Health, HealthState};
pub use life::{Wish, apply, history, plan, rollback};
pub use memory::Memory;
pub use record::{Actor, BadRecord, Record, renumbered};

use std::{io, path::PathBuf};

/// Records that are kept; the oldest go.
pub const HISTORY: usize = 100;

/// What a store holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// The active document; `None`: nobody has put one there yet.
    pub document: Option<String>,
    /// Differs whenever the document was changed; for [`Store::commit`].
    pub version: i64,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else was first.
    #[error("somebody else was first: revision {active} is active now")]
    Raced {
        /// What is there now.
        active: u64,
    },
    /// The etcd cluster does not answer.
    #[error("the policy store does not answer: {0}")]
    Away(String),
    /// The etcd cluster answers, and says no.
    #[error("the policy store refuses: {0}")]
    Refused(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Where policies are kept.
pub enum Store {
    /// Nowhere: they live until the node ends.
    Memory(Memory),
    /// In a file of this node.
    File(FileStore),
    /// In etcd, one document for the fleet.
    Etcd(Box<Etcd>),
}

impl Default for Store {
    fn default() -> Self {
        Self::Memory(Memory::default())
    }
}

impl Store {
    /// `memory`, `file` or `etcd`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::File(_) => "file",
            Self::Etcd(_) => "etcd",
        }
    }

    /// Where that is, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Memory(_) => String::new(),
            Self::File(store) => store.file().display().to_string(),
            Self::Etcd(store) => store.place(),
        }
    }

    /// How it was last time.
    #[must_use]
    pub fn health(&self) -> HealthState {
        match self {
            Self::Memory(_) => HealthState::default(),
            Self::File(store) => store.health().state(),
            Self::Etcd(store) => store.health().state(),
        }
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn present(&self) -> Result<Present, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.present()),
            Self::File(store) => store.present().await,
            Self::Etcd(store) => store.present().await,
        }
    }

    /// Makes a record the active one and the newest of the history, if the store still holds what was there at
    /// `version`: of two who read the same version, one wins.
    ///
    /// # Errors
    /// When somebody else was first, or it cannot be written; nothing is changed then.
    pub async fn commit(&self, record: Record, version: i64) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.commit(record, version),
            Self::File(store) => store.commit(record, version).await,
            Self::Etcd(store) => store.commit(record, version).await,
        }
    }

    /// The newest first. Records that cannot be read are left out, with a warning in the log.
    ///
    /// # Errors
    /// When the history cannot be read at all.
    pub async fn history(&self) -> Result<Vec<Record>, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.history()),
            Self::File(store) => store.history().await,
            Self::Etcd(store) => store.history().await,
        }
    }
}

/// The revision that a document says it has; zero for one that is no policy.
fn revision_of(document: &str) -> u64 {
    ringway_router::Policy::parse(document).map_or(0, |policy| policy.revision)
}
