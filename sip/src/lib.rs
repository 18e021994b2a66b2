//! SIP (RFC 3261) as a library of values and machines: messages that are parsed once and printed by splicing,
//! typed headers read on demand, frames cut out of byte streams, and the transaction layer. Pure: no socket, no clock, no randomness; time comes
//! in as an argument and bytes go out through `poll`.

pub mod header;
pub mod message;
pub mod peer;
pub mod sdp;
pub mod stream;
pub mod transaction;

pub use header::{CSeq, NameAddr, Param, Params, Uri, Via};
pub use message::{
    Edit, Header, Limits, Message, Method, Name, ParseError, Reply, Skeleton, ack_for, cancel_for,
};
pub use peer::{Peer, Transport, Way};
pub use stream::{Frame, FrameError, Framer};
pub use transaction::{ClientId, Layer, Output, Seeded, ServerId, Timing};
