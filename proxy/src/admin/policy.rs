//! What operators do with policies: check, plan, apply, look back, go back, and see who goes by what.

use super::{Actor, Answer, Desk, List, convert};
use crate::{
    control::NotApplied,
    policy::{self, StoreError, Wish},
};
use ringway_proto::admin as wire;
use ringway_router::{Finding, Path, Plan, Severity, Shift, Step, Unreachable};
use tokio_stream::iter;
use tonic::{Request, Response, Status as Refusal};

pub(super) async fn get(desk: &Desk) -> Answer<wire::Policy> {
    Ok(Response::new(desk.ask(|control| convert::policy(control.policy())).await?))
}

pub(super) async fn check(
    desk: &Desk,
    request: Request<wire::CheckPolicyRequest>,
) -> Answer<wire::PolicyVerdict> {
    let document = request.into_inner().document;
    let verdict = desk.ask(move |control| match ringway_router::Policy::parse(&document) {
        Ok(policy) => wire::PolicyVerdict {
            good: true,
            error: String::new(),
            revision: policy.revision,
            warnings: control.policy_warnings(&policy),
        },
        Err(error) => wire::PolicyVerdict { error: error.to_string(), ..wire::PolicyVerdict::default() },
    });
    Ok(Response::new(verdict.await?))
}

pub(super) async fn apply(desk: &Desk, request: Request<wire::ApplyPolicyRequest>) -> Answer<wire::Policy> {
    let actor = Actor::of(&request);
    let wire::ApplyPolicyRequest { document, expect_revision, force } = request.into_inner();
    let what = ringway_router::Policy::parse(&document).map_or_else(
        |_| "that is none".to_owned(),
        |policy| format!("revision {}, digest {}", policy.revision, policy.digest()),
    );
    let wish = Wish { by: by(&actor), expect_revision, force };
    desk.change(&actor, format!("apply policy {what}{}", forced(force)), async move {
        let applied = policy::apply(&desk.control, &document, wish).await;
        applied.map(|active| Response::new(convert::policy(&active))).map_err(refusal)
    })
    .await
}

pub(super) async fn rollback(
    desk: &Desk,
    request: Request<wire::RollbackPolicyRequest>,
) -> Answer<wire::Policy> {
    let actor = Actor::of(&request);
    let wire::RollbackPolicyRequest { revision, expect_revision, force } = request.into_inner();
    let wish = Wish { by: by(&actor), expect_revision, force };
    desk.change(&actor, format!("roll the policy back to revision {revision}{}", forced(force)), async move {
        let applied = policy::rollback(&desk.control, revision, wish).await;
        applied.map(|active| Response::new(convert::policy(&active))).map_err(refusal)
    })
    .await
}

fn forced(force: bool) -> &'static str {
    if force { ", forced" } else { "" }
}

/// As it stands in the history of policies.
fn by(actor: &Actor) -> policy::Actor {
    policy::Actor { name: actor.name.clone(), from: actor.place() }
}

pub(super) async fn plan(desk: &Desk, request: Request<wire::PlanPolicyRequest>) -> Answer<wire::PolicyPlan> {
    let plan = policy::plan(&desk.control, &request.into_inner().document).await.map_err(refusal)?;
    Ok(Response::new(wire_plan(&plan)))
}

pub(super) async fn history(desk: &Desk) -> Answer<List<wire::PolicyRecord>> {
    let records = policy::history(&desk.control).await.map_err(refusal)?;
    let wired = |policy::Record { revision, digest, at_unix_us, by, document }| wire::PolicyRecord {
        revision,
        digest,
        applied_at_us: at_unix_us,
        by: by.name,
        from: by.from,
        document,
    };
    Ok(Response::new(Box::pin(iter(records.into_iter().map(wired).map(Ok)))))
}

pub(super) async fn status(desk: &Desk) -> Answer<wire::PolicyStatus> {
    let store = desk.control.store();
    let policy::HealthState { trouble, seen_unix_us, refused } = store.health();
    let (refused, refused_at_us) = refused.unwrap_or_default();
    let (active, nodes) = desk
        .ask(|control| {
            let nodes: Vec<wire::Node> = control.nodes().iter().map(convert::node).collect();
            (convert::policy(control.policy()), nodes)
        })
        .await?;
    Ok(Response::new(wire::PolicyStatus {
        drift: nodes.iter().any(|node| node.policy_digest != active.digest),
        revision: active.revision,
        digest: active.digest,
        store: store.kind().to_owned(),
        place: store.place(),
        // What was never asked is not up.
        store_up: trouble.is_none() && (seen_unix_us > 0 || store.kind() != "etcd"),
        trouble: trouble.unwrap_or_default(),
        seen_at_us: seen_unix_us,
        refused,
        refused_at_us,
        nodes,
    }))
}

#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn refusal(why: NotApplied) -> Refusal {
    let text = why.to_string();
    match why {
        NotApplied::Bad(_) => Refusal::invalid_argument(text),
        NotApplied::Old { .. }
        | NotApplied::Unexpected { .. }
        | NotApplied::Unreachable { .. }
        | NotApplied::Store(StoreError::Raced { .. }) => Refusal::failed_precondition(text),
        NotApplied::Unknown { .. } => Refusal::not_found(text),
        NotApplied::Store(StoreError::Away(_)) | NotApplied::Ending => Refusal::unavailable(text),
        NotApplied::Store(StoreError::Refused(_) | StoreError::File { .. }) => Refusal::internal(text),
    }
}

fn wire_plan(plan: &Plan) -> wire::PolicyPlan {
    let Plan { at: _, old_revision, new_revision, unreachable, findings, shifts, pairs, .. } = plan;
    let Plan { recorded, samples, worst_moments, .. } = plan;
    let count = |count: &usize| u32::try_from(*count).unwrap_or(u32::MAX);
    let lost = |Unreachable { from, to, calls, why }: &Unreachable| wire::PolicyUnreachable {
        from: from.to_string(),
        to: to.to_string(),
        calls: calls.clone(),
        why: why.clone(),
    };
    let finding = |Finding { severity, rule, what }: &Finding| wire::PolicyFinding {
        severity: match severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
        .to_owned(),
        rule: rule.clone(),
        what: what.clone(),
    };
    wire::PolicyPlan {
        old_revision: *old_revision,
        new_revision: *new_revision,
        has_errors: plan.has_errors(),
        unreachable: unreachable.iter().map(lost).collect(),
        findings: findings.iter().map(finding).collect(),
        shifts: shifts.iter().map(shift).collect(),
        pairs: count(pairs),
        recorded_minutes: count(recorded),
        samples: count(samples),
        worst_moments: count(worst_moments),
        text: plan.to_string(),
    }
}

fn shift(shift: &Shift) -> wire::PolicyShift {
    let Shift { from, to, calls, now, share, lost_share, delta_r_mean, delta_r_worst, delta_usd_per_gb } =
        shift;
    wire::PolicyShift {
        from: from.to_string(),
        to: to.to_string(),
        calls: calls.clone(),
        now: now.as_ref().map(step),
        share: *share,
        lost_share: *lost_share,
        delta_r_mean: *delta_r_mean,
        delta_r_worst: *delta_r_worst,
        delta_usd_per_gb: *delta_usd_per_gb,
    }
}

fn step(Step { old, new, delta_r, delta_usd_per_gb }: &Step) -> wire::PolicyStep {
    let path = |path: &Option<Path>| path.as_ref().map(convert::regions).unwrap_or_default();
    wire::PolicyStep {
        old: path(old),
        new: path(new),
        delta_r: *delta_r,
        delta_usd_per_gb: *delta_usd_per_gb,
    }
}
