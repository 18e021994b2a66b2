//! The routes of the node's region: what they are, how they change, and why.

use super::{Answer, Desk, List, convert, region};
use crate::{
    control::Control,
    record::{NotReplayed, Past, changes as recorded},
};
use ringway_proto::admin::{
    ExplainRouteRequest, Explanation, ListRouteChangesRequest, Marker, Route, RouteChange, RouteEvent,
    route_event::Event,
};
use ringway_router::{Class, InvalidName, Region, Tenant, Time, Traffic};
use tokio_stream::{StreamExt as _, iter, wrappers::BroadcastStream};
use tonic::{Request, Response, Status as Refusal};

pub(super) async fn list(desk: &Desk) -> Answer<List<Route>> {
    desk.list(|control| routes(control)).await
}

pub(super) async fn watch(desk: &Desk) -> Answer<List<RouteEvent>> {
    let (present, changes) = desk.ask(|control| (routes(control), control.watch_changes())).await?;
    let event = |event| RouteEvent { event: Some(event) };
    let present = present.into_iter().map(Event::Present).chain([Event::Marker(Marker {})]);
    let changes = BroadcastStream::new(changes).map(move |change| match change {
        Ok(change) => Ok(event(Event::Change(convert::change(&change)))),
        // A watcher that lost something must not believe that it knows.
        Err(lagged) => Err(Refusal::data_loss(format!("too slow: {lagged}; watch anew"))),
    });
    Ok(Response::new(Box::pin(iter(present.map(move |present| Ok(event(present)))).chain(changes))))
}

pub(super) async fn explain(desk: &Desk, request: Request<ExplainRouteRequest>) -> Answer<Explanation> {
    let ExplainRouteRequest { from, to, class, at_us, tenant, called } = request.into_inner();
    let (from, to) = (region("from", &from)?, region("to", &to)?);
    if from == to {
        return Err(Refusal::invalid_argument("from and to are the same region"));
    }
    let wrong = |error: InvalidName| Refusal::invalid_argument(error.to_string());
    let class = if class.is_empty() { Class::voice() } else { Class::try_from(class).map_err(wrong)? };
    let tenant = Some(tenant).filter(|name| !name.is_empty()).map(Tenant::try_from).transpose();
    let traffic = Traffic { class, tenant: tenant.map_err(wrong)?, called };
    let explanation = if at_us == 0 {
        let explained = desk.ask(move |control| {
            let mut explained = control.router().explain(control.time(), &from, &to, &traffic);
            if let Some(asked) = control.asked(&from, &to) {
                let notes = [asked, explained.note].into_iter().filter(|note| !note.is_empty());
                explained.note = notes.collect::<Vec<_>>().join(". ");
            }
            convert::explanation(&control.facts().own, control.router().table().epoch, &explained)
        });
        explained.await?
    } else {
        explain_past(desk, Time::from_micros(at_us), from, to, traffic).await?
    };
    Ok(Response::new(explanation))
}

async fn explain_past(
    desk: &Desk,
    at: Time,
    from: Region,
    to: Region,
    traffic: Traffic,
) -> Result<Explanation, Refusal> {
    if at.micros() > desk.control.clock().unix_us() {
        return Err(Refusal::invalid_argument("at: that is in the future"));
    }
    let own = desk.ask(|control| control.facts().own.clone()).await?;
    // The segment behind it too: it says whether something is missing in between.
    let segments = desk.record.segments(at, Time::from_micros(u64::MAX)).await;
    let explained = move || {
        let past = Past::at(at, &segments)?;
        let mut explanation = past.router.explain(at, &from, &to, &traffic);
        if !past.note.is_empty() {
            explanation.note = [past.note, explanation.note].join(". ");
        }
        Ok(convert::explanation(&own, past.router.table().epoch, &explanation))
    };
    on_the_side(explained).await
}

/// The changes of one route, from the record.
pub(super) async fn changes(
    desk: &Desk,
    request: Request<ListRouteChangesRequest>,
) -> Answer<List<RouteChange>> {
    let ListRouteChangesRequest { from, to, since_us } = request.into_inner();
    let (from, to) = (region("from", &from)?, region("to", &to)?);
    let since = Time::from_micros(since_us);
    let segments = desk.record.segments(since, Time::from_micros(u64::MAX)).await;
    let changes = on_the_side(move || recorded(&segments, since)).await?;
    let wanted = changes.into_iter().filter(move |change| (&change.from, &change.to) == (&from, &to));
    Ok(Response::new(Box::pin(iter(wanted.map(|change| Ok(convert::change(&change)))))))
}

/// Reading hours of record takes its time, and the other tasks do not wait for it.
async fn on_the_side<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotReplayed> + Send + 'static,
) -> Result<T, Refusal> {
    let done =
        tokio::task::spawn_blocking(work).await.map_err(|panic| Refusal::internal(panic.to_string()))?;
    done.map_err(|error| match error {
        NotReplayed::Before => Refusal::not_found(error.to_string()),
        NotReplayed::Unreadable(_) => Refusal::internal(error.to_string()),
    })
}

fn routes(control: &Control) -> Vec<Route> {
    let table = control.router().table();
    table.routes().map(|route| convert::route(&table.home, table.epoch, route)).collect()
}
