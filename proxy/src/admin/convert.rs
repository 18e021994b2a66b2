//! The door between the admin API's wire types and ours.

use super::audit::Entry;
use crate::{
    control::{ActivePolicy, Control, NodeState, Standing},
    location::Binding,
    mesh::instruction::Instruction,
    record::Facts,
};
use ringway_proto::admin as wire;
use ringway_router::{
    Candidate, Cause, Change, Explanation, LaneReport, LinkState, NodeId, Order, Path, Protect, Ranked,
    Reaction, Region, Route, Time, measure::Evidence,
};
use std::time::Duration;

pub(super) fn status(control: &Control, record: Facts, audit_file: String, tls: bool) -> wire::Status {
    let (facts, table, policy) = (control.facts(), control.router().table(), control.policy());
    let nodes = control.nodes();
    let mut regions: Vec<&Region> = nodes.iter().map(|node| &node.statement.origin.region).collect();
    regions.sort_unstable();
    regions.dedup();
    let metrics = control.handle_of_itself().metrics();
    wire::Status {
        region: facts.own.region.to_string(),
        zone: facts.zone.clone(),
        node: facts.own.node.to_string(),
        version: facts.version.to_owned(),
        started_at_us: control.handle_of_itself().clock().start_unix_us(),
        ready: control.is_ready(),
        draining: control.is_draining(),
        policy_revision: policy.policy.revision,
        policy_digest: policy.policy.digest(),
        route_epoch: table.epoch,
        route_made_at_us: table.made_at.micros(),
        nodes_live: count(nodes.len()),
        regions_live: count(regions.len()),
        transactions_active: metrics.transactions_active(),
        calls_total: metrics.calls(),
        record_since_us: record.since.map_or(0, Time::micros),
        record_bytes: record.bytes,
        record_on_disk: record.on_disk,
        record_dropped: metrics.record_dropped.get(),
        overrides: count(control.orders().len()),
        audit_file,
        tls,
    }
}

pub(super) fn node(node: &NodeState) -> wire::Node {
    let NodeState { statement, sip, own, reachable, heard_ago, stream_open } = node;
    wire::Node {
        region: statement.origin.region.to_string(),
        node: statement.origin.node.to_string(),
        zone: statement.zone.clone(),
        version: statement.version.clone(),
        address: sip.map(|address| address.to_string()).unwrap_or_default(),
        self_: *own,
        reachable: *reachable,
        draining: statement.draining,
        policy_revision: statement.policy_revision,
        policy_digest: statement.policy_digest.clone(),
        route_epoch: statement.route_epoch,
        heard_ms_ago: millis(*heard_ago),
        stream_open: *stream_open,
        media_relay: statement.media.is_some(),
    }
}

pub(super) fn link(link: &LinkState, evidence: Option<&Evidence>) -> wire::Link {
    let LinkState {
        from,
        to,
        up,
        standing,
        delay_ms,
        rtt_ms,
        jitter_ms,
        loss,
        loss_smoothed,
        lane,
        lanes,
        cause,
        sip,
        sip_recent: _,
        reporters,
        votes,
        age,
    } = link;
    wire::Link {
        from: from.to_string(),
        to: to.to_string(),
        up: *up,
        standing: (*standing).to_owned(),
        delay_ms: *delay_ms,
        rtt_ms: *rtt_ms,
        jitter_ms: *jitter_ms,
        loss: *loss,
        loss_smoothed: *loss_smoothed,
        sip_requests: sip.requests,
        sip_retransmissions: sip.retransmissions,
        sip_timeouts: sip.timeouts,
        sip_first_answer_ms: sip.first_answer_ms,
        reporters: count(*reporters),
        age_ms: millis(*age),
        lane: u32::from(*lane),
        cause: match cause {
            Cause::None => "none",
            Cause::Path => "path",
            Cause::Server => "server",
            Cause::Unknown => "unknown",
        }
        .to_owned(),
        votes: count(*votes),
        lanes: lanes.iter().map(of_lane).collect(),
        evidence: evidence.map(ToString::to_string).unwrap_or_default(),
    }
}

fn of_lane(lane: &LaneReport) -> wire::Lane {
    let LaneReport { lane, up, rtt_ms, loss } = *lane;
    wire::Lane { lane: u32::from(lane), up, rtt_ms, loss }
}

pub(super) fn route(home: &Region, epoch: u64, route: &Route) -> wire::Route {
    let Route { to, slice, ranked, reason, since, refused, reactions, protect } = route;
    wire::Route {
        from: home.to_string(),
        to: to.to_string(),
        class: slice.class.to_string(),
        ranked: ranked.iter().enumerate().map(|(rank, path)| candidate(listed(rank), path)).collect(),
        reason: refused.as_ref().map_or_else(|| reason.to_string(), |refused| refused.why.clone()),
        since_us: since.micros(),
        epoch,
        protect: protect_word(*protect).to_owned(),
        reactions: reactions.iter().map(reaction).collect(),
    }
}

fn reaction(Reaction { from, to, path }: &Reaction) -> wire::Reaction {
    wire::Reaction { from: from.to_string(), to: to.to_string(), path: regions(path) }
}

