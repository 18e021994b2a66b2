//! What becomes of a packet: pure code. No socket, no clock, no chance: time and keys come in by the door, packets go out
//! through an [`Outbox`].

mod ids;
pub mod mesh;
mod outbox;
pub mod relay;
pub mod rtp;
pub mod srtp;
pub mod steer;
pub mod tunnel;

pub use ids::{CallKey, Lane, RelayId, SocketId, StreamId};
pub use outbox::{Outbox, PACKET_MAX, Slot};
