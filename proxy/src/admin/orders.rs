//! Orders by hand: links off, regions drained, routes pinned.

use super::{Actor, Answer, Desk, List, convert, region};
use crate::{control::NotOrdered, mesh::instruction::Subject};
use ringway_proto::admin::{
    LinkName, Override, Pin, RegionState, RevokeOverrideRequest, SetOverrideRequest, Subject as WireSubject,
    subject,
};
use ringway_router::{Order, Path, Region};
use std::time::Duration;
use tonic::{Request, Response, Status as Refusal};

/// Longer than this nobody means.
const LASTS_MAX: Duration = Duration::from_secs(400 * 86_400);

pub(super) async fn list(desk: &Desk) -> Answer<List<Override>> {
    desk.list(|control| control.orders().iter().map(convert::standing).collect()).await
}

pub(super) async fn regions(desk: &Desk) -> Answer<List<RegionState>> {
    desk.list(|control| {
        let (nodes, orders) = (control.nodes(), control.orders());
        let state = |region: Region| convert::region_state(&region, &nodes, &orders);
        control.known_regions().into_iter().map(state).collect()
    })
    .await
}

pub(super) async fn set(desk: &Desk, request: Request<SetOverrideRequest>) -> Answer<Override> {
    let actor = Actor::of(&request);
    let SetOverrideRequest { subject, for_ms, why } = request.into_inner();
    let lasts = (for_ms > 0).then(|| Duration::from_millis(for_ms).min(LASTS_MAX));
    let what = format!("{}{}{}", words("set", subject.as_ref()), lasting(lasts), because(&why));
    let by = actor.name.clone();
    desk.change(&actor, what, async move {
        let order = order(subject)?;
        let ordered = desk.ask(move |control| control.order(order, lasts, &by, &why)).await?;
        ordered.map(|standing| Response::new(convert::standing(&standing))).map_err(refusal)
    })
    .await
}

pub(super) async fn revoke(desk: &Desk, request: Request<RevokeOverrideRequest>) -> Answer<Override> {
    let actor = Actor::of(&request);
    let RevokeOverrideRequest { subject } = request.into_inner();
    let what = words("take back", subject.as_ref());
    let by = actor.name.clone();
    desk.change(&actor, what, async move {
        let subject = Subject::of(&order(subject)?);
        let taken = desk.ask(move |control| control.take_back(&subject, &by)).await?;
        taken.map(|standing| Response::new(convert::standing(&standing))).map_err(refusal)
    })
    .await
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refusal(error: NotOrdered) -> Refusal {
    let why = error.to_string();
    match error {
        NotOrdered::Unknown(_) | NotOrdered::Endless | NotOrdered::Long => Refusal::invalid_argument(why),
        NotOrdered::None(_) => Refusal::not_found(why),
        NotOrdered::Full => Refusal::resource_exhausted(why),
        NotOrdered::Unwritable { .. } => Refusal::internal(why),
    }
}

fn order(subject: Option<WireSubject>) -> Result<Order, Refusal> {
    let subject = subject.and_then(|subject| subject.subject);
    match subject.ok_or_else(|| Refusal::invalid_argument("subject: needed"))? {
        subject::Subject::Link(LinkName { from, to }) => {
            let (from, to) = (region("from", &from)?, region("to", &to)?);
            if from == to {
                return Err(Refusal::invalid_argument("from and to are the same region"));
            }
            Ok(Order::DisableLink { from, to })
        }
        subject::Subject::Region(name) => Ok(Order::DrainRegion(region("region", &name)?)),
        subject::Subject::Route(Pin { path }) => {
            let path = path.iter().map(|name| region("path", name)).collect::<Result<Vec<_>, _>>()?;
            let path =
                Path::new(path).map_err(|error| Refusal::invalid_argument(format!("path: {error}")))?;
            Ok(Order::PinRoute(path))
        }
    }
}

/// For the audit.
fn words(verb: &str, subject: Option<&WireSubject>) -> String {
    match subject.and_then(|subject| subject.subject.as_ref()) {
        Some(subject::Subject::Link(LinkName { from, to })) => format!("{verb} disabled link {from} > {to}"),
        Some(subject::Subject::Region(name)) => format!("{verb} drained region {name}"),
        Some(subject::Subject::Route(Pin { path })) => format!("{verb} pinned route {}", path.join(" > ")),
        None => format!("{verb} nothing"),
    }
}

fn lasting(lasts: Option<Duration>) -> String {
    lasts.map_or_else(String::new, |lasts| format!(" for {} s", lasts.as_secs_f64()))
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}
