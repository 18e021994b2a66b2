//! The door between the mesh's wire types and ours. New fields do not compile until someone decides about them.

pub mod binding;

use super::statement::Statement;
use prost::Message as _;
use ringway_proto::mesh as wire;
use ringway_router::{HopCounts, LinkReport, NodeId, Region};

/// Why a serialized statement is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a protobuf message of this type.
    #[error("not a statement")]
    Encoding,
    /// Longer than such a thing can be.
    #[error("too long")]
    TooLong,
    /// A region or node name that is none.
    #[error("bad name {0:?}")]
    Name(String),
    /// A port that is none.
    #[error("bad port {0}")]
    Port(u32),
    /// The origin speaks of a link that does not start in its region: a node only speaks for itself.
    #[error("claims a link from {0}")]
    ForeignLink(String),
}

/// Serializes a statement.
#[must_use]
pub fn encode(statement: &Statement) -> Vec<u8> {
    let Statement {
        origin,
        incarnation,
        sequence,
        zone,
        version,
        draining,
        leaving,
        sip_port,
        probe_port,
        policy_revision,
        policy_digest,
        route_epoch,
        links,
    } = statement;
    wire::Statement {
        region: origin.region.to_string(),
        node: origin.node.to_string(),
        incarnation: *incarnation,
        sequence: *sequence,
        zone: zone.clone(),
        version: version.clone(),
        draining: *draining,
        leaving: *leaving,
        sip_port: u32::from(*sip_port),
        probe_port: u32::from(*probe_port),
        policy_revision: *policy_revision,
        policy_digest: policy_digest.clone(),
        route_epoch: *route_epoch,
        links: links.iter().map(|link| link_to_wire(&origin.region, link)).collect(),
    }
    .encode_to_vec()
}

/// Reads a serialized statement.
///
/// # Errors
/// When it is not one, or speaks for somebody else.
pub fn decode(bytes: &[u8]) -> Result<Statement, Unreadable> {
    let wire::Statement {
        region,
        node,
        incarnation,
        sequence,
        zone,
        version,
        draining,
        leaving,
        sip_port,
        probe_port,
        policy_revision,
        policy_digest,
        route_epoch,
        links,
    } = wire::Statement::decode(bytes).map_err(|_| Unreadable::Encoding)?;
    let origin = node_id(&region, &node)?;
    let links =
        links.into_iter().map(|link| link_from_wire(&origin.region, link)).collect::<Result<_, _>>()?;
    Ok(Statement {
        origin,
        incarnation,
        sequence,
        zone,
        version,
        draining,
        leaving,
        sip_port: port(sip_port)?,
        probe_port: port(probe_port)?,
        policy_revision,
        policy_digest,
        route_epoch,
        links,
    })
}

/// A node's name from its two parts.
///
/// # Errors
/// When one of them is no name.
pub fn node_id(region: &str, node: &str) -> Result<NodeId, Unreadable> {
    let bad = |text: &str| Unreadable::Name(text.to_owned());
    Ok(NodeId {
        region: region.try_into().map_err(|_| bad(region))?,
        node: node.try_into().map_err(|_| bad(node))?,
    })
}

fn port(number: u32) -> Result<u16, Unreadable> {
    u16::try_from(number).ok().filter(|&port| port != 0).ok_or(Unreadable::Port(number))
}

fn link_to_wire(from: &Region, link: &LinkReport) -> wire::LinkReport {
    let LinkReport { to, up, rtt_ms, rtt_p95_ms, jitter_ms, probes, lost, sip } = link;
    let HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms } = *sip;
    wire::LinkReport {
        from: from.to_string(),
        to: to.to_string(),
        up: *up,
        rtt_ms: *rtt_ms,
        rtt_p95_ms: *rtt_p95_ms,
        jitter_ms: *jitter_ms,
        probes: *probes,
        lost: *lost,
        sip: Some(wire::HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms }),
    }
}

fn link_from_wire(origin: &Region, link: wire::LinkReport) -> Result<LinkReport, Unreadable> {
    let wire::LinkReport { from, to, up, rtt_ms, rtt_p95_ms, jitter_ms, probes, lost, sip } = link;
    if from != origin.as_str() {
        return Err(Unreadable::ForeignLink(from));
    }
    let to = Region::try_from(to.as_str()).map_err(|_| Unreadable::Name(to))?;
    let wire::HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms } =
        sip.unwrap_or_default();
    let sip = HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms };
    Ok(LinkReport { to, up, rtt_ms, rtt_p95_ms, jitter_ms, probes, lost, sip })
}
