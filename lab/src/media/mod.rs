//! The voice of the lab's phones: real RTP, spoken and heard. Every packet is 20 ms of a G.711 tone that carries marks
//! (its number, its place in the stream, when it left), so whoever hears it knows exactly what the network did with it:
//! one process speaks and listens, so there is one clock. The product's own parsers have no part in it.
//!
//! `Leg` is the pure half: one phone's end of a conversation. [`Studio`] is the shell: the sockets, one timer and one
//! thread for all legs of a lab, and the record of what was spoken and heard.

mod ear;
mod leg;
mod line;
mod listener;
mod mark;
mod passage;
mod quality;
mod rtcp;
mod rtp;
mod speaker;
mod stream;
mod studio;
#[cfg(test)]
mod tests;

use std::net::SocketAddrV4;

use serde::Serialize;

pub(crate) use self::{
    leg::{LegName, Order, Side},
    line::Line,
    passage::Window,
    stream::{Stream, Tally},
};
pub use self::{
    stream::{Breaks, Delay, Outage, Rtcp, StreamReport},
    studio::Studio,
};

/// Microseconds since the studio was opened. All marks, logs and reports count in them.
pub(crate) type Micros = u64;

/// RFC 3551 §4.5.14: PCMU has number 0 and a clock of 8 kHz.
const PAYLOAD_TYPE: u8 = 0;
/// What one packet holds of the voice.
const PACKET_US: Micros = 20_000;
/// The same in ticks of the RTP clock, which are samples, which are bytes.
const PACKET_TICKS: u32 = 160;
const PACKET_BYTES: usize = 160;
/// One tick of the RTP clock.
const TICK_US: Micros = 125;

/// Where the other end of a stream is, as its session description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Remote {
    pub(crate) rtp: SocketAddrV4,
    pub(crate) rtcp: SocketAddrV4,
}

/// Which of the two sockets of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Rtp,
    Rtcp,
}
