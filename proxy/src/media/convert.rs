//! The door between the media relay's wire types and ours. New fields do not compile until someone decides about them.

use super::{TunnelCount, steer::Neighbor};
use crate::{
    core::media::{Order, Release, Side, Way},
    mesh::relay::MediaRelay,
};
use ringway_proto::media as wire;
use ringway_router::{Condition, Protect, Ranked, Reaction, Region, Route, RouteTable, Traffic};
use std::time::Duration;

pub(super) fn description(order: &Order, controller: &str) -> wire::Description {
    let Order { kind: _, call_id, from_tag, to_tag, branch, sdp, way, traffic, received_from } = order;
    let Way { from, to, region } = way;
    let Traffic { class, tenant, called } = traffic;
    wire::Description {
        controller: controller.to_owned(),
        call_id: call_id.clone(),
        from_tag: from_tag.clone(),
        to_tag: to_tag.clone(),
        branch: branch.clone(),
        sdp: sdp.to_vec(),
        from: side(*from),
        to: side(*to),
        region: region.as_ref().map_or_else(String::new, ToString::to_string),
        class: class.to_string(),
        tenant: tenant.as_ref().map_or_else(String::new, ToString::to_string),
        called: called.clone(),
        received_from: received_from.map_or_else(String::new, |address| address.to_string()),
        // Elements of the edge are trusted, and phones behind a NAT are known by what they send.
        strict_source: false,
    }
}

pub(super) fn release(release: &Release, controller: &str) -> wire::DeleteRequest {
    let Release { call_id, tags: (from_tag, to_tag), branch } = release.clone();
    wire::DeleteRequest { controller: controller.to_owned(), call_id, from_tag, to_tag, branch }
}

pub(super) fn lease(lease: wire::Lease) -> Duration {
    let wire::Lease { lasts_ms } = lease;
    Duration::from_millis(lasts_ms.into())
}

fn side(side: Side) -> i32 {
    match side {
        Side::Edge => wire::Side::Edge.into(),
        Side::Mesh => wire::Side::Mesh.into(),
    }
}

pub(super) fn roster<'a>(neighbors: impl Iterator<Item = &'a Neighbor>) -> wire::MeshWord {
    let relays = neighbors.map(|neighbor| {
        let Neighbor { node, address, relay } = neighbor;
        let MediaRelay { ports, sender_key, receiving_keys, incarnation } = relay;
        let key = |(id, key): &(u8, [u8; 32])| wire::ReceivingKey { id: u32::from(*id), key: key.to_vec() };
        wire::Relay {
            region: node.region.to_string(),
            node: node.node.to_string(),
            address: address.to_string(),
            ports: ports.iter().map(|&port| u32::from(port)).collect(),
            sender_key: sender_key.to_vec(),
            receiving_keys: receiving_keys.iter().map(key).collect(),
            incarnation: *incarnation,
        }
    });
    word(wire::mesh_word::Word::Roster(wire::Roster { relays: relays.collect() }))
}

/// The routes of new calls; where there are none only because operators drain the region, those of the calls that stand.
pub(super) fn routes(table: &RouteTable, undrained: Option<&RouteTable>) -> wire::MeshWord {
    let kept =
        |route: &Route| undrained?.routes().find(|kept| (&kept.to, &kept.slice) == (&route.to, &route.slice));
    let listed = |listed: &Route| match kept(listed).filter(|_| listed.ranked.is_empty()) {
        Some(kept) => route(kept),
        None => route(listed),
    };
    let rules = table.conditions().into_iter().map(|Condition { bit, classes, tenants, called }| {
        wire::MediaRule { bit, classes: classes.iter().map(ToString::to_string).collect(), tenants, called }
    });
    let (epoch, routes) = (table.epoch, table.routes().map(listed).collect());
    word(wire::mesh_word::Word::Routes(wire::Routes { epoch, routes, rules: rules.collect() }))
}

fn route(route: &Route) -> wire::MediaRoute {
    let Route { to, slice, ranked, reactions, protect, reason, since: _, refused } = route;
    let names = |regions: &[Region]| regions.iter().map(ToString::to_string).collect();
    let path = |ranked: &Ranked| wire::MediaPath { regions: names(ranked.path.regions()) };
    let reaction = |Reaction { from, to, path }: &Reaction| wire::MediaReaction {
        from: from.to_string(),
        to: to.to_string(),
        path: names(path.regions()),
    };
    wire::MediaRoute {
        to: to.to_string(),
        class: slice.class.to_string(),
        rules: slice.rules,
        paths: ranked.iter().map(path).collect(),
        reactions: reactions.iter().map(reaction).collect(),
        protect: match protect {
            Protect::Never => "never",
            Protect::OnSuspicion => "on-suspicion",
            Protect::Always => "always",
        }
        .to_owned(),
        reason: refused.as_ref().map_or_else(|| reason.to_string(), |refused| refused.why.clone()),
    }
}

fn word(word: wire::mesh_word::Word) -> wire::MeshWord {
    wire::MeshWord { word: Some(word) }
}

/// What a relay says.
pub(super) enum Heard {
    /// How it is reached, and the node that it takes itself for: region and name.
    Myself([String; 2], MediaRelay),
    /// What its tunnels showed.
    Counts(Vec<(Region, TunnelCount)>),
}

/// # Errors
/// What is wrong with it.
pub(super) fn heard(word: wire::RelayWord) -> Result<Heard, &'static str> {
    match word.word.ok_or("nothing")? {
        wire::relay_word::Word::Self_(relay) => myself(relay).map(|(name, relay)| Heard::Myself(name, relay)),
        wire::relay_word::Word::Counts(wire::TunnelCounts { links }) => {
            links.into_iter().map(count).collect::<Result<_, _>>().map(Heard::Counts)
        }
    }
}

/// Its address is known better here than there.
fn myself(relay: wire::Relay) -> Result<([String; 2], MediaRelay), &'static str> {
    let wire::Relay { region, node, address: _, ports, sender_key, receiving_keys, incarnation } = relay;
    let key = |wire::ReceivingKey { id, key }| {
        Ok((u8::try_from(id).map_err(|_| "a key id")?, key.try_into().map_err(|_| "a key")?))
    };
    let relay = MediaRelay {
        ports: ports.into_iter().map(u16::try_from).collect::<Result<_, _>>().map_err(|_| "a port")?,
        sender_key: sender_key.try_into().map_err(|_| "a key")?,
        receiving_keys: receiving_keys.into_iter().map(key).collect::<Result<_, &str>>()?,
        incarnation,
    };
    relay.flaw().map_or(Ok(([region, node], relay)), Err)
}

/// What came in is told by the other end, which counts it as sent.
fn count(count: wire::TunnelCount) -> Result<(Region, TunnelCount), &'static str> {
    let wire::TunnelCount {
        region,
        lane: _,
        sent,
        sent_lost,
        received: _,
        received_lost: _,
        rtt_ms: _,
        sent_gaps,
    } = count;
    let region = Region::try_from(region.as_str()).map_err(|_| "a region")?;
    Ok((region, TunnelCount { sent, lost: sent_lost, gaps: sent_gaps }))
}
