//! A statement: what one node says about itself and the links that it measured.

use ringway_router::{LinkReport, NodeId, Report};

/// See the module. A statement replaces the one before it of the same origin.
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
    /// Revision of the policy that is active there.
    pub policy_revision: u64,
    /// Its digest: two documents of one revision are a drift that somebody has to see.
    pub policy_digest: String,
    /// Epoch of the route table that is active there.
    pub route_epoch: u64,
    /// Links from the origin's region.
    pub links: Vec<LinkReport>,
}

impl Statement {
    /// The part of it that the router takes in.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            origin: self.origin.clone(),
            incarnation: self.incarnation,
            sequence: self.sequence,
            full: true,
            links: self.links.clone(),
        }
    }

    /// Whether this is later than what is known as (incarnation, sequence).
    #[must_use]
    pub fn is_newer_than(&self, incarnation: u64, sequence: u64) -> bool {
        (self.incarnation, self.sequence) > (incarnation, sequence)
    }
}
