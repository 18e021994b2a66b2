//! Legs are opened, joined and named: what offers and answers do to them.

use super::super::{SocketId, StreamId, rtp::Format};
use super::{
    Binder, Description, Family, Local, Muxing, Refusal, Relay, Remote, Side,
    data::Port,
    latch::Latch,
    leg::{Edge, Leg, Mesh, Way},
    ports::family_of,
};
use ringway_router::Time;
use std::net::SocketAddr;

/// A leg that was opened for a party and section, and is not yet its own.
pub(super) struct Fresh {
    pub(super) party: usize,
    pub(super) section: usize,
    pub(super) leg: u32,
}

/// The two parties of a description: who sent the offer, and who got it.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) offerer: usize,
    pub(super) answerer: usize,
}

impl Relay {
    /// Opens what the description needs and the call does not have.
    pub(super) fn open(
        &mut self,
        now: Time,
        number: u32,
        ends: Ends,
        offer: &Description<'_>,
        binder: &mut dyn Binder,
        fresh: &mut Vec<Fresh>,
    ) -> Result<(), Refusal> {
        for (section, described) in offer.sections.iter().enumerate() {
            let family = match described.remote {
                Remote::Off => continue,
                Remote::Edge { rtp, .. } => Some(family_of(rtp.ip())),
                Remote::Mesh { .. } => None,
            };
            let alone = offer.muxing == Muxing::Require;
            let wanted = match offer.to {
                Side::Edge { family: Some(family), .. } => Some(family),
                Side::Edge { .. } | Side::Mesh { .. } => None,
            };
            for (party, family, keep, both) in [
                (ends.offerer, family, false, true),
                (ends.answerer, wanted.or(family), wanted.is_none(), !alone),
            ] {
                let (side, before) = self.party_leg(number, party, section)?;
                let has = before.and_then(|leg| self.legs.find(leg)).map(|leg| self.family(leg));
                if has.is_some_and(|has| keep || has.is_none() || has == family) {
                    continue;
                }
                let leg = self.open_leg(now, number, side, (family, both), described.formats, binder)?;
                fresh.push(Fresh { party, section, leg });
            }
        }
        Ok(())
    }

    fn party_leg(&self, call: u32, party: usize, section: usize) -> Result<(Side, Option<u32>), Refusal> {
        let party = self.calls.find(call).map(|call| &call.parties[party]).ok_or(Refusal::NoCall)?;
        Ok((party.side, party.leg(section)))
    }

    fn open_leg(
        &mut self,
        now: Time,
        call: u32,
        side: Side,
        (family, both): (Option<Family>, bool),
        formats: &[Format],
        binder: &mut dyn Binder,
    ) -> Result<u32, Refusal> {
        match side {
            Side::Edge { interface, .. } => {
                let family = family.unwrap_or_else(|| self.ports.family(interface));
                let opened = self.ports.open(now, (interface, family), both, binder, &mut self.events)?;
                let (latch, rtcp_latch) = (Latch::new(), Latch::new());
                let edge = Edge { pair: opened.pair, rtp: opened.rtp, rtcp: opened.rtcp, latch, rtcp_latch };
                let leg = self.legs.insert(Leg::new(call, Way::Edge(edge), formats));
                self.serve(opened.rtp, Port { leg, rtcp: false });
                if let Some(socket) = opened.rtcp {
                    self.serve(socket, Port { leg, rtcp: true });
                }
                Ok(leg)
            }
            Side::Mesh { route } => {
                let route = route.ok_or(Refusal::Region)?;
                let way = |stream| Way::Mesh(Mesh { stream, remote: None, route });
                let leg = self.legs.insert(Leg::new(call, way(StreamId(0)), formats));
                let Some(stream) = self.streams.hand_out(leg) else {
                    self.legs.remove(leg);
                    return Err(Refusal::NoStreams);
                };
                if let Some(opened) = self.legs.find_mut(leg) {
                    opened.way = way(stream);
                }
                Ok(leg)
            }
        }
    }

    /// The family of the port that a leg has.
    pub(super) fn family(&self, leg: &Leg) -> Option<Family> {
        match &leg.way {
            Way::Edge(edge) => Some(family_of(self.ports.local(edge.pair).ip())),
            Way::Mesh(_) => None,
        }
    }

    /// The party has a port of another kind: it goes on with the keys that it has, for a key that began anew would be used
    /// twice.
    pub(super) fn hand_on(&mut self, before: u32, leg: u32) {
        let Some(old) = self.legs.find_mut(before) else { return };
        let (lock, terms) = (std::mem::take(&mut old.lock), std::mem::take(&mut old.terms));
        let (sealed, settled) = (old.sealed, old.settled);
        if let Some(new) = self.legs.find_mut(leg) {
            (new.lock, new.terms, new.sealed, new.settled) = (lock, terms, sealed, settled);
        }
    }

    pub(super) fn pair(&self, number: u32, ends: Ends, place: usize) -> Option<(u32, u32)> {
        let call = self.calls.find(number)?;
        Some((call.parties[ends.offerer].leg(place)?, call.parties[ends.answerer].leg(place)?))
    }

    /// The two hear each other, and nobody else.
    pub(super) fn join(&mut self, one: u32, other: u32) {
        for (leg, peer) in [(one, other), (other, one)] {
            let before = self.legs.find_mut(leg).and_then(|leg| leg.peer.replace(peer));
            if let Some(third) =
                before.filter(|before| *before != peer).and_then(|leg| self.legs.find_mut(leg))
            {
                third.peer = None;
            }
        }
    }

    /// The two do not hear each other any more.
    pub(super) fn part(&mut self, one: u32, other: u32) {
        for (leg, peer) in [(one, other), (other, one)] {
            if let Some(leg) = self.legs.find_mut(leg).filter(|leg| leg.peer == Some(peer)) {
                leg.peer = None;
            }
        }
    }

    /// Our end of a leg.
    pub(super) fn local(&self, leg: &Leg) -> Local {
        match &leg.way {
            Way::Edge(edge) => {
                let rtp = self.ports.local(edge.pair);
                let rtcp = edge.rtcp.map(|_| SocketAddr::new(rtp.ip(), rtp.port() + 1));
                Local::Edge { rtp, rtcp, mux: leg.shows_mux() }
            }
            Way::Mesh(mesh) => Local::Mesh { stream: mesh.stream },
        }
    }

    fn serve(&mut self, socket: SocketId, port: Port) {
        let place = socket.place();
        if self.sockets.len() <= place {
            self.sockets.resize(place + 1, None);
        }
        self.sockets[place] = Some(port);
    }
}
