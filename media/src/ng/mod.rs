//! rtpengine's control protocol, so that Kamailio and OpenSIPS drive the relay unmodified. Pure: bytes in, a [`Command`]
//! out; a [`Reply`] in, bytes out. No socket, no clock.
//!
//! A datagram is a cookie, a space, and a dictionary in bencode or JSON. The reply repeats the cookie and uses the same
//! encoding. [`Packet::read`] takes the datagram apart, [`Cookies`] knows whether it came before, [`Packet::request`]
//! reads what it asks for, and [`Packet::answer`] writes the reply.
//!
//! What rtpengine would do and the relay does not (transcoding, DTLS, ICE, recording, playing) is refused with a reason
//! when it changes what the phones hear or agree to; what only tunes rtpengine is left aside, and named in
//! [`Request::ignored`].

mod bencode;
mod command;
mod cookies;
mod draft;
mod flag;
mod json;
mod packet;
mod refusal;
mod reply;
mod report;
mod statistics;
mod value;
mod wishes;

pub use bencode::{decode, encode};
pub use command::{Call, Command, Delete, Gate, Gated, Kind, Party, Proposal, Query};
pub use cookies::{Cookies, Seen};
pub use packet::{Encoding, Packet, Request};
pub use refusal::{Malformed, Refusal};
pub use reply::{Reply, Sdp};
pub use report::{MediaReport, Member, Quality, Report, Sample, StreamReport};
pub use statistics::Statistics;
pub use value::{Dictionary, Value};
pub use wishes::{Family, Ice, Mux, Replace, RtcpAttribute, Sdes, Tos, Transport, Wishes};
