//! The door between the wire types and ours. New fields do not compile until someone decides about them.

use crate::{
    core::{
        mesh::LinkCount,
        relay::{Side, StreamReport},
        tunnel::{Peer, ReceivingKey},
    },
    desk::{Exchange, Place},
    ng::{Call, Wishes},
    path::{Report, Use},
    steering::{Wish, Wishes as Routes},
};
use ringway_proto::media as wire;
use ringway_router::{Class, Condition, Path, Protect, Reaction, Region, Slice, Tenant, Time, Traffic};
use std::{str::FromStr, time::Duration};

/// A field that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclear(pub(super) &'static str);

pub(super) fn exchange(offers: bool, order: wire::Description) -> Result<Exchange, Unclear> {
    let wire::Description {
        controller,
        call_id,
        from_tag,
        to_tag,
        branch,
        sdp,
        from,
        to,
        region,
        class,
        tenant,
        called,
        received_from,
        strict_source,
    } = order;
    let region = optional::<Region>(&region, "region")?;
    let traffic = Traffic {
        class: optional::<Class>(&class, "class")?.unwrap_or_else(Class::voice),
        tenant: optional::<Tenant>(&tenant, "tenant")?,
        called,
    };
    let received_from = optional(&received_from, "received_from")?;
    Ok(Exchange {
        offers,
        sdp,
        controller,
        call: Call { call_id, from_tag, to_tag, branch },
        from: place(from, region.as_ref(), "from")?,
        to: place(to, region.as_ref(), "to")?,
        traffic,
        wishes: Wishes {
            // An address is named only when it is better than the description's.
            trust_address: received_from.is_none(),
            received_from,
            strict_source,
            ..Wishes::default()
        },
    })
}

fn place(side: i32, region: Option<&Region>, what: &'static str) -> Result<Place, Unclear> {
    match wire::Side::try_from(side).map_err(|_| Unclear(what))? {
        wire::Side::Edge => Ok(Place::Edge),
        wire::Side::Mesh => Ok(Place::Mesh(region.cloned())),
    }
}

/// Empty: not given.
fn optional<T: FromStr>(text: &str, what: &'static str) -> Result<Option<T>, Unclear> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| Unclear(what)) }
}

pub(super) fn report(report: Report) -> wire::CallReport {
    let Report { call, uses } = report;
    let uses = uses.into_iter().chain(std::iter::repeat_with(Vec::new));
    wire::CallReport {
        call_id: call.call_id.to_string(),
        created_us: call.created.micros(),
        streams: call.streams.iter().zip(uses).map(|(stream, uses)| of_stream(stream, uses)).collect(),
        controller: call.controller.to_string(),
    }
}

fn of_stream(stream: &StreamReport, uses: Vec<Use>) -> wire::StreamReport {
    let address =
        |address: Option<std::net::SocketAddr>| address.map(|at| at.to_string()).unwrap_or_default();
    let ms = |duration: Option<Duration>| duration.map_or(0.0, |it| it.as_secs_f64() * 1_000.0);
    let side = match stream.side {
        Side::Edge { .. } => wire::Side::Edge,
        Side::Mesh { .. } => wire::Side::Mesh,
    };
    let summary = &stream.summary;
    wire::StreamReport {
        tag: stream.tag.to_string(),
        media: stream.media,
        side: side.into(),
        local: address(stream.local),
        remote: address(stream.remote),
        ssrc: summary.ssrc,
        packets: summary.packets,
        bytes: summary.bytes,
        lost: summary.lost,
        reordered: summary.reordered,
        duplicates: summary.duplicates,
        dropped: stream.dropped,
        jitter_ms: summary.jitter_ms,
        rtt_ms: ms(stream.round_trip),
        mos: stream.mos.unwrap_or(0.0),
        gap_ms_max: summary.gap_ms_max,
        paths: uses.into_iter().map(of_use).collect(),
    }
}

pub(super) fn of_use(taken: Use) -> wire::PathUse {
    let Use { regions, lane, since, why } = taken;
    wire::PathUse {
        regions: regions.iter().map(ToString::to_string).collect(),
        lane: lane.0.into(),
        since_us: since.micros(),
        why: why.to_string(),
    }
}

pub(super) fn event(call_id: &str, at: Time, what: wire::call_event::What) -> wire::CallEvent {
    wire::CallEvent { call_id: call_id.to_owned(), at_us: at.micros(), what: Some(what) }
}

pub(super) fn lease(lasts: Duration) -> wire::Lease {
    wire::Lease { lasts_ms: u32::try_from(lasts.as_millis()).unwrap_or(u32::MAX) }
}

/// What the mesh says.
pub(super) enum Heard {
    /// Which relays live.
    Roster(Vec<Peer>),
    /// Where calls go.
    Routes(Routes),
}

