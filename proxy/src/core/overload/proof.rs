//! Which paths are known to carry, from end to end: what is late over such a path is late because of a server. Only an
//! INVITE is answered hop by hop; for all else silence alone does not tell a path from the element behind it.

use ringway_router::Path;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Older proofs say nothing, and go: what is kept is of the paths that carry calls at present.
const AGE_MAX: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// When the latest request was sent that was answered over a path.
    sent: HashMap<Path, Instant>,
}

impl Proofs {
    /// A request that was sent over `path` at `sent` was answered with `code`.
    pub(crate) fn note(&mut self, path: &Path, sent: Instant, code: u16) {
        // A 100 is of the first hop, which is all there is of a direct path.
        if code == 100 && !path.is_direct() {
            return;
        }
        match self.sent.get_mut(path) {
            Some(latest) => *latest = sent.max(*latest),
            None => {
                self.sent.insert(path.clone(), sent);
            }
        }
    }

    /// Whether `path` has carried a later request than the one that was sent at `sent`, and its answer.
    pub(crate) fn has(&self, path: &Path, sent: Instant) -> bool {
        self.sent.get(path).is_some_and(|latest| *latest > sent)
    }

    /// Forgets what is old.
    pub(crate) fn fade(&mut self, now: Instant) {
        self.sent.retain(|_, sent| now.saturating_duration_since(*sent) < AGE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
    fn a_later_request_proves_and_a_relay_does_not() {
        let path = |regions: &[&str]| Path::new(regions.iter().map(|name| name.parse().unwrap())).unwrap();
        let (direct, relayed) =
            (path(&["us-west-2", "us-east-1"]), path(&["us-west-2", "us-east-2", "us-east-1"]));
        let (now, ms) = (Instant::now(), Duration::from_millis);
        let mut proofs = Proofs::default();
        proofs.note(&direct, now + ms(10), 100);
        proofs.note(&relayed, now + ms(10), 100);
        let seen = |proofs: &Proofs| [&direct, &relayed].map(|path| proofs.has(path, now));
        assert_eq!(seen(&proofs), [true, false]);
        proofs.note(&relayed, now + ms(10), 180);
        assert_eq!(seen(&proofs), [true, true]);
        assert!(!proofs.has(&direct, now + ms(10)), "the request itself, or one before it, proves nothing");
        proofs.fade(now + ms(10_010));
        assert_eq!(seen(&proofs), [false, false]);
    }
}
