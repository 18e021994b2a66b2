//! Opens frames. Each worker has one opener, for the frames that come to its port.

use super::{
    count::{LaneCount, Received},
    derive::FrameKey,
    frame::{Frame, HEADER_BYTES, Header, TAG_BYTES},
    refusal::Refusal,
    table::Table,
    window::Look,
};
use crate::core::{Lane, PACKET_MAX, RelayId};
use aws_lc_rs::aead::{Aad, Nonce};
use ringway_router::{LANES_MAX, Time};
use std::{ops::Range, sync::Arc};

/// See the module. What it keeps is bounded by the roster: a window for each lane of each worker of each relay.
#[derive(Debug)]
pub struct Opener {
    port: u8,
    table: Arc<Table>,
    senders: Vec<Sender>,
    used: Box<[Time; 256]>,
}

/// The lanes of one relay.
#[derive(Debug, Default)]
struct Sender {
    id: Option<RelayId>,
    generation: u64,
    lanes: Vec<LaneCount>,
}

/// A frame under a good seal, whose turn is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'a> {
    /// Who sealed it: its origin, or the relay before us.
    pub from: RelayId,
    /// On which lane of the link, from 0 for each worker.
    pub lane: Lane,
    /// What it is.
    pub frame: Frame<'a>,
    /// The same, as it came.
    pub(super) body: &'a [u8],
}

impl Opened<'_> {
    /// Where the end of the frame stands in the datagram that was opened: its last `length` bytes. Behind it there is room,
    /// where the seal was.
    #[must_use]
    pub fn place_of_last(&self, length: usize) -> Range<usize> {
        let end = HEADER_BYTES + self.body.len();
        end.saturating_sub(length)..end
    }
}

impl Opener {
    /// For the frames that come to this port, one of our own: 0 for the first worker.
    #[must_use]
    pub fn new(port: u8, table: Arc<Table>) -> Self {
        let mut opener = Self {
            port,
            table: Arc::clone(&table),
            senders: Vec::new(),
            used: Box::new([Time::from_micros(0); 256]),
        };
        opener.adopt(table);
        opener
    }

    /// Takes over new keys and relays. What was seen of a relay stays seen as long as its sender key is the same.
    pub fn adopt(&mut self, table: Arc<Table>) {
        self.senders.resize_with(table.slots.len(), Sender::default);
        for (sender, slot) in self.senders.iter_mut().zip(&table.slots) {
            let Some(slot) = slot else {
                *sender = Sender::default();
                continue;
            };
            if sender.id != Some(slot.id) {
                *sender = Sender { id: Some(slot.id), generation: slot.generation, lanes: Vec::new() };
            }
            if sender.generation != slot.generation {
                sender.generation = slot.generation;
                sender.lanes.iter_mut().for_each(LaneCount::restart);
            }
            // Fewer ports with the same key would be odd; their windows stay all the same.
            let lanes = (slot.ports.len() * LANES_MAX).max(sender.lanes.len());
            sender.lanes.resize(lanes, LaneCount::EMPTY);
        }
        self.table = table;
    }

    /// Opens a datagram in place. Whatever is refused leaves no trace but the bytes, which are worth nothing then.
    ///
    /// # Errors
    /// For everything but a frame that was not seen before, under a good seal, whose next hop we are.
    #[inline]
    pub fn open<'a>(&mut self, now: Time, datagram: &'a mut [u8]) -> Result<Opened<'a>, Refusal> {
        let header = Header::parse(datagram)?;
        if !(LENGTH_MIN..=PACKET_MAX).contains(&datagram.len()) {
            return Err(Refusal::Length);
        }
        if header.port != self.port {
            return Err(Refusal::Port);
        }
        let (place, slot) = self.table.place(header.sender).ok_or(Refusal::Stranger)?;
        let lane =
            self.senders.get_mut(place).and_then(|sender| sender.lanes.get_mut(usize::from(header.lane)));
        let lane = lane.ok_or(Refusal::Lane)?;
        // Before the seal is tried: a replay costs little.
        match lane.window.look(header.counter) {
            Look::Fresh => {}
            Look::Seen => return Err(Refusal::Replayed),
            Look::Behind => return Err(Refusal::Old),
        }
        let key = slot.opening(header.key).ok_or(Refusal::Key)?;
        let body = unseal(key, header, datagram)?;
        lane.take(now, header.counter);
        self.used[usize::from(header.key)] = now;
        let frame = Frame::parse(body)?;
        check_turn(self.table.own, header.sender, &frame)?;
        Ok(Opened { from: header.sender, lane: link_lane(header.lane), frame, body })
    }

    /// When each receiving key was last used, for [`super::Keys::used`].
    pub fn used(&self) -> impl Iterator<Item = (u8, Time)> {
        let used = (0..=u8::MAX).zip(self.used.iter().copied());
        used.filter(|(_, at)| *at != Time::from_micros(0))
    }

    /// What came since the last time, for each lane of a link, over all workers of the sender.
    pub fn take(&mut self, now: Time) -> Vec<Received> {
        let mut all = Vec::new();
        for sender in &mut self.senders {
            let Some(relay) = sender.id else { continue };
            let mut links: [Received; LANES_MAX] = std::array::from_fn(|lane| {
                let lane = Lane(u8::try_from(lane).unwrap_or(u8::MAX));
                Received { relay, lane, received: 0, lost: 0, gaps: 0 }
            });
            for (lane, count) in sender.lanes.iter_mut().enumerate() {
                let (tally, link) = (count.drain(now), &mut links[lane % LANES_MAX]);
                link.received += tally.received;
                link.lost += tally.lost;
                link.gaps += tally.gaps;
            }
            all.extend(links.into_iter().filter(|link| link.received + link.lost > 0));
        }
        all
    }
}

const LENGTH_MIN: usize = HEADER_BYTES + Frame::BYTES_MIN + TAG_BYTES;

/// Lanes of a frame are numbered over all workers of its sender, eight each.
fn link_lane(lane: u8) -> Lane {
    Lane(lane % LANES)
}

#[expect(clippy::cast_possible_truncation, reason = "eight")]
const LANES: u8 = LANES_MAX as u8;

fn unseal<'a>(key: &FrameKey, header: Header, datagram: &'a mut [u8]) -> Result<&'a [u8], Refusal> {
    let (head, sealed) = datagram.split_first_chunk_mut::<HEADER_BYTES>().ok_or(Refusal::Length)?;
    let nonce = Nonce::assume_unique_for_key(header.nonce());
    let body = key.0.open_in_place(nonce, Aad::from(&*head), sealed).map_err(|_| Refusal::Forged)?;
    Ok(body)
}

/// A frame goes along its list: from its origin to the first, from each to the next, and to nobody else.
fn check_turn(own: RelayId, sender: RelayId, frame: &Frame<'_>) -> Result<(), Refusal> {
    if frame.origin == own {
        return Err(Refusal::Looped);
    }
    let turn = frame.hops.next() == own && frame.hops.previous().unwrap_or(frame.origin) == sender;
    if turn { Ok(()) } else { Err(Refusal::Turn) }
}