pub(super) fn heard(word: wire::MeshWord) -> Result<Heard, Unclear> {
    match word.word.ok_or(Unclear("nothing"))? {
        wire::mesh_word::Word::Roster(wire::Roster { relays }) => {
            relays.into_iter().map(peer).collect::<Result<_, _>>().map(Heard::Roster)
        }
        wire::mesh_word::Word::Routes(wire::Routes { epoch: _, routes, rules }) => {
            let routes = routes.into_iter().map(wish).collect::<Result<_, _>>()?;
            let conditions = rules.into_iter().map(condition).collect::<Result<_, _>>()?;
            Ok(Heard::Routes(Routes { routes, conditions }))
        }
    }
}

fn peer(relay: wire::Relay) -> Result<Peer, Unclear> {
    let wire::Relay { region, node, address, ports, sender_key, receiving_keys, incarnation } = relay;
    let key = |wire::ReceivingKey { id, key }| {
        let id = u8::try_from(id).map_err(|_| Unclear("a key id"))?;
        Ok(ReceivingKey { id, key: key.try_into().map_err(|_| Unclear("a key"))? })
    };
    Ok(Peer {
        region: parsed(&region, "a region")?,
        node: parsed(&node, "a node")?,
        address: parsed(&address, "an address")?,
        ports: ports
            .into_iter()
            .map(u16::try_from)
            .collect::<Result<_, _>>()
            .map_err(|_| Unclear("a port"))?,
        sender_key: sender_key.try_into().map_err(|_| Unclear("a key"))?,
        receiving_keys: receiving_keys.into_iter().map(key).collect::<Result<_, _>>()?,
        incarnation,
    })
}

fn wish(route: wire::MediaRoute) -> Result<Wish, Unclear> {
    let wire::MediaRoute { to, class, rules, paths, reactions, protect, reason: _ } = route;
    let path = |wire::MediaPath { regions }| path(&regions);
    let reaction = |wire::MediaReaction { from, to, path: around }| {
        let (from, to) = (parsed(&from, "a region")?, parsed(&to, "a region")?);
        Ok(Reaction { from, to, path: path(wire::MediaPath { regions: around })? })
    };
    Ok(Wish {
        to: parsed(&to, "a region")?,
        slice: Slice { class: parsed(&class, "a class")?, rules },
        paths: paths.into_iter().map(path).collect::<Result<_, _>>()?,
        reactions: reactions.into_iter().map(reaction).collect::<Result<_, Unclear>>()?,
        protect: match protect.as_str() {
            "never" => Protect::Never,
            "on-suspicion" => Protect::OnSuspicion,
            "always" => Protect::Always,
            _ => return Err(Unclear("protect")),
        },
    })
}

fn path(regions: &[String]) -> Result<Path, Unclear> {
    let regions: Vec<Region> =
        regions.iter().map(|name| parsed(name, "a region")).collect::<Result<_, _>>()?;
    Path::new(regions).map_err(|_| Unclear("a path"))
}

fn condition(rule: wire::MediaRule) -> Result<Condition, Unclear> {
    let wire::MediaRule { bit, classes, tenants, called } = rule;
    let classes = classes.iter().map(|name| parsed(name, "a class")).collect::<Result<_, _>>()?;
    if bit >= u64::BITS {
        return Err(Unclear("a rule's bit"));
    }
    Ok(Condition { bit, classes, tenants, called })
}

fn parsed<T: FromStr>(text: &str, what: &'static str) -> Result<T, Unclear> {
    text.parse().map_err(|_| Unclear(what))
}

pub(super) fn myself(peer: &Peer) -> wire::RelayWord {
    let Peer { region, node, address, ports, sender_key, receiving_keys, incarnation } = peer;
    let key = |ReceivingKey { id, key }: &ReceivingKey| wire::ReceivingKey {
        id: u32::from(*id),
        key: key.to_vec(),
    };
    word(wire::relay_word::Word::Self_(wire::Relay {
        region: region.to_string(),
        node: node.to_string(),
        address: address.to_string(),
        ports: ports.iter().map(|port| u32::from(*port)).collect(),
        sender_key: sender_key.to_vec(),
        receiving_keys: receiving_keys.iter().map(key).collect(),
        incarnation: *incarnation,
    }))
}

pub(super) fn counts(links: &[LinkCount]) -> wire::RelayWord {
    let links = links.iter().map(|link| {
        let LinkCount { region, lane, sent, sent_lost, sent_gaps, received, received_lost, gaps: _, rtt } =
            link;
        wire::TunnelCount {
            region: region.to_string(),
            lane: lane.0.into(),
            sent: *sent,
            sent_lost: *sent_lost,
            received: *received,
            received_lost: *received_lost,
            rtt_ms: rtt.map_or(0.0, |rtt| rtt.as_secs_f64() * 1_000.0),
            sent_gaps: *sent_gaps,
        }
    });
    word(wire::relay_word::Word::Counts(wire::TunnelCounts { links: links.collect() }))
}

fn word(word: wire::relay_word::Word) -> wire::RelayWord {
    wire::RelayWord { word: Some(word) }
}
