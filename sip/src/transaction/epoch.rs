//! The instant at which every test of this module begins.

use std::time::Instant;

/// Some instant; only differences to it matter.
#[expect(
    clippy::disallowed_methods,
    reason = "std offers no other way to an Instant; the tests count from this one"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
