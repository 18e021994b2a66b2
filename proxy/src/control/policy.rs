//! The policy that is obeyed: a bad or an old document is refused and the active one stays. Where documents come from is
//! the business of [`crate::policy`].

use super::Control;
use crate::policy::StoreError;
use ringway_router::{self as router, Policy, PolicyError, Region};
use std::{fs, io, path::Path, sync::Arc};

/// The policy that is obeyed.
#[derive(Clone)]
pub struct ActivePolicy {
    /// It.
    pub policy: Arc<Policy>,
    /// Since when, µs since the Unix epoch.
    pub since_unix_us: u64,
    /// False while this node cannot know what is forbidden: it has no document, and its store was not read yet.
    pub known: bool,
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
    /// Whoever applied it had another one in mind.
    #[error("revision {active} is active, not {expected} as expected")]
    Unexpected {
        /// What they had in mind.
        expected: u64,
        /// The revision that stays.
        active: u64,
    },
    /// Calls that can be made now could not be made any more.
    #[error("no path would be left for {first}{}", more_of(*more))]
    Unreachable {
        /// Some of them, and why.
        first: String,
        /// How many more such pairs there are.
        more: usize,
    },
    /// There is no record of it to go back to.
    #[error("no record of revision {revision}; the last {kept} are kept")]
    Unknown {
        /// The revision asked for.
        revision: u64,
        /// How many records there can be.
        kept: usize,
    },
    /// The store did not take it, so it would be gone with the process, or hold on this node alone.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node ends.
    #[error("the node is ending")]
    Ending,
}

fn more_of(more: usize) -> String {
    if more == 0 { String::new() } else { format!(", and for {more} more") }
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

    /// Obeys a document from the next message on, unless it is the active one. Returns the active policy.
    ///
    /// # Errors
    /// When it is refused. Nothing has changed then.
    pub fn obey_document(&mut self, document: &str) -> Result<Arc<Policy>, NotApplied> {
        let admitted = self.admit(document).inspect_err(|_| self.handle.metrics().policy_refused())?;
        if let Some(policy) = admitted {
            self.obey(policy);
        }
        self.know_policy();
        Ok(Arc::clone(&self.policy.policy))
    }

    /// The store was read, and what is in force is known.
    pub fn know_policy(&mut self) {
        self.policy.known = true;
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
        self.tell_router(router::Input::Policy(Arc::clone(&policy)));
        self.policy = ActivePolicy { policy, since_unix_us, known: true };
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
        Err(source) => Err(StoreError::File { file: file.to_owned(), source }.into()),
    }
}
