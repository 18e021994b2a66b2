//! The replay: ways of steering, scored on the same trace; and the router alone, told by reports.

mod alone;
pub(crate) mod cases;
mod guard;
mod ours;
mod profile;
mod rivals;
mod ron;
mod sensor;
pub(crate) mod study;
mod tape;
mod way;
