//! SRTP with keys from SDP (RFC 3711, RFC 4568, RFC 7714).
//!
//! A [`Crypto`] is the value of one `a=crypto:` line: what is offered, chosen and answered. Its [`Master`] key makes a
//! [`Sender`], which protects packets in place, or a [`Receiver`], which checks them and makes them plain. A [`Crossing`] is
//! one direction of a call between two legs that need not use the same protection.
//!
//! Nothing here allocates once it is made, and key bytes come in as arguments.

mod base64;
mod choice;
mod crossing;
mod derive;
mod header;
mod master;
mod receiver;
mod refusal;
mod sdes;
mod sender;
mod sources;
mod suite;
mod transform;
mod window;

#[cfg(test)]
mod tests;

pub use choice::{agreed, choose};
pub use crossing::Crossing;
pub use master::{Chance, MASTER_MAX, Master, Mki};
pub use receiver::Receiver;
pub use refusal::Refusal;
pub use sdes::{Crypto, Unusable};
pub use sender::Sender;
pub use sources::SOURCES_MAX;
pub use suite::Suite;
pub use transform::TRAILER_MAX;
