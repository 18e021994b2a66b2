//! The truth about the signalling plane: every now and then an OPTIONS (RFC 3261 §11) goes to every other region, in at the
//! own proxy like a call, over the path that calls take, and back. Links may be well and a proxy on the way deaf.

mod rounds;
mod service;

use ringway_router::Region;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

pub use rounds::{Rounds, SILENT_AFTER};
pub use service::{Asker, ask};

/// What became of one OPTIONS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sounding {
    /// Whom it was for.
    pub region: Region,
    /// When that was known.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// The status of the answer; `None`: nobody answered.
    pub status: Option<u16>,
}

/// The latest of each region.
#[derive(Debug, Default)]
pub struct Soundings(Mutex<BTreeMap<Region, Sounding>>);

impl Soundings {
    /// Keeps it.
    pub fn note(&self, sounding: Sounding) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        latest.insert(sounding.region.clone(), sounding);
    }

    /// The latest.
    #[must_use]
    pub fn of(&self, region: &Region) -> Option<Sounding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(region).cloned()
    }
}

impl Sounding {
    /// The label of its metric.
    #[must_use]
    pub fn outcome(&self) -> String {
        self.status.map_or_else(|| "silent".to_owned(), |status| status.to_string())
    }
}

impl fmt::Display for Sounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, at: _, took, status } = self;
        match status {
            Some(status) => write!(f, "OPTIONS to {region} was answered {status} in {} ms", took.as_millis()),
            None => write!(f, "OPTIONS to {region} was not answered in {} s", took.as_secs()),
        }
    }
}
