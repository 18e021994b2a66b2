//! The form of a frame: a clear header, and a body that is sealed.
//!
//! ```text
//! header   version 1 · key id 1 · lane 1 · port 1 · sender 4 · counter 8
//! body     kind 1 · hops 1 (how many, which is next) · port of the destination 1 · port of the origin 1
//!          · hop 4 each · origin 4, then
//!          RTP, RTCP   path and lane 2 · sequence 4 · stream 4 · number 4 · packet
//!          report      path and lane 2 · highest 4 · received 4 · echo 4 · held µs 4 · flags 1
//!          probe       path and lane 2 · sequence 4
//! tag 16
//! ```
//! Numbers are big-endian. A frame has one form only: what parses, prints to the same bytes.

use super::Refusal;
use crate::core::{
    PACKET_MAX, RelayId, StreamId,
    steer::{Flags, PathNumber, Pick, Report},
};

/// The first byte: version 1 of the form, AES-128-GCM.
const VERSION: u8 = 0x11;
/// Length of the clear header.
pub const HEADER_BYTES: usize = 16;
/// Length of the seal at the end.
pub const TAG_BYTES: usize = 16;
/// The most relays that a frame visits, the destination among them.
pub const HOPS_MAX: usize = 3;
/// The longest RTP or RTCP packet that a frame carries, whatever its path.
pub const PAYLOAD_MAX: usize = PACKET_MAX - HEADER_BYTES - TAG_BYTES - HEAD_MAX - PLACE_BYTES;

/// Kind, hops, ports.
const FIXED_BYTES: usize = 4;
const ID_BYTES: usize = 4;
/// What all kinds begin with, at the most.
const HEAD_MAX: usize = FIXED_BYTES + ID_BYTES * (HOPS_MAX + 1);
const PLACE_BYTES: usize = 14;
const REPORT_BYTES: usize = 19;
const PROBE_BYTES: usize = 6;

const RTP: u8 = 0;
const RTCP: u8 = 1;
const REPORT: u8 = 2;
const PROBE: u8 = 3;

/// What stands in the clear, and under the seal all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which receiving key of the receiver it is sealed for.
    pub key: u8,
    /// From which lane of the sender: eight for each of its workers.
    pub lane: u8,
    /// For which port of the receiver, one a worker.
    pub port: u8,
    /// Who sealed it.
    pub sender: RelayId,
    /// How many frames the sender sealed before on this lane, for this port.
    pub counter: u64,
}

impl Header {
    /// From the wire.
    ///
    /// # Errors
    /// When it is cut off, or of another version.
    pub fn parse(packet: &[u8]) -> Result<Self, Refusal> {
        let (head, _) = packet.split_first_chunk::<HEADER_BYTES>().ok_or(Refusal::Length)?;
        let [version, key, lane, port, a, b, c, d, counter @ ..] = *head;
        if version != VERSION {
            return Err(Refusal::Version);
        }
        let sender = RelayId(u32::from_be_bytes([a, b, c, d]));
        Ok(Self { key, lane, port, sender, counter: u64::from_be_bytes(counter) })
    }

    /// On the wire.
    #[must_use]
    pub fn write(&self) -> [u8; HEADER_BYTES] {
        let mut head = [VERSION, self.key, self.lane, self.port, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        head[4..8].copy_from_slice(&self.sender.0.to_be_bytes());
        head[8..].copy_from_slice(&self.counter.to_be_bytes());
        head
    }

    /// What is never used twice with one key.
    pub(super) fn nonce(&self) -> [u8; 12] {
        let mut nonce = [self.lane, self.port, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        nonce[4..].copy_from_slice(&self.counter.to_be_bytes());
        nonce
    }
}

/// The relays that a frame still visits and has visited, one to three, none of them twice. The last is the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hops {
    relays: [RelayId; HOPS_MAX],
    count: u8,
    next: u8,
}

impl Hops {
    /// All still to be visited. `None`: none, too many, or one twice.
    #[must_use]
    pub fn new(relays: &[RelayId]) -> Option<Self> {
        let mut hops = Self { relays: [RelayId(0); HOPS_MAX], count: 0, next: 0 };
        hops.relays.get_mut(..relays.len())?.copy_from_slice(relays);
        hops.count = u8::try_from(relays.len()).ok()?;
        (hops.count > 0 && hops.is_free_of_loops()).then_some(hops)
    }