/// As policies spell it.
fn protect_word(protect: Protect) -> &'static str {
    match protect {
        Protect::Never => "never",
        Protect::OnSuspicion => "on-suspicion",
        Protect::Always => "always",
    }
}

pub(super) fn change(change: &Change) -> wire::RouteChange {
    let Change { at, from, to, slice, old, new, reason, epoch } = change;
    wire::RouteChange {
        at_us: at.micros(),
        from: from.to_string(),
        to: to.to_string(),
        class: slice.class.to_string(),
        old: old.as_ref().map(regions).unwrap_or_default(),
        new: new.as_ref().map(regions).unwrap_or_default(),
        reason: reason.to_string(),
        epoch: *epoch,
    }
}

pub(super) fn explanation(own: &NodeId, epoch: u64, explanation: &Explanation) -> wire::Explanation {
    let Explanation {
        from,
        to,
        slice,
        at: _,
        policy_revision,
        candidates,
        chosen: _,
        since,
        reason,
        refused,
        note,
    } = explanation;
    let all: Vec<wire::Candidate> = candidates
        .iter()
        .map(|Candidate { verdict, ranked }| candidate(&verdict.to_string(), ranked))
        .collect();
    let ranked = all.iter().filter(|path| ["chosen", "backup"].contains(&path.verdict.as_str()));
    wire::Explanation {
        route: Some(wire::Route {
            from: from.to_string(),
            to: to.to_string(),
            class: slice.class.to_string(),
            ranked: ranked.cloned().collect(),
            reason: refused.as_ref().map_or_else(|| reason.clone(), |refused| refused.why.clone()),
            since_us: since.map(Time::micros).unwrap_or_default(),
            epoch,
            // What the data planes do is in the route list; an explanation is about the choice.
            ..wire::Route::default()
        }),
        candidates: all,
        policy_revision: *policy_revision,
        asked_at: own.to_string(),
        note: note.clone(),
    }
}

pub(super) fn standing(standing: &Standing) -> wire::Override {
    let Standing { instruction, held_by } = standing;
    let Instruction { order, given, until, by, why, revoked: _ } = instruction;
    let subject = match order {
        Order::DisableLink { from, to } => {
            wire::subject::Subject::Link(wire::LinkName { from: from.to_string(), to: to.to_string() })
        }
        Order::DrainRegion(region) => wire::subject::Subject::Region(region.to_string()),
        Order::PinRoute(path) => wire::subject::Subject::Route(wire::Pin { path: regions(path) }),
    };
    wire::Override {
        subject: Some(wire::Subject { subject: Some(subject) }),
        given_us: given.micros(),
        until_us: until.map_or(0, Time::micros),
        by: format!("{by}@{held_by}"),
        why: why.clone(),
        held_by: held_by.to_string(),
    }
}

pub(super) fn region_state(region: &Region, nodes: &[NodeState], orders: &[Standing]) -> wire::RegionState {
    let here = || nodes.iter().filter(|node| node.statement.origin.region == *region);
    let drains =
        |one: &&Standing| matches!(&one.instruction.order, Order::DrainRegion(drained) if drained == region);
    wire::RegionState {
        region: region.to_string(),
        nodes_live: count(here().count()),
        nodes_draining: count(here().filter(|node| node.statement.draining).count()),
        drain: orders.iter().find(drains).map(standing),
    }
}

pub(super) fn audit(entry: Entry) -> wire::AuditEntry {
    let Entry { at_us, who, role, from, what, result } = entry;
    wire::AuditEntry { at_us, who, role, from, what, result }
}

pub(super) fn registration(binding: &Binding) -> wire::Registration {
    let Binding {
        aor,
        contact,
        instance,
        reg_id,
        call_id: _,
        cseq: _,
        q,
        path,
        region,
        node,
        expires_unix_ms,
        covers_unix_ms: _,
        updated_unix_us,
        removed: _, // only the live are listed
    } = binding;
    wire::Registration {
        aor: aor.clone(),
        contact: contact.clone(),
        region: region.to_string(),
        node: node.node.to_string(),
        q: f64::from(*q) / 1_000.0,
        expires_at_us: expires_unix_ms.saturating_mul(1_000),
        updated_at_us: *updated_unix_us,
        instance: instance.clone().unwrap_or_default(),
        reg_id: reg_id.unwrap_or_default(),
        path: path.clone(),
    }
}

pub(super) fn policy(active: &ActivePolicy) -> wire::Policy {
    wire::Policy {
        revision: active.policy.revision,
        digest: active.policy.digest(),
        document: active.policy.document().to_owned(),
        active_since_us: active.since_unix_us,
    }
}

fn candidate(verdict: &str, ranked: &Ranked) -> wire::Candidate {
    let Ranked { path, delay_ms, loss, r, r_smoothed, mos, terms, score, note } = ranked;
    wire::Candidate {
        path: regions(path),
        verdict: verdict.to_owned(),
        delay_ms: *delay_ms,
        loss: *loss,
        r: *r,
        r_smoothed: *r_smoothed,
        mos: *mos,
        terms: *terms,
        score: *score,
        note: note.clone(),
    }
}

fn listed(rank: usize) -> &'static str {
    if rank == 0 { "chosen" } else { "backup" }
}

pub(super) fn regions(path: &Path) -> Vec<String> {
    path.regions().iter().map(ToString::to_string).collect()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
