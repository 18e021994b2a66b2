//! The policy store of a single node: a file, watched. A bad or an old document is refused and the active one stays.

use super::{Control, Event, Handle};
use ringway_router::{self as router, Policy, PolicyError, Region};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{MissedTickBehavior, interval};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The policy that is obeyed.
#[derive(Clone)]
pub struct ActivePolicy {
    /// It.
    pub policy: Arc<Policy>,
    /// Since when, µs since the Unix epoch.
    pub since_unix_us: u64,
}

/// Why a document was not applied. The active policy stays.
#[derive(Debug, thiserror::Error)]
pub enum NotApplied {
    /// It is no policy: line, key, reason.
    #[error(transparent)]
    Bad(#[from] PolicyError),
    /// Another one is active that is as new, or newer.
    #[error("revision {offered} is not newer than the active revision {active}")]
    Old {
        /// The revision in the document.
        offered: u64,
        /// The revision that stays.
        active: u64,
    },
    /// It cannot be written to the file, so it would be gone with the process.
    #[error("{}: {source}", file.display())]
    Unwritable {
        /// The policy file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Control {
    /// The policy that is obeyed.
    #[must_use]
    pub fn policy(&self) -> &ActivePolicy {
        &self.policy
    }

    /// What an operator should know about a document that is good: regions that nobody has heard of.
    #[must_use]
    pub fn policy_warnings(&self, policy: &Policy) -> Vec<String> {
        let mut known: Vec<Region> = self.regions.iter().cloned().collect();
        known.push(self.facts.own.region.clone());
        policy.warnings(known.iter())
    }

    /// Applies a document: checked, written to the file, and obeyed from the next message on.
    ///
    /// # Errors
    /// When it is refused. Nothing has changed then.
    pub fn apply_policy(&mut self, document: &str) -> Result<(), NotApplied> {
        let policy = self.admit(document).inspect_err(|_| self.handle.metrics().policy_refused())?;
        if let Some(policy) = policy {
            if let Some(file) = &self.facts.policy_file {
                write(file, document)
                    .map_err(|source| NotApplied::Unwritable { file: file.clone(), source })?;
            }
            self.obey(policy);
        }
        Ok(())
    }

    /// The file was changed, by us or by an editor.
    pub(super) fn on_policy_file(&mut self, document: &str) {
        match self.admit(document) {
            Ok(Some(policy)) => self.obey(policy),
            Ok(None) => {}
            Err(why) => {
                self.handle.metrics().policy_refused();
                let active = self.policy.policy.revision;
                tracing::error!(%why, active, "policy file refused; the active policy stays");
            }
        }
    }

    /// `None`: it is the active one.
    fn admit(&self, document: &str) -> Result<Option<Policy>, NotApplied> {
        let policy = Policy::parse(document)?;
        let active = &self.policy.policy;
        if policy.revision == active.revision && policy.digest() == active.digest() {
            return Ok(None);
        }
        if policy.revision <= active.revision {
            return Err(NotApplied::Old { offered: policy.revision, active: active.revision });
        }
        Ok(Some(policy))
    }

    fn obey(&mut self, policy: Policy) {
        tracing::info!(revision = policy.revision, digest = policy.digest(), "policy active");
        for warning in self.policy_warnings(&policy) {
            tracing::warn!(revision = policy.revision, "{warning}");
        }
        let policy = Arc::new(policy);
        let since_unix_us = self.handle.clock().unix_us();
        self.router.handle(self.time(), router::Input::Policy(Arc::clone(&policy)));
        self.policy = ActivePolicy { policy, since_unix_us };
        self.speak(false);
    }
}

/// Reads the policy at start. A file that is not there yet is an empty policy; a bad one is an error, because what it
/// forbids is not known.
///
/// # Errors
/// When the file is there and cannot be read, or is no policy.
pub fn load(file: Option<&Path>) -> Result<Policy, NotApplied> {
    let Some(file) = file else { return Ok(Policy::empty()) };
    match fs::read_to_string(file) {
        Ok(document) => Ok(Policy::parse(&document)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Policy::empty()),
        Err(source) => Err(NotApplied::Unwritable { file: file.to_owned(), source }),
    }
}

/// Watches the file until the process ends.
pub async fn watch(file: PathBuf, control: Handle) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = stamp(&file);
    loop {
        looks.tick().await;
        let now = stamp(&file);
        if now == seen {
            continue;
        }
        seen = now;
        match fs::read_to_string(&file) {
            Ok(document) => control.tell(Event::PolicyFile(document)).await,
            Err(error) => tracing::warn!(%error, "policy file unreadable; the active policy stays"),
        }
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Whole or not at all: beside the file, then in its place.
fn write(file: &Path, document: &str) -> io::Result<()> {
    let beside = file.with_extension("toml.new");
    fs::write(&beside, document)?;
    fs::rename(&beside, file)
}