    /// In order, the destination last.
    #[must_use]
    pub fn relays(&self) -> &[RelayId] {
        &self.relays[..usize::from(self.count)]
    }

    /// Whose turn it is.
    #[must_use]
    pub fn next(&self) -> RelayId {
        self.relays[usize::from(self.next)]
    }

    /// Who had it before; `None`: its origin.
    #[must_use]
    pub fn previous(&self) -> Option<RelayId> {
        self.next.checked_sub(1).map(|before| self.relays[usize::from(before)])
    }

    /// Where it ends.
    #[must_use]
    pub fn destination(&self) -> RelayId {
        self.relays[usize::from(self.count) - 1]
    }

    /// Whether the one whose turn it is, is the destination.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.next + 1 == self.count
    }

    /// One step on; `None` at the destination.
    #[must_use]
    pub fn step(&self) -> Option<Self> {
        (!self.is_last()).then(|| Self { next: self.next + 1, ..*self })
    }

    /// The same relays the other way round, to the origin; from the destination's side.
    #[must_use]
    pub fn back_to(&self, origin: RelayId) -> Self {
        let mut back = *self;
        let before = back.relays().len() - 1;
        back.relays[..before].reverse();
        back.relays[before] = origin;
        back.next = 0;
        back
    }

    fn is_free_of_loops(&self) -> bool {
        let relays = self.relays();
        (1..relays.len()).all(|at| !relays[..at].contains(&relays[at]))
    }

    fn byte(&self) -> u8 {
        self.count << 4 | self.next
    }
}

/// Where a packet stands: on its path, and in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The path, and the sequence on it.
    pub pick: Pick,
    /// Which stream.
    pub stream: StreamId,
    /// Counts the packets of the stream, RTP and RTCP each for itself. Copies have the same.
    pub number: u32,
}

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// An RTP packet.
    Rtp(Place, &'a [u8]),
    /// An RTCP packet.
    Rtcp(Place, &'a [u8]),
    /// What a path did.
    Report(Report),
    /// Asks for a report where nothing else would.
    Probe(Pick),
}

/// A frame, opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The way.
    pub hops: Hops,
    /// The port of the destination, one a worker.
    pub port: u8,
    /// Where it comes from. Not among the hops.
    pub origin: RelayId,
    /// The port there, one a worker: for what is said in return.
    pub origin_port: u8,
    /// What it is for.
    pub body: Body<'a>,
}

