//! The one place of the lab that reads the time. Everything else is told what time it is, or asks here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the lab is the world outside: it owns real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The calendar since the Unix epoch. It may jump; it is what the kernel's stamps are compared with, and nothing else.
#[expect(clippy::disallowed_methods, reason = "the lab is the world outside: it owns real time")]
pub(crate) fn calendar() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
