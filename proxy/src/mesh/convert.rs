//! The door between the mesh's wire types and ours. New fields do not compile until someone decides about them.

pub mod binding;
pub mod flood;
mod instruction;
mod relay;

use super::statement::Statement;
use prost::Message as _;
use ringway_proto::mesh as wire;
use std::{net::SocketAddr, time::Duration};

use ringway_router::{Cause, HopCounts, LaneReport, LinkReport, NodeId, Region};

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
    /// A probe key that is none.
    #[error("bad probe key")]
    Key,
    /// A port that is none.
    #[error("bad port {0}")]
    Port(u32),
    /// A media relay that cannot be.
    #[error("bad media relay: {0}")]
    Relay(&'static str),
    /// An address that is none.
    #[error("bad address {0:?}")]
    Address(String),
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
        probe_key,
        policy_revision,
        policy_digest,
        route_epoch,
        basis,
        refresh,
        urgent,
        advertise,
        overrides,
        links,
        media,
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
        probe_key: probe_key.to_vec(),
        policy_revision: *policy_revision,
        policy_digest: policy_digest.clone(),
        route_epoch: *route_epoch,
        basis: *basis,
        refresh_ms: u32::try_from(refresh.as_millis()).unwrap_or(u32::MAX),
        urgent: *urgent,
        advertise: advertise.map_or_else(String::new, |at| at.to_string()),
        overrides: overrides.iter().map(instruction::to_wire).collect(),
        links: links.iter().map(link_to_wire).collect(),
        media: media.as_ref().map(relay::to_wire),
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
        probe_key,
        policy_revision,
        policy_digest,
        route_epoch,
        basis,
        refresh_ms,
        urgent,
        advertise,
        overrides,
        links,
        media,
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
        probe_key: probe_key.try_into().map_err(|_| Unreadable::Key)?,
        policy_revision,
        policy_digest,
        route_epoch,
        basis,
        refresh: Duration::from_millis(refresh_ms.into()),
        urgent,
        advertise: address(&advertise)?,
        overrides: instruction::all_from_wire(overrides)?,
        links,
        media: media.map(relay::from_wire).transpose()?,
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

fn address(text: &str) -> Result<Option<SocketAddr>, Unreadable> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Unreadable::Address(text.chars().take(80).collect()))
}

fn port(number: u32) -> Result<u16, Unreadable> {
    u16::try_from(number).ok().filter(|&port| port != 0).ok_or(Unreadable::Port(number))
}

fn link_to_wire(link: &LinkReport) -> wire::LinkReport {
    let LinkReport {
        to,
        up,
        lane,
        rtt_ms,
        rtt_p95_ms,
        jitter_ms,
        loss,
        loss_back,
        reordered,
        packets,
        cause,
        lanes,
        sip,
    } = link;
    let HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms, unavailable } = *sip;
    let sip = (*sip != HopCounts::default()).then_some(wire::HopCounts {
        requests,
        retransmissions,
        timeouts,
        answers,
        first_answer_ms,
        unavailable,
    });
    wire::LinkReport {
        from: String::new(),
        to: to.to_string(),
        up: *up,
        lane: u32::from(*lane),
        rtt_us: scaled(*rtt_ms, 1e3),
        rtt_p95_us: scaled(*rtt_p95_ms, 1e3),
        jitter_us: scaled(*jitter_ms, 1e3),
        loss_ppm: scaled(*loss, 1e6),
        loss_back_ppm: scaled(*loss_back, 1e6),
        reordered_ppm: scaled(*reordered, 1e6),
        packets: *packets,
        cause: match cause {
            Cause::None => 0,
            Cause::Path => 1,
            Cause::Server => 2,
            Cause::Unknown => 3,
        },
        lanes: lanes.iter().map(lane_to_wire).collect(),
        sip,
    }
}

fn lane_to_wire(lane: &LaneReport) -> wire::LaneReport {
    let LaneReport { lane, up, rtt_ms, loss } = *lane;
    wire::LaneReport { lane: u32::from(lane), up, rtt_us: scaled(rtt_ms, 1e3), loss_ppm: scaled(loss, 1e6) }
}

fn link_from_wire(origin: &Region, link: wire::LinkReport) -> Result<LinkReport, Unreadable> {
    let wire::LinkReport {
        from,
        to,
        up,
        lane,
        rtt_us,
        rtt_p95_us,
        jitter_us,
        loss_ppm,
        loss_back_ppm,
        reordered_ppm,
        packets,
        cause,
        lanes,
        sip,
    } = link;
    if !from.is_empty() && from != origin.as_str() {
        return Err(Unreadable::ForeignLink(from));
    }
    let to = Region::try_from(to.as_str()).map_err(|_| Unreadable::Name(to))?;
    let wire::HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms, unavailable } =
        sip.unwrap_or_default();
    Ok(LinkReport {
        to,
        up,
        lane: index(lane),
        rtt_ms: f64::from(rtt_us) / 1e3,
        rtt_p95_ms: f64::from(rtt_p95_us) / 1e3,
        jitter_ms: f64::from(jitter_us) / 1e3,
        loss: f64::from(loss_ppm) / 1e6,
        loss_back: f64::from(loss_back_ppm) / 1e6,
        reordered: f64::from(reordered_ppm) / 1e6,
        packets,
        cause: match cause {
            0 => Cause::None,
            1 => Cause::Path,
            2 => Cause::Server,
            // What a later version may say is at least a reason to look.
            _ => Cause::Unknown,
        },
        lanes: lanes.iter().map(lane_from_wire).collect(),
        sip: HopCounts { requests, retransmissions, timeouts, answers, first_answer_ms, unavailable },
    })
}

fn lane_from_wire(lane: &wire::LaneReport) -> LaneReport {
    let wire::LaneReport { lane, up, rtt_us, loss_ppm } = *lane;
    LaneReport { lane: index(lane), up, rtt_ms: f64::from(rtt_us) / 1e3, loss: f64::from(loss_ppm) / 1e6 }
}

/// One that is too large for us is refused with the report.
fn index(lane: u32) -> u8 {
    u8::try_from(lane).unwrap_or(u8::MAX)
}

/// A measured value as a whole number of small units; what is no such value is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, NaN becomes 0")]
fn scaled(value: f64, units: f64) -> u32 {
    (value * units).round() as u32
}
