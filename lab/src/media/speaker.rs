//! The speaking half of a leg: a packet every 20 ms, and the log of when each of them left.

use super::{
    Micros, PACKET_BYTES, PACKET_TICKS, PACKET_US, PAYLOAD_TYPE, TICK_US, mark::Mark, rtcp::Sent, rtp::Packet,
};

/// A speaker that was kept from its work for longer does not send what it missed, as no phone would: it begins anew.
const LATE_MAX: Micros = 100_000;

#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) ssrc: u32,
    pub(super) token: u32,
    first_sequence: u16,
    first_timestamp: u32,
    /// When the first packet was due.
    origin: Option<Micros>,
    /// None: silent.
    due: Option<Micros>,
    /// The timestamp of the last packet, counted from the first.
    ticks: u32,
    /// The next packet is the first after a silence: RFC 3551 §4.1.
    fresh: bool,
    /// When packet *n* left.
    sent: Vec<Micros>,
}

impl Speaker {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Self {
        Self {
            ssrc: rng.u32(..),
            token: rng.u32(..),
            first_sequence: rng.u16(..),
            first_timestamp: rng.u32(..),
            origin: None,
            due: None,
            ticks: 0,
            fresh: true,
            sent: Vec::new(),
        }
    }

    /// Speaks from now on, or falls silent.
    pub(super) fn speak(&mut self, now: Micros, speaking: bool) {
        if !speaking {
            self.due = None;
        } else if self.due.is_none() {
            self.origin.get_or_insert(now);
            (self.due, self.fresh) = (Some(now), true);
        }
    }

    pub(super) fn due(&self) -> Option<Micros> {
        self.due
    }

    /// The packet that is due, if one is.
    pub(super) fn packet(&mut self, now: Micros) -> Option<Vec<u8>> {
        let mut due = self.due.filter(|due| now >= *due)?;
        if now - due > LATE_MAX {
            (due, self.fresh) = (now, true);
        }
        let origin = *self.origin.get_or_insert(due);
        let number = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        // The clock of a stream is 32 bits wide and wraps around.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "RFC 3550 §5.1: modulo 2^32, and sequences modulo 2^16"
        )]
        let (ticks, step) = (((due - origin) / TICK_US) as u32, number as u16);
        let mark = Mark { token: self.token, number, ticks, sent: now };
        let packet = Packet {
            marker: std::mem::take(&mut self.fresh),
            payload_type: PAYLOAD_TYPE,
            sequence: self.first_sequence.wrapping_add(step),
            timestamp: self.first_timestamp.wrapping_add(ticks),
            ssrc: self.ssrc,
            payload: &mark.payload(),
        };
        self.ticks = ticks;
        self.sent.push(now);
        self.due = Some(due + PACKET_US);
        Some(packet.print())
    }

    /// When each packet left, by its number.
    pub(super) fn sent(&self) -> &[Micros] {
        &self.sent
    }

    /// For the sender report; None from who has never spoken.
    pub(super) fn account(&self, now: Micros) -> Option<Sent> {
        let last = *self.sent.last()?;
        #[expect(clippy::cast_possible_truncation, reason = "the clock of a stream wraps around")]
        let since = (now.saturating_sub(last) / TICK_US) as u32;
        let packets = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        let timestamp = self.first_timestamp.wrapping_add(self.ticks).wrapping_add(since);
        let bytes = packets.saturating_mul(u32::try_from(PACKET_BYTES).unwrap_or(PACKET_TICKS));
        Some(Sent { timestamp, packets, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Spoken {
        at: Micros,
        marker: bool,
        sequence: u16,
        timestamp: u32,
        mark: Mark,
    }

    /// Everything up to `end`, asked for whenever it is due.
    fn listen(speaker: &mut Speaker, end: Micros) -> Vec<Spoken> {
        let mut all = vec![];
        while let Some(at) = speaker.due().filter(|due| *due <= end) {
            let bytes = speaker.packet(at).unwrap();
            let Packet { marker, sequence, timestamp, payload, .. } = Packet::parse(&bytes).unwrap();
            all.push(Spoken { at, marker, sequence, timestamp, mark: Mark::read(payload).unwrap() });
        }
        all
    }

    #[test]
    fn a_packet_every_20_ms_with_one_number_and_160_ticks_more() {
        let mut speaker = Speaker::new(&mut fastrand::Rng::with_seed(1));
        assert_eq!(speaker.packet(0), None, "silent until told to speak");
        speaker.speak(1_000, true);
        let all = listen(&mut speaker, 1_000_000);
        assert_eq!((all.len(), all[49].at), (50, 981_000));
        for (n, pair) in all.windows(2).enumerate() {
            assert_eq!(pair[1].at - pair[0].at, PACKET_US);
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(PACKET_TICKS));
            assert_eq!((pair[0].marker, pair[0].mark.number as usize), (n == 0, n));
            assert_eq!((pair[0].mark.sent, pair[0].mark.ticks as usize), (pair[0].at, n * 160));
        }
    }

    #[test]
    fn after_a_hold_the_clock_has_gone_on_and_the_sequence_has_not() {
        let mut speaker = Speaker::new(&mut fastrand::Rng::with_seed(1));
        speaker.speak(0, true);
        let before = listen(&mut speaker, 90_000).pop().unwrap();
        speaker.speak(90_000, false);
        assert_eq!((speaker.due(), speaker.packet(500_000)), (None, None));
        speaker.speak(1_000_000, true);
        let after = listen(&mut speaker, 1_000_000).pop().unwrap();
        assert!(after.marker);
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), (1_000_000 - 80_000) / 125);
    }

    #[test]
    fn a_little_late_is_caught_up_and_much_too_late_is_not() {
        let mut speaker = Speaker::new(&mut fastrand::Rng::with_seed(1));
        speaker.speak(0, true);
        let burst = |speaker: &mut Speaker, now| std::iter::from_fn(|| speaker.packet(now)).count();
        assert_eq!(burst(&mut speaker, 0), 1);
        assert_eq!(burst(&mut speaker, 60_000), 3);
        assert_eq!(burst(&mut speaker, 1_000_000), 1);
        assert_eq!(speaker.due(), Some(1_020_000));
        assert_eq!(
            speaker.account(1_000_125).unwrap().timestamp,
            speaker.first_timestamp.wrapping_add(8_001)
        );
    }
}
