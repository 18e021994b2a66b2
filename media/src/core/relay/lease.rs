//! Leases: a controller that lets its own lapse has died. Its calls are not killed for it: they end when no media flows.

use super::{CONTROLLERS_MAX, Refusal};
use ringway_router::Time;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Who has a lease, and until when.
#[derive(Debug)]
pub(super) struct Leases {
    lasts: Duration,
    until: BTreeMap<Arc<str>, Time>,
}

impl Leases {
    pub(super) fn new(lasts: Duration) -> Self {
        Self { lasts, until: BTreeMap::new() }
    }

    /// The controller lives: its lease lasts for so long from now.
    pub(super) fn renew(&mut self, now: Time, controller: &str) -> Result<Arc<str>, Refusal> {
        let known = self.until.get_key_value(controller).map(|(name, _)| Arc::clone(name));
        if known.is_none() && self.until.len() >= CONTROLLERS_MAX {
            return Err(Refusal::Controllers);
        }
        let name = known.unwrap_or_else(|| controller.into());
        self.until.insert(Arc::clone(&name), now + self.lasts);
        Ok(name)
    }

    /// How long a lease lasts.
    pub(super) fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Whether the owner of a call is dead. Nobody is not.
    pub(super) fn is_lapsed(&self, controller: &str) -> bool {
        !controller.is_empty() && !self.until.contains_key(controller)
    }

    /// One that has lapsed by now.
    pub(super) fn lapse(&mut self, now: Time) -> Option<Arc<str>> {
        let lapsed = self.until.iter().find(|(_, until)| **until <= now).map(|(name, _)| Arc::clone(name))?;
        self.until.remove(&lapsed);
        Some(lapsed)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.until.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lapses_unless_it_is_renewed_and_there_are_only_so_many() {
        let mut leases = Leases::new(Duration::from_secs(30));
        let at = |s: u64| Time::from_millis(s * 1_000);
        leases.renew(at(0), "a").unwrap();
        leases.renew(at(0), "b").unwrap();
        leases.renew(at(20), "a").unwrap();
        assert_eq!((leases.deadline(), leases.lapse(at(29))), (Some(at(30)), None));
        assert_eq!(leases.lapse(at(30)).as_deref(), Some("b"));
        assert!(leases.is_lapsed("b") && !leases.is_lapsed("a") && !leases.is_lapsed(""));
        leases.renew(at(31), "b").unwrap();
        assert!(!leases.is_lapsed("b"), "it is back");
        let refused = (0..CONTROLLERS_MAX).filter(|n| leases.renew(at(31), &n.to_string()).is_err()).count();
        assert_eq!(refused, 2);
    }
}
