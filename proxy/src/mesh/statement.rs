//! A statement: what one node says about itself and the links that it measured.

use super::{instruction::Instruction, relay::MediaRelay};
use ringway_router::{LinkReport, NodeId, Report};
use std::{net::SocketAddr, time::Duration};

/// See the module. A full statement replaces all before it of the same origin; one that amends stands on its basis, and
/// replaces the amendments before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Who speaks.
    pub origin: NodeId,
    /// Start of the origin's process, µs since the Unix epoch: a restarted node is newer than it was.
    pub incarnation: u64,
    /// Grows by one with every statement of this incarnation.
    pub sequence: u64,
    /// Availability zone.
    pub zone: String,
    /// Version of the program.
    pub version: String,
    /// Takes no new calls.
    pub draining: bool,
    /// The last word before the process ends.
    pub leaving: bool,
    /// UDP port for SIP, at the address at which the node is reached.
    pub sip_port: u16,
    /// UDP port of the probe reflector, likewise.
    pub probe_port: u16,
    /// What probes to it are sealed with. Whoever hears the statement is of the mesh, and may probe.
    pub probe_key: [u8; 16],
    /// Revision of the policy that is active there.
    pub policy_revision: u64,
    /// Its digest: two documents of one revision are a drift that somebody has to see.
    pub policy_digest: String,
    /// Epoch of the route table that is active there.
    pub route_epoch: u64,
    /// 0: a full statement; otherwise the sequence of the full statement that this one amends.
    pub basis: u64,
    /// The origin will have spoken again after so long, at the latest.
    pub refresh: Duration,
    /// Somebody has to act on it.
    pub urgent: bool,
    /// Where the origin takes mesh streams, if it wants to be dialed by those who learn of it.
    pub advertise: Option<SocketAddr>,
    /// What operators ordered at the origin; always all of it.
    pub overrides: Vec<Instruction>,
    /// Links from the origin's region: all, or those that differ from the basis.
    pub links: Vec<LinkReport>,
    /// The media relay beside the origin.
    pub media: Option<MediaRelay>,
}

impl Statement {
    /// The part of it that the router takes in. The router counts by twos: in between there is room to withdraw what a
    /// node said that is gone.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            origin: self.origin.clone(),
            incarnation: self.incarnation,
            sequence: self.sequence.saturating_mul(2),
            full: self.is_full(),
            links: self.links.clone(),
        }
    }

    /// What the router is told when the node is gone: it has no links any more.
    #[must_use]
    pub fn withdrawal(&self) -> Report {
        let sequence = self.sequence.saturating_mul(2).saturating_add(1);
        Report { sequence, full: true, links: Vec::new(), ..self.report() }
    }

    /// Whether it speaks of all links.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.basis == 0
    }

    /// Whether this is later than what is known as (incarnation, sequence).
    #[must_use]
    pub fn is_newer_than(&self, incarnation: u64, sequence: u64) -> bool {
        (self.incarnation, self.sequence) > (incarnation, sequence)
    }

    /// The whole that this amendment and its basis make.
    #[must_use]
    pub fn on(self, full: &Self) -> Self {
        let or = |text: String, basis: &str| if text.is_empty() { basis.to_owned() } else { text };
        let mut links = full.links.clone();
        for link in self.links {
            match links.iter_mut().find(|known| known.to == link.to) {
                Some(known) => *known = link,
                None => links.push(link),
            }
        }
        Self {
            zone: or(self.zone, &full.zone),
            version: or(self.version, &full.version),
            policy_digest: or(self.policy_digest, &full.policy_digest),
            advertise: self.advertise.or(full.advertise),
            media: self.media.or_else(|| full.media.clone()),
            links,
            ..self
        }
    }
}

#[cfg(test)]
impl Statement {
    /// The first word of a node that has nothing to say.
    pub(crate) fn bare(origin: NodeId) -> Self {
        Self {
            origin,
            incarnation: 1,
            sequence: 1,
            zone: String::new(),
            version: String::new(),
            draining: false,
            leaving: false,
            sip_port: 5060,
            probe_port: 8620,
            probe_key: [7; 16],
            policy_revision: 0,
            policy_digest: String::new(),
            route_epoch: 0,
            basis: 0,
            refresh: Duration::ZERO,
            urgent: false,
            advertise: None,
            overrides: Vec::new(),
            links: Vec::new(),
            media: None,
        }
    }
}