impl<'a> Frame<'a> {
    /// The body of a frame, as it was before it was sealed.
    ///
    /// # Errors
    /// For all that is none, and for a way with a loop.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let (&[kind, hops, port, origin_port], mut rest) =
            bytes.split_first_chunk().ok_or(Refusal::Malformed)?;
        let (count, next) = (hops >> 4, hops & 0x0f);
        if count == 0 || usize::from(count) > HOPS_MAX || next >= count {
            return Err(Refusal::Malformed);
        }
        let mut hops = Hops { relays: [RelayId(0); HOPS_MAX], count, next };
        for relay in &mut hops.relays[..usize::from(count)] {
            *relay = RelayId(word(&mut rest)?);
        }
        let origin = RelayId(word(&mut rest)?);
        if !hops.is_free_of_loops() || hops.relays().contains(&origin) {
            return Err(Refusal::Looped);
        }
        let body = match kind {
            RTP | RTCP => {
                let place = Place {
                    pick: pick(&mut rest)?,
                    stream: StreamId(word(&mut rest)?),
                    number: word(&mut rest)?,
                };
                let packet = std::mem::take(&mut rest);
                match (packet.is_empty(), kind) {
                    (true, _) => return Err(Refusal::Malformed),
                    (false, RTP) => Body::Rtp(place, packet),
                    (false, _) => Body::Rtcp(place, packet),
                }
            }
            REPORT => Body::Report(Report {
                number: PathNumber(half(&mut rest)?),
                highest: word(&mut rest)?,
                received: word(&mut rest)?,
                echo: word(&mut rest)?,
                held_us: word(&mut rest)?,
                flags: Flags(take::<1>(&mut rest)?[0]),
            }),
            PROBE => Body::Probe(pick(&mut rest)?),
            _ => return Err(Refusal::Malformed),
        };
        if rest.is_empty() {
            Ok(Self { hops, port, origin, origin_port, body })
        } else {
            Err(Refusal::Malformed)
        }
    }

    /// Into the front of a buffer; how many bytes it took. `None`: there is not room for it.
    #[must_use]
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let mut out = Pen { out, at: 0 };
        let kind = match self.body {
            Body::Rtp(..) => RTP,
            Body::Rtcp(..) => RTCP,
            Body::Report(_) => REPORT,
            Body::Probe(_) => PROBE,
        };
        out.put(&[kind, self.hops.byte(), self.port, self.origin_port])?;
        for relay in self.hops.relays() {
            out.put(&relay.0.to_be_bytes())?;
        }
        out.put(&self.origin.0.to_be_bytes())?;
        match &self.body {
            Body::Rtp(place, packet) | Body::Rtcp(place, packet) => {
                let mut head = [0; PLACE_BYTES];
                head[..2].copy_from_slice(&place.pick.number.0.to_be_bytes());
                head[2..6].copy_from_slice(&place.pick.sequence.to_be_bytes());
                head[6..10].copy_from_slice(&place.stream.0.to_be_bytes());
                head[10..].copy_from_slice(&place.number.to_be_bytes());
                out.put(&head)?;
                out.put(packet)?;
            }
            Body::Report(report) => {
                let mut text = [0; REPORT_BYTES];
                text[..2].copy_from_slice(&report.number.0.to_be_bytes());
                text[2..6].copy_from_slice(&report.highest.to_be_bytes());
                text[6..10].copy_from_slice(&report.received.to_be_bytes());
                text[10..14].copy_from_slice(&report.echo.to_be_bytes());
                text[14..18].copy_from_slice(&report.held_us.to_be_bytes());
                text[18] = report.flags.0;
                out.put(&text)?;
            }
            Body::Probe(probe) => {
                let mut text = [0; PROBE_BYTES];
                text[..2].copy_from_slice(&probe.number.0.to_be_bytes());
                text[2..].copy_from_slice(&probe.sequence.to_be_bytes());
                out.put(&text)?;
            }
        }
        Some(out.at)
    }

    /// The shortest body there is: a probe, straight to the destination.
    pub(super) const BYTES_MIN: usize = FIXED_BYTES + 2 * ID_BYTES + PROBE_BYTES;

    /// Moves the printed body of a frame one hop on. The hops stand in its second byte.
    pub(super) fn step_printed(bytes: &mut [u8], hops: &Hops) {
        bytes[1] = hops.byte();
    }
}

struct Pen<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Pen<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.out.get_mut(self.at..self.at + bytes.len())?.copy_from_slice(bytes);
        self.at += bytes.len();
        Some(())
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refusal> {
    let (taken, behind) = rest.split_first_chunk().ok_or(Refusal::Malformed)?;
    *rest = behind;
    Ok(*taken)
}

fn pick(rest: &mut &[u8]) -> Result<Pick, Refusal> {
    Ok(Pick { number: PathNumber(half(rest)?), sequence: word(rest)? })
}

fn half(rest: &mut &[u8]) -> Result<u16, Refusal> {
    take(rest).map(u16::from_be_bytes)
}

fn word(rest: &mut &[u8]) -> Result<u32, Refusal> {
    take(rest).map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests;
