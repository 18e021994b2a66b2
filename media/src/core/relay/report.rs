//! What is told of a call.

use super::{
    CallReport, Medium, Relay, StreamReport,
    call::Call,
    leg::{Leg, Mux, Way},
};

impl Relay {
    /// The call as it stands: every leg that there is, by party and section.
    pub(super) fn report(&self, call: &Call) -> CallReport {
        let mut streams = Vec::new();
        for party in &call.parties {
            for (media, number) in (0..).zip(&party.legs) {
                let Some(leg) = number.and_then(|number| self.legs.find(number)) else { continue };
                let (local, remote) = match &leg.way {
                    Way::Edge(edge) => (Some(self.ports.local(edge.pair)), edge.latch.destination()),
                    Way::Mesh(_) => (None, None),
                };
                let tunneled = leg.peer.and_then(|peer| self.legs.find(peer)).and_then(Leg::tunneled);
                let peer = leg
                    .peer
                    .and_then(|peer| call.parties.iter().find(|party| party.legs.contains(&Some(peer))));
                let (summary, round_trip) = (leg.stats.summary(), leg.trip.duration());
                streams.push(StreamReport {
                    tag: party.tag.clone(),
                    branch: party.branch.clone(),
                    label: party.label.clone(),
                    medium: Medium {
                        kind: leg.terms.kind.clone(),
                        codec: leg.terms.codec.clone(),
                        profile: leg.terms.profile,
                        suite: leg.terms.agreed,
                    },
                    peer: peer.map(|peer| peer.tag.clone()).filter(|tag| !tag.is_empty()),
                    media,
                    side: party.side,
                    local,
                    remote,
                    tunneled,
                    muxed: leg.mux == Mux::Agreed,
                    last: leg.stats.last(),
                    dropped: leg.dropped,
                    round_trip,
                    mos: summary.mos(round_trip),
                    summary,
                });
            }
        }
        CallReport {
            call_id: call.id.clone(),
            controller: call.controller.clone(),
            created: call.created,
            signaled: call.signaled,
            streams,
        }
    }
}
