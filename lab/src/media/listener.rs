//! The listening half of a leg: the log of what was heard and when, by the marks; and the statistics of RFC 3550, by the
//! RTP header alone, for the receiver reports.

use super::{
    Micros, PACKET_TICKS, PAYLOAD_TYPE, TICK_US,
    mark::Mark,
    rtcp::{Block, ntp_middle},
    rtp::Packet,
    stream::Breaks,
};

/// Over five hours of voice: a number beyond that is no number of ours.
const NUMBER_MAX: u32 = 1_000_000;

/// A packet that was heard for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) number: u32,
    pub(super) sent: Micros,
    pub(super) at: Micros,
}

#[derive(Debug, Default)]
pub(super) struct Listener {
    /// Whose voice it is; the first one heard.
    pub(super) token: Option<u32>,
    /// In the order of their arrival.
    heard: Vec<Arrival>,
    seen: Vec<u64>,
    highest: Option<u32>,
    pub(super) duplicated: u32,
    /// Overtaken by a later one.
    pub(super) reordered: u32,
    /// No RTP, another payload type, no mark, another tone, another voice.
    pub(super) wrong: u32,
    pub(super) breaks: Breaks,
    frame: Option<Frame>,
    count: Count,
}

/// The last packet in order: what the next one must continue.
#[derive(Clone, Copy, Debug)]
struct Frame {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    number: u32,
    ticks: u32,
}

/// RFC 3550 §6.4.1 and appendix A.
#[derive(Debug, Default)]
struct Count {
    ssrc: u32,
    base: u32,
    highest: u32,
    received: u32,
    jitter: f64,
    transit: Option<i64>,
    expected_before: u32,
    received_before: u32,
    /// Of the last sender report: the middle of its NTP time, and when it came.
    report: Option<(u32, Micros)>,
}

impl Listener {
    pub(super) fn packet(&mut self, now: Micros, datagram: &[u8]) {
        let packet = Packet::parse(datagram).filter(|packet| packet.payload_type == PAYLOAD_TYPE);
        let mark = packet.as_ref().and_then(|packet| Mark::read(packet.payload));
        let known =
            |mark: &Mark| mark.number < NUMBER_MAX && self.token.is_none_or(|token| token == mark.token);
        let Some((packet, mark)) = packet.zip(mark.filter(known)) else {
            self.wrong += 1;
            return;
        };
        self.token = Some(mark.token);
        self.count.packet(now, &packet);
        self.follow(&packet, &mark);
        if self.has(mark.number) {
            self.duplicated += 1;
            return;
        }
        self.reordered += u32::from(self.highest.is_some_and(|highest| mark.number < highest));
        self.highest = self.highest.max(Some(mark.number));
        self.mark_seen(mark.number);
        // Two clocks were read to say when it came; a microsecond between them must not turn two arrivals around.
        let at = self.heard.last().map_or(now, |last| last.at.max(now));
        self.heard.push(Arrival { number: mark.number, sent: mark.sent, at });
    }

    pub(super) fn sender_report(&mut self, now: Micros, ntp_middle: u32) {
        self.count.report = Some((ntp_middle, now));
    }

    /// First arrivals in their order.
    pub(super) fn heard(&self) -> &[Arrival] {
        &self.heard
    }

    /// Whether packet `number` was heard.
    pub(super) fn has(&self, number: u32) -> bool {
        self.seen.get(number as usize / 64).is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }

    /// For the receiver report; None from who has never heard a thing.
    pub(super) fn account(&mut self, now: Micros) -> Option<Block> {
        (self.count.received > 0).then(|| self.count.block(now))
    }

    pub(super) fn jitter_ms(&self) -> f64 {
        self.count.jitter * TICK_US as f64 / 1_000.0
    }

    fn mark_seen(&mut self, number: u32) {
        let word = number as usize / 64;
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        self.seen[word] |= 1 << (number % 64);
    }

    /// Whether the RTP header goes on where it was: what a relay does to it must not show.
    fn follow(&mut self, packet: &Packet, mark: &Mark) {
        let Packet { ssrc, sequence, timestamp, .. } = *packet;
        let next = Frame { ssrc, sequence, timestamp, number: mark.number, ticks: mark.ticks };
        let Some(last) = self.frame.replace(next) else { return };
        let [numbers, ticks] = [mark.number.wrapping_sub(last.number), mark.ticks.wrapping_sub(last.ticks)];
        #[expect(clippy::cast_possible_truncation, reason = "sequences count modulo 2^16")]
        let due = last.sequence.wrapping_add(numbers as u16);
        self.breaks.ssrc += u32::from(ssrc != last.ssrc);
        self.breaks.sequence += u32::from(sequence != due);
        self.breaks.timestamp += u32::from(timestamp != last.timestamp.wrapping_add(ticks));
    }
}

impl Count {
    fn packet(&mut self, now: Micros, packet: &Packet) {
        if self.received == 0 || self.ssrc != packet.ssrc {
            let start = u32::from(packet.sequence);
            let report = self.report;
            *self = Self { ssrc: packet.ssrc, base: start, highest: start, report, ..Self::default() };
        }
        self.received += 1;
        #[expect(clippy::cast_possible_truncation, reason = "the low half of the extended number")]
        let ahead = packet.sequence.wrapping_sub(self.highest as u16);
        if ahead < 0x8000 {
            self.highest = self.highest.wrapping_add(ahead.into());
        }
        // Appendix A.8, in ticks; the transit time's origin does not matter.
        let arrival = i64::try_from(now / TICK_US).unwrap_or(i64::MAX);
        let transit = arrival - i64::from(packet.timestamp);
        if let Some(last) = self.transit.replace(transit) {
            let step = (transit - last).unsigned_abs() as f64;
            // A timestamp that wrapped around, or a silence, is no jitter.
            if step < f64::from(PACKET_TICKS) * 50.0 {
                self.jitter += (step - self.jitter) / 16.0;
            }
        }
    }

    fn block(&mut self, now: Micros) -> Block {
        let expected = self.highest.wrapping_sub(self.base).wrapping_add(1);
        let new = expected.wrapping_sub(self.expected_before);
        let lost = new.saturating_sub(self.received - self.received_before);
        let fraction = (lost * 256).checked_div(new).unwrap_or_default();
        (self.expected_before, self.received_before) = (expected, self.received);
        let since = self.report.map(|(_, at)| ntp_middle(now.saturating_sub(at)));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of ticks"
        )]
        let jitter = self.jitter as u32;
        Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: expected.saturating_sub(self.received),
            highest: self.highest,
            jitter,
            last_report: self.report.map_or(0, |(ntp, _)| ntp),
            since_last_report: since.unwrap_or_default(),
        }
    }
}
