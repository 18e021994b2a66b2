//! The receiving side: what is heard of each origin, and which packets were here already.

use super::{
    dedup::{Dedup, Fate},
    exit::{End, Exit},
};
use crate::core::{
    RelayId, StreamId,
    steer::{Ears, PathId, SendReport},
    tunnel::{Body, Frame, Hops, Place, Refusal, Refusals, Spread},
};
use ringway_router::Time;
use std::{collections::HashMap, hash::BuildHasherDefault, time::Duration};

/// Streams that come in.
const STREAMS_MAX: usize = 65_536;
/// Paths of one origin whose way back is remembered: as many as its ears have numbers.
const WAYS_MAX: usize = 64;
/// An origin that is not heard for so long is forgotten, and so is a stream: no copy is under way any more.
const ORIGIN_IDLE: Duration = Duration::from_secs(60);
const STREAM_IDLE: Duration = Duration::from_secs(30);

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Egress {
    origins: Map<End, Origin>,
    streams: Map<(RelayId, StreamId), Stream>,
}

/// One worker of a relay that sends to us.
#[derive(Debug)]
struct Origin {
    ears: Ears,
    ways: Vec<WayBack>,
    heard: Time,
}

#[derive(Debug)]
struct WayBack {
    path: PathId,
    hops: Hops,
    heard: Time,
}

#[derive(Debug)]
struct Stream {
    rtp: Dedup,
    rtcp: Dedup,
    heard: Time,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Deliver,
    Drop(Fate),
    /// Too many streams.
    Crowded,
}

impl Egress {
    /// A packet came.
    pub(super) fn arrived(&mut self, now: Time, frame: &Frame<'_>, place: Place, rtcp: bool) -> Verdict {
        let origin = self.origin(now, frame, place.pick.path());
        origin.ears.arrived(now, place.pick.number, place.pick.sequence);
        let key = (frame.origin, place.stream);
        if !self.streams.contains_key(&key) {
            if self.streams.len() >= STREAMS_MAX {
                return Verdict::Crowded;
            }
            self.streams.insert(key, Stream { rtp: Dedup::NEW, rtcp: Dedup::NEW, heard: now });
        }
        let Some(stream) = self.streams.get_mut(&key) else { return Verdict::Crowded };
        stream.heard = now;
        let dedup = if rtcp { &mut stream.rtcp } else { &mut stream.rtp };
        match dedup.take(place.number) {
            Fate::Fresh => Verdict::Deliver,
            fate @ (Fate::Copy | Fate::Late) => Verdict::Drop(fate),
        }
    }

    /// A probe came.
    pub(super) fn asked(&mut self, now: Time, frame: &Frame<'_>, pick: crate::core::steer::Pick) {
        self.origin(now, frame, pick.path()).ears.asked(now, pick.number, pick.sequence);
    }

    /// Sends the reports that are due. False: the box is full, and there may be more.
    pub(super) fn poll(&mut self, now: Time, exit: &mut Exit<'_>, refused: &mut Refusals) -> bool {
        for (end, origin) in &mut self.origins {
            while exit.has_room() {
                let Some(send) = origin.ears.poll(now) else { break };
                if let Err(refusal) = origin.report(*end, send, exit) {
                    refused.add(refusal);
                }
            }
            if !exit.has_room() {
                return false;
            }
        }
        true
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.origins.values().filter_map(|origin| origin.ears.deadline()).min()
    }

    /// These relays were started anew: they count from the beginning.
    pub(super) fn restart(&mut self, relays: &[RelayId]) {
        self.origins.retain(|end, _| !relays.contains(&end.relay));
        self.streams.retain(|(relay, _), _| !relays.contains(relay));
    }

    /// Forgets what is over.
    pub(super) fn tidy(&mut self, now: Time) {
        self.origins.retain(|_, origin| now.since(origin.heard) < ORIGIN_IDLE);
        self.streams.retain(|_, stream| now.since(stream.heard) < STREAM_IDLE);
    }

    /// Origins and streams that it remembers.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.origins.len(), self.streams.len())
    }

    /// Who sent it, with the way that it came remembered. There are as many as the roster has workers.
    fn origin(&mut self, now: Time, frame: &Frame<'_>, path: PathId) -> &mut Origin {
        let end = End { relay: frame.origin, port: frame.origin_port };
        let new = || Origin { ears: Ears::new(), ways: Vec::with_capacity(WAYS_MAX), heard: now };
        let origin = self.origins.entry(end).or_insert_with(new);
        origin.heard = now;
        origin.came(now, path, frame.hops);
        origin
    }
}

impl Origin {
    fn came(&mut self, now: Time, path: PathId, hops: Hops) {
        let way = WayBack { path, hops, heard: now };
        if let Some(known) = self.ways.iter_mut().find(|known| known.path == path) {
            *known = way;
        } else if self.ways.len() < WAYS_MAX {
            self.ways.push(way);
        } else if let Some(oldest) = self.ways.iter_mut().min_by_key(|known| known.heard) {
            *oldest = way;
        }
    }

    fn report(&self, end: End, send: SendReport, exit: &mut Exit<'_>) -> Result<(), Refusal> {
        let over = self.ways.iter().find(|known| known.path == send.over.path());
        let hops = over.ok_or(Refusal::Unreachable)?.hops.back_to(end.relay);
        exit.send(hops, end.port, send.over.lane(), Body::Report(send.report))
    }
}
