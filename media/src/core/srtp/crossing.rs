//! One direction of a call, from a leg with one protection to a leg with another.

use super::{Master, Receiver, Refusal, Sender};

/// What happens to the packets of one direction: made plain, protected anew, both, or nothing at all.
#[derive(Debug, Default)]
pub struct Crossing {
    from: Option<Receiver>,
    to: Option<Sender>,
}

impl Crossing {
    /// From a leg whose party sends with the key `from` (none: plain) to one where we send with the key `to` (none: plain).
    /// When the key is the same, because signaling passed it on unchanged, packets pass unchanged too: the other end checks
    /// them itself.
    #[must_use]
    pub fn new(from: Option<&Master>, to: Option<&Master>) -> Self {
        let mut crossing = Self::default();
        crossing.rekey(from, to);
        crossing
    }

    /// Goes on with other keys, or without, as after another offer and answer: a key that stays goes on as it was. A key that
    /// was given up must not come back.
    pub fn rekey(&mut self, from: Option<&Master>, to: Option<&Master>) {
        let (from, to) = if from == to { (None, None) } else { (from, to) };
        match (&mut self.from, from) {
            (Some(receiver), Some(master)) => receiver.rekey(master),
            (None, Some(master)) => self.from = Some(Receiver::new(master)),
            (_, None) => self.from = None,
        }
        match (&mut self.to, to) {
            (Some(sender), Some(master)) => sender.rekey(master),
            (None, Some(master)) => self.to = Some(Sender::new(master)),
            (_, None) => self.to = None,
        }
    }

    /// Whether packets pass as they are.
    #[must_use]
    pub fn is_through(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Takes the RTP packet in the first `length` bytes across, and says how long it is then.
    ///
    /// # Errors
    /// As [`Receiver::unprotect`] and [`Sender::protect`].
    pub fn rtp(&mut self, bytes: &mut [u8], length: usize) -> Result<usize, Refusal> {
        let length = match &mut self.from {
            Some(receiver) => receiver.unprotect(bytes.get_mut(..length).ok_or(Refusal::NoRoom)?)?,
            None => length,
        };
        self.to.as_mut().map_or(Ok(length), |sender| sender.protect(bytes, length))
    }

    /// Takes the RTCP packet in the first `length` bytes across, and says how long it is then.
    ///
    /// # Errors
    /// As [`Receiver::unprotect_rtcp`] and [`Sender::protect_rtcp`].
    pub fn rtcp(&mut self, bytes: &mut [u8], length: usize) -> Result<usize, Refusal> {
        let length = match &mut self.from {
            Some(receiver) => receiver.unprotect_rtcp(bytes.get_mut(..length).ok_or(Refusal::NoRoom)?)?,
            None => length,
        };
        self.to.as_mut().map_or(Ok(length), |sender| sender.protect_rtcp(bytes, length))
    }
}
