//! Transactions (RFC 3261 §17, RFC 6026): four pure machines, and the [`Layer`] that owns them, matches messages
//! to them and wakes them. Nothing here reads a clock or touches a socket.

mod action;
mod client;
mod invite_client;
mod invite_server;
mod layer;
mod server;
mod timer;

#[cfg(test)]
mod epoch;

pub use layer::{ClientId, Layer, Output, Seeded, ServerId};
pub use timer::{Timer, Timing};
