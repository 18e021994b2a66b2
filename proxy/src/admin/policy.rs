//! The route policy: read, judged, replaced.

use super::{Answer, Desk, convert};
use crate::control::NotApplied;
use ringway_proto::admin::{ApplyPolicyRequest, CheckPolicyRequest, Policy, PolicyVerdict};
use tonic::{Request, Response, Status as Refusal};

pub(super) async fn get(desk: &Desk) -> Answer<Policy> {
    Ok(Response::new(desk.ask(|control| convert::policy(control.policy())).await?))
}

pub(super) async fn check(desk: &Desk, request: Request<CheckPolicyRequest>) -> Answer<PolicyVerdict> {
    let document = request.into_inner().document;
    let verdict = desk.ask(move |control| match ringway_router::Policy::parse(&document) {
        Ok(policy) => PolicyVerdict {
            good: true,
            error: String::new(),
            revision: policy.revision,
            warnings: control.policy_warnings(&policy),
        },
        Err(error) => PolicyVerdict { error: error.to_string(), ..PolicyVerdict::default() },
    });
    Ok(Response::new(verdict.await?))
}

pub(super) async fn apply(desk: &Desk, request: Request<ApplyPolicyRequest>) -> Answer<Policy> {
    let document = request.into_inner().document;
    let applied =
        desk.ask(move |control| control.apply_policy(&document).map(|()| convert::policy(control.policy())));
    applied.await?.map(Response::new).map_err(|why| match why {
        NotApplied::Bad(error) => Refusal::invalid_argument(error.to_string()),
        NotApplied::Old { .. } => Refusal::failed_precondition(why.to_string()),
        NotApplied::Unwritable { .. } => Refusal::internal(why.to_string()),
    })
}
