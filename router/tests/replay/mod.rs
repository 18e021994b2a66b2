//! The replay: ways of steering, scored on the same trace.

mod guard;
mod ours;
mod profile;
mod rivals;
mod ron;
mod sensor;
pub(crate) mod study;
mod tape;
mod way;
