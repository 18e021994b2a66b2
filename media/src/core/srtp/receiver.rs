//! Checks the packets of one party, and makes them plain.

use super::{
    Master, Mki, Refusal,
    derive::Keys,
    header::{Header, RTCP_CLEAR, rtcp_source},
    sources::Sources,
    transform::{ENCRYPTED, Packet, Transform},
};
use crate::core::PACKET_MAX;

/// Takes in protected RTP and RTCP, of several sources, in place. Only what is authentic changes anything here.
///
/// A lifetime in SDP is the sender's promise; a peer that breaks it is still understood, as long as RFC 3711 §9.2 allows.
#[derive(Debug)]
pub struct Receiver {
    master: Master,
    keys: Keys,
    rtp: Sources,
    rtcp: Sources,
}

impl Receiver {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(master: &Master) -> Self {
        let keys = Keys::derive(master);
        Self { master: master.clone(), keys, rtp: Sources::new(), rtcp: Sources::new() }
    }

    /// Goes on with another key, which may be of another suite; with the same key, as before. RFC 3711 §3.3.1: rollover
    /// counters go on. From a party that begins them anew, that is understood too.
    pub fn rekey(&mut self, master: &Master) {
        if self.master != *master {
            (self.master, self.keys) = (master.clone(), Keys::derive(master));
            self.rtp.forget();
            self.rtcp.forget();
        }
    }

    /// Makes an RTP packet plain, and says how long it is then.
    ///
    /// # Errors
    /// For what is no RTP, is forged, or came before. The packet is worth nothing then.
    pub fn unprotect(&mut self, bytes: &mut [u8]) -> Result<usize, Refusal> {
        let Self { keys: Keys { rtp: transform, mki, .. }, .. } = self;
        let header = Header::parse(bytes)?;
        let end = bytes.len().checked_sub(transform.trailer_bytes(false, *mki));
        let end = end.filter(|end| *end >= header.length).ok_or(Refusal::TooShort)?;
        let source = header.source;
        let (place, mut window) = self.rtp.find(source)?;
        let index = window.nearest(header.sequence)?;
        window.check(index)?;
        let packet = Packet { clear: header.length, end, source, index, word: None };
        if !transform.is_of_key(bytes, &packet, *mki) {
            return Err(Refusal::UnknownKey);
        }
        let other = window.otherwise(header.sequence);
        let index = open_either(transform, bytes, packet, other, *mki)?;
        window.mark(index);
        self.rtp.keep(place, window);
        Ok(end)
    }

    /// Makes an RTCP packet plain, encrypted or only authenticated, and says how long it is then.
    ///
    /// # Errors
    /// As [`unprotect`](Self::unprotect).
    pub fn unprotect_rtcp(&mut self, bytes: &mut [u8]) -> Result<usize, Refusal> {
        let Self { keys: Keys { rtcp: transform, mki, .. }, .. } = self;
        let source = rtcp_source(bytes)?;
        let end = bytes.len().checked_sub(transform.trailer_bytes(true, *mki));
        let end = end.filter(|end| *end >= RTCP_CLEAR).ok_or(Refusal::TooShort)?;
        let word = transform.word(bytes, end, *mki);
        let index = u64::from(word & !ENCRYPTED);
        let (place, mut window) = self.rtcp.find(source)?;
        window.check(index)?;
        let packet = Packet { clear: RTCP_CLEAR, end, source, index, word: Some(word) };
        if !transform.is_of_key(bytes, &packet, *mki) {
            return Err(Refusal::UnknownKey);
        }
        transform.open(bytes, &packet, *mki)?;
        window.mark(index);
        self.rtcp.keep(place, window);
        Ok(end)
    }

    /// Puts a source at a number that no test could reach.
    #[cfg(test)]
    pub(super) fn put(&mut self, source: u32, index: u64) {
        self.rtp.put(source, index);
    }
}

/// Opens a packet by its number or, when there is another that it may have, by that one: by which.
fn open_either(
    transform: &Transform,
    bytes: &mut [u8],
    packet: Packet,
    other: Option<u64>,
    mki: Option<Mki>,
) -> Result<u64, Refusal> {
    let mut room = [0; PACKET_MAX];
    let Some((index, spare)) = other.zip(room.get_mut(..bytes.len())) else {
        return transform.open(bytes, &packet, mki).map(|()| packet.index);
    };
    spare.copy_from_slice(bytes);
    if transform.open(bytes, &packet, mki).is_ok() {
        return Ok(packet.index);
    }
    // GCM has destroyed the text.
    bytes.copy_from_slice(spare);
    transform.open(bytes, &Packet { index, ..packet }, mki).map(|()| index)
}
