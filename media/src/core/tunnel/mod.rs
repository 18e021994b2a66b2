//! Frames between relays: their form, their seals, their keys (`docs/decisions/017-tunnels.md`).
//!
//! ```text
//! control   Keys ── meet, renew, expire ──▶ Table (shared, never changed)
//!                                             │ adopt
//! worker    datagram ─▶ Opener ─▶ Opened ─▶ here, or forward ─▶ Sealer ─▶ Outbox
//! ```
//! All that costs more than a microsecond, the agreement on keys, is done by [`Keys`] away from the packets. A worker has an
//! [`Opener`] and a [`Sealer`] of its own, so workers share nothing that changes.

mod count;
mod derive;
mod frame;
mod keys;
mod open;
mod refusal;
mod roster;
mod seal;
mod table;
mod transit;
pub(in crate::core) mod window;

pub use count::{Received, Sent};
pub use frame::{Body, Frame, HEADER_BYTES, HOPS_MAX, Header, Hops, PAYLOAD_MAX, Place, TAG_BYTES};
pub use keys::{KeyError, Keys, UNUSED_FOR};
pub use open::{Opened, Opener};
pub use refusal::{Refusal, Refusals};
pub use roster::{PEERS_MAX, Peer, PeerError, ReceivingKey, RefusedPeer, WORKERS_MAX, relay_id};
pub use seal::{Hop, Sealer};
pub(in crate::core) use table::Spread;
pub use table::{Slot, Table};
pub use transit::forward;

#[cfg(test)]
mod tests;
