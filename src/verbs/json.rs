//! What programs read: the wire types with their field names, paths as lists. One value a call, one line a change.

use ringway_proto::admin::{
    AuditEntry, Candidate, Explanation, Lane, Link, LinkName, Node, Override, Pin, Policy, PolicyPlan,
    PolicyRecord, PolicyShift, PolicyStatus, PolicyVerdict, RegionState, Registration, Route, RouteChange,
    Status, subject::Subject,
};
use serde_json::{Value, json};

/// Prints one value.
pub(super) fn print(value: &Value) {
    println!("{value:#}");
}

/// Prints one value in one line, for a stream of them.
pub(super) fn print_line(value: &Value) {
    println!("{value}");
}

/// The present is complete; what follows are changes.
pub(super) fn print_marker(json: bool) {
    if json {
        print_line(&json!({"marker": true}));
    } else {
        println!("-- this is the present; changes follow --");
    }
}

pub(super) fn status(status: &Status) -> Value {
    json!({
        "region": status.region, "zone": status.zone, "node": status.node, "version": status.version,
        "started_at_us": status.started_at_us, "ready": status.ready, "draining": status.draining,
        "policy_revision": status.policy_revision, "policy_digest": status.policy_digest,
        "route_epoch": status.route_epoch, "route_made_at_us": status.route_made_at_us,
        "nodes_live": status.nodes_live, "regions_live": status.regions_live,
        "transactions_active": status.transactions_active, "calls_total": status.calls_total,
        "overrides": status.overrides, "audit_file": status.audit_file, "tls": status.tls,
        "record": {
            "since_us": status.record_since_us, "bytes": status.record_bytes,
            "on_disk": status.record_on_disk, "dropped": status.record_dropped,
        },
    })
}

pub(super) fn node(node: &Node) -> Value {
    json!({
        "region": node.region, "node": node.node, "zone": node.zone, "version": node.version,
        "address": node.address, "self": node.self_, "reachable": node.reachable,
        "draining": node.draining, "policy_revision": node.policy_revision,
        "policy_digest": node.policy_digest, "route_epoch": node.route_epoch,
        "heard_ms_ago": node.heard_ms_ago, "stream_open": node.stream_open, "media_relay": node.media_relay,
    })
}

pub(super) fn link(link: &Link) -> Value {
    json!({
        "from": link.from, "to": link.to, "up": link.up, "standing": link.standing,
        "delay_ms": link.delay_ms, "rtt_ms": link.rtt_ms, "jitter_ms": link.jitter_ms,
        "loss": link.loss, "loss_smoothed": link.loss_smoothed,
        "sip": {
            "requests": link.sip_requests, "retransmissions": link.sip_retransmissions,
            "timeouts": link.sip_timeouts, "first_answer_ms": link.sip_first_answer_ms,
        },
        "reporters": link.reporters, "votes": link.votes, "age_ms": link.age_ms,
        "lane": link.lane, "cause": link.cause, "evidence": link.evidence,
        "lanes": link.lanes.iter().map(lane).collect::<Vec<_>>(),
    })
}

fn lane(lane: &Lane) -> Value {
    json!({"lane": lane.lane, "up": lane.up, "rtt_ms": lane.rtt_ms, "loss": lane.loss})
}

