//! Which path a packet takes, and what is done when one goes dark.
//!
//! ```text
//!   ingress                                                          egress
//!   ┌───────┐  packet: path number, its sequence                     ┌──────┐
//!   │ Trunk │ ─────────────────────────────────────────────────────▶ │ Ears │  counts, one listener a number
//!   │ ladder│ ◀───────────────────────────────────────────────────── │      │
//!   └───────┘  report: how far, how many, the last one and its age   └──────┘
//! ```
//! The egress says what it heard, every 20 ms and when something is overdue; only the ingress knows what it sent, so only
//! the ingress judges. A pause in speech is therefore never taken for an outage.

mod arm;
mod budget;
mod ears;
mod event;
mod health;
mod ladder;
mod listener;
mod names;
mod table;
mod trail;
mod trunk;
mod ways;

pub use ears::{Ears, SendReport};
pub use event::{Counts, Input, Moved, Output, Pick, Picks, Why};
pub use ladder::Stage;
pub use names::{Flags, PathId, PathNumber, Report};
pub use table::{Reaction, Table, Way};
pub use trunk::Trunk;

#[cfg(test)]
mod tests;
