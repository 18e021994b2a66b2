//! The one place of the lab that reads the time. Everything else is told what time it is, or asks here.

use std::time::Instant;

/// The monotonic clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the lab is the world outside: it owns real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