pub(super) fn route(route: &Route) -> Value {
    json!({
        "from": route.from, "to": route.to, "class": route.class,
        "ranked": route.ranked.iter().map(candidate).collect::<Vec<_>>(),
        "reason": route.reason, "since_us": route.since_us, "epoch": route.epoch, "protect": route.protect,
        "reactions": route.reactions.iter().map(|reaction| json!({
            "from": reaction.from, "to": reaction.to, "path": reaction.path,
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn change(change: &RouteChange) -> Value {
    json!({
        "at_us": change.at_us, "from": change.from, "to": change.to, "class": change.class,
        "old": change.old, "new": change.new, "reason": change.reason, "epoch": change.epoch,
    })
}

pub(super) fn explanation(explanation: &Explanation) -> Value {
    json!({
        "route": explanation.route.as_ref().map(route),
        "candidates": explanation.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "policy_revision": explanation.policy_revision, "asked_at": explanation.asked_at,
        "note": explanation.note,
    })
}

pub(super) fn registration(registration: &Registration) -> Value {
    json!({
        "aor": registration.aor, "contact": registration.contact, "region": registration.region,
        "node": registration.node, "q": registration.q, "expires_at_us": registration.expires_at_us,
        "updated_at_us": registration.updated_at_us, "instance": registration.instance,
        "reg_id": registration.reg_id, "path": registration.path,
    })
}

pub(super) fn policy(policy: &Policy) -> Value {
    json!({
        "revision": policy.revision, "digest": policy.digest,
        "active_since_us": policy.active_since_us, "document": policy.document,
    })
}

pub(super) fn verdict(verdict: &PolicyVerdict) -> Value {
    json!({
        "good": verdict.good, "error": verdict.error, "revision": verdict.revision,
        "warnings": verdict.warnings,
    })
}

pub(super) fn plan(plan: &PolicyPlan) -> Value {
    let unreachable = plan.unreachable.iter();
    let findings = plan.findings.iter();
    json!({
        "old_revision": plan.old_revision, "new_revision": plan.new_revision,
        "has_errors": plan.has_errors,
        "unreachable": unreachable.map(|lost| json!({
            "from": lost.from, "to": lost.to, "calls": lost.calls, "why": lost.why,
        })).collect::<Vec<_>>(),
        "findings": findings.map(|finding| json!({
            "severity": finding.severity, "rule": finding.rule, "what": finding.what,
        })).collect::<Vec<_>>(),
        "shifts": plan.shifts.iter().map(shift).collect::<Vec<_>>(),
        "pairs": plan.pairs, "recorded_minutes": plan.recorded_minutes, "samples": plan.samples,
        "worst_moments": plan.worst_moments,
    })
}

fn shift(shift: &PolicyShift) -> Value {
    json!({
        "from": shift.from, "to": shift.to, "calls": shift.calls,
        "now": shift.now.as_ref().map(|step| json!({
            "old": step.old, "new": step.new, "delta_r": step.delta_r,
            "delta_usd_per_gb": step.delta_usd_per_gb,
        })),
        "share": shift.share, "lost_share": shift.lost_share, "delta_r_mean": shift.delta_r_mean,
        "delta_r_worst": shift.delta_r_worst, "delta_usd_per_gb": shift.delta_usd_per_gb,
    })
}

pub(super) fn record(record: &PolicyRecord) -> Value {
    json!({
        "revision": record.revision, "digest": record.digest, "applied_at_us": record.applied_at_us,
        "by": record.by, "from": record.from, "document": record.document,
    })
}

pub(super) fn policy_status(status: &PolicyStatus) -> Value {
    json!({
        "revision": status.revision, "digest": status.digest, "drift": status.drift,
        "store": {
            "kind": status.store, "place": status.place, "up": status.store_up,
            "trouble": status.trouble, "seen_at_us": status.seen_at_us,
            "refused": status.refused, "refused_at_us": status.refused_at_us,
        },
        "nodes": status.nodes.iter().map(node).collect::<Vec<_>>(),
    })
}

fn candidate(candidate: &Candidate) -> Value {
    json!({
        "path": candidate.path, "verdict": candidate.verdict, "delay_ms": candidate.delay_ms,
        "loss": candidate.loss, "r": candidate.r, "r_smoothed": candidate.r_smoothed,
        "mos": candidate.mos, "terms": candidate.terms, "score": candidate.score, "note": candidate.note,
    })
}

pub(super) fn order(order: &Override) -> Value {
    let subject = order.subject.as_ref().and_then(|subject| subject.subject.as_ref());
    let subject = match subject {
        Some(Subject::Link(LinkName { from, to })) => json!({"link": {"from": from, "to": to}}),
        Some(Subject::Region(region)) => json!({"region": region}),
        Some(Subject::Route(Pin { path })) => json!({"route": path}),
        None => Value::Null,
    };
    json!({
        "subject": subject, "given_us": order.given_us, "until_us": order.until_us, "by": order.by,
        "why": order.why, "held_by": order.held_by,
    })
}

pub(super) fn region(region: &RegionState) -> Value {
    json!({
        "region": region.region, "nodes_live": region.nodes_live, "nodes_draining": region.nodes_draining,
        "drain": region.drain.as_ref().map(order),
    })
}

pub(super) fn audit(entry: &AuditEntry) -> Value {
    json!({
        "at_us": entry.at_us, "who": entry.who, "role": entry.role, "from": entry.from, "what": entry.what,
        "result": entry.result,
    })
}
