//! What operators do with a policy: plan, apply, look back, go back. Every step is refused with a reason or done whole.

use super::{Actor, HISTORY, Present, Record, renumbered, revision_of};
use crate::control::{ActivePolicy, Control, Handle, NotApplied};
use ringway_router::{Basis, Plan, Policy};
use std::sync::Arc;

/// How something is to be applied.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who wants it.
    pub by: Actor,
    /// Only while this is the active revision.
    pub expect_revision: Option<u64>,
    /// Although calls would lose their last path.
    pub force: bool,
}

/// Applies a document: checked, tried, put into the store, and obeyed from the next message on.
///
/// # Errors
/// When it is refused. Nothing has changed then.
pub async fn apply(control: &Handle, document: &str, wish: Wish) -> Result<ActivePolicy, NotApplied> {
    let policy = Policy::parse(document).inspect_err(|_| control.metrics().policy_refused())?;
    let present = control.store().present().await?;
    let applied = establish(control, policy, present, wish).await;
    applied.inspect_err(|_| control.metrics().policy_refused())
}

/// Applies the rules of an old document again, under a new revision.
///
/// # Errors
/// When there is no record of it, or it is refused. Nothing has changed then.
pub async fn rollback(control: &Handle, revision: u64, wish: Wish) -> Result<ActivePolicy, NotApplied> {
    let present = control.store().present().await?;
    let active = ask(control, |control| control.policy().policy.revision).await?;
    let newest = active.max(present.document.as_deref().map_or(0, revision_of));
    let records = control.store().history().await?;
    let record = records.into_iter().find(|record| record.revision == revision);
    let record = record.ok_or(NotApplied::Unknown { revision, kept: HISTORY })?;
    // A fleet that shares a store is asked at every address; once is enough.
    let done = renumbered(&record.document, newest)?;
    let is_done = present.document.as_deref() == Some(done.document());
    let policy = if is_done { done } else { renumbered(&record.document, newest + 1)? };
    establish(control, policy, present, wish).await
}

/// What a document would change, now and over the recorded day.
///
/// # Errors
/// When it is no policy.
pub async fn plan(control: &Handle, document: &str) -> Result<Plan, NotApplied> {
    let policy = Policy::parse(document)?;
    let basis = ask(control, |control| control.router().basis(control.time())).await?;
    tried(basis, policy).await.map(|(plan, _)| plan)
}

/// The documents that were active, the newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn history(control: &Handle) -> Result<Vec<Record>, NotApplied> {
    Ok(control.store().history().await?)
}

async fn establish(
    control: &Handle,
    policy: Policy,
    present: Present,
    wish: Wish,
) -> Result<ActivePolicy, NotApplied> {
    if present.document.as_deref() == Some(policy.document()) {
        // Applied before, here or elsewhere in the fleet.
        return obey(control, policy).await;
    }
    let basis = ask(control, |control| control.router().basis(control.time())).await?;
    let known = &basis.policy;
    let active = known.revision.max(present.document.as_deref().map_or(0, revision_of));
    if let Some(expected) = wish.expect_revision
        && expected != active
    {
        return Err(NotApplied::Unexpected { expected, active });
    }
    // A store that lost what this node still knows gets it again.
    let is_known = policy.revision == active && policy.digest() == known.digest();
    if policy.revision <= active && !is_known {
        return Err(NotApplied::Old { offered: policy.revision, active });
    }
    let policy = if wish.force || is_known { policy } else { reachable(basis, policy).await? };
    let record = Record::of(&policy, wish.by, control.clock().unix_us());
    control.store().commit(record, present.version).await?;
    obey(control, policy).await
}

/// The same policy, if no calls lose their last path by it, whatever the recorded day says.
async fn reachable(basis: Basis, policy: Policy) -> Result<Policy, NotApplied> {
    let (plan, policy) = tried(Basis { history: Arc::default(), ..basis }, policy).await?;
    let Some(first) = plan.unreachable.first() else { return Ok(policy) };
    let calls = if first.calls.is_empty() { String::new() } else { format!(" ({})", first.calls) };
    Err(NotApplied::Unreachable {
        first: format!("{} > {}{calls}: {}", first.from, first.to, first.why),
        more: plan.unreachable.len() - 1,
    })
}

/// Scoring takes up to seconds: not on a thread that others wait for.
async fn tried(basis: Basis, policy: Policy) -> Result<(Plan, Policy), NotApplied> {
    let tried = tokio::task::spawn_blocking(move || (basis.plan(&policy), policy)).await;
    tried.map_err(|_| NotApplied::Ending)
}

async fn obey(control: &Handle, policy: Policy) -> Result<ActivePolicy, NotApplied> {
    ask(control, move |control| {
        // The store's follower may have brought it, or already the next one.
        control.obey_document(policy.document()).map(|_| control.policy().clone())
    })
    .await?
}

async fn ask<T: Send + 'static>(
    control: &Handle,
    question: impl FnOnce(&mut Control) -> T + Send + 'static,
) -> Result<T, NotApplied> {
    control.ask(question).await.ok_or(NotApplied::Ending)
}
