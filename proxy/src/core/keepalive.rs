//! RFC 6223: an edge element says by `;keep` in its Via that it would send keepalives, and is told how often.

use super::{decide::Source, site::Site};
use memchr::memmem;
use ringway_sip::{Limits, Message, Name, Peer, Transport};
use std::{fmt::Write as _, time::Duration};

/// Over datagrams, for the sake of address translators (RFC 5626 §4.4.2: 24 to 29 s; the sender takes a little off).
const DATAGRAM_S: u64 = 29;
/// Over streams (RFC 5626 §4.4.1: 95 to 120 s), unless an idle connection is closed before that.
const STREAM_S: u64 = 120;

/// The request with a value to the `keep` of its topmost Via. RFC 6223 §4.4 puts it there in the responses; those have the
/// Vias that the request leaves us with. `None`: nothing was asked for, or not by a neighbor of ours at the edge.
pub(super) fn grant(request: &Message, from: Peer, source: Source, site: &Site) -> Option<Message> {
    // Hardly any Via has the parameter.
    if source != Source::Edge || !request.is_request() || memmem::find(request.raw(), b"keep").is_none() {
        return None;
    }
    let via = request.via();
    // With a value it is not a question.
    if via.param("keep") != Some(None) {
        return None;
    }
    let written = request.values(Name::Via).next()?;
    let mut granted = written[..written.len() - via.params.as_str().len()].to_owned();
    for param in via.params.iter() {
        // Writing to a String cannot fail.
        let _ = match param.value {
            Some(value) => write!(granted, ";{}={value}", param.name),
            None if param.name.eq_ignore_ascii_case("keep") => {
                write!(granted, ";keep={}", seconds(from.transport, site.idle))
            }
            None => write!(granted, ";{}", param.name),
        };
    }
    let mut edit = request.edit();
    edit.pop_first(Name::Via);
    edit.push_first(Name::Via, &granted);
    // The limits were met when it came.
    Message::parse(edit.finish(), &Limits::NONE).ok()
}

fn seconds(transport: Transport, idle: Duration) -> u64 {
    match transport {
        Transport::Udp => DATAGRAM_S,
        Transport::Tcp | Transport::Tls => STREAM_S.min(idle.as_secs() / 2).max(1),
    }
}
