//! Protects the packets of one party with one key.

use super::{
    Master, Refusal,
    derive::Keys,
    header::{Header, RTCP_CLEAR, rtcp_source},
    sources::Sources,
    transform::{ENCRYPTED, Packet},
};

/// RTCP packets that one key may protect (RFC 3711 §9.2).
const RTCP_LIFETIME: u64 = 1 << 31;

/// Protects RTP and RTCP, of several sources, in place. It lives as long as its key: another sender with the same key would
/// use the same keystream again. RTP may come in any order, and what comes twice is refused, for two texts under one
/// number give both away.
#[derive(Debug)]
pub struct Sender {
    master: Master,
    keys: Keys,
    sources: Sources,
    rtp: u64,
    /// Of this key, and of all keys: RFC 3711 §3.4 goes on counting after a change of keys.
    rtcp: u64,
    rtcp_index: u32,
}

impl Sender {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(master: &Master) -> Self {
        Self {
            master: master.clone(),
            keys: Keys::derive(master),
            sources: Sources::new(),
            rtp: 0,
            rtcp: 0,
            rtcp_index: 0,
        }
    }

    /// Goes on with another key, which may be of another suite; with the same key, as before. RFC 3711 §3.3.1: rollover
    /// counters go on. To a party that is known to begin them anew, make a new sender.
    pub fn rekey(&mut self, master: &Master) {
        if self.master != *master {
            (self.master, self.keys) = (master.clone(), Keys::derive(master));
            (self.rtp, self.rtcp) = (0, 0);
        }
    }

    /// Protects the RTP packet in the first `length` bytes, and says how long it is then: up to
    /// [`TRAILER_MAX`](super::TRAILER_MAX) bytes longer.
    ///
    /// # Errors
    /// For what is no RTP, was sent already, or must not be sent with this key any more. The packet is unchanged.
    pub fn protect(&mut self, bytes: &mut [u8], length: usize) -> Result<usize, Refusal> {
        let header = Header::parse(bytes.get(..length).ok_or(Refusal::NoRoom)?)?;
        if self.rtp >= self.lifetime() {
            return Err(Refusal::KeyExhausted);
        }
        let source = header.source;
        let (place, mut window) = self.sources.find(source)?;
        let index = window.nearest(header.sequence)?;
        window.check(index)?;
        let packet = Packet { clear: header.length, end: length, source, index, word: None };
        let length = self.keys.rtp.seal(bytes, &packet, self.keys.mki)?;
        window.mark(index);
        self.sources.keep(place, window);
        self.rtp += 1;
        Ok(length)
    }

    /// Protects the RTCP packet in the first `length` bytes, compound or not, and says how long it is then.
    ///
    /// # Errors
    /// As [`protect`](Self::protect), but each is sent: they have no numbers of their own.
    pub fn protect_rtcp(&mut self, bytes: &mut [u8], length: usize) -> Result<usize, Refusal> {
        let source = rtcp_source(bytes.get(..length).ok_or(Refusal::NoRoom)?)?;
        if self.rtcp >= self.lifetime().min(RTCP_LIFETIME) {
            return Err(Refusal::KeyExhausted);
        }
        let word = Some(ENCRYPTED | self.rtcp_index);
        let index = self.rtcp_index.into();
        let packet = Packet { clear: RTCP_CLEAR, end: length, source, index, word };
        let length = self.keys.rtcp.seal(bytes, &packet, self.keys.mki)?;
        self.rtcp_index = (self.rtcp_index + 1) & !ENCRYPTED;
        self.rtcp += 1;
        Ok(length)
    }

    fn lifetime(&self) -> u64 {
        // The numbers of RTP end by themselves, source by source.
        self.master.lifetime.unwrap_or(u64::MAX)
    }

    /// Puts the counters where no test could count.
    #[cfg(test)]
    pub(super) fn put(&mut self, source: u32, index: u64, rtcp: u64) {
        self.sources.put(source, index);
        self.rtcp = rtcp;
        self.rtcp_index = u32::try_from(rtcp).unwrap_or(u32::MAX) & !ENCRYPTED;
    }
}
