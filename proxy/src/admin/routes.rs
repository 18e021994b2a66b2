//! The routes of the node's region: what they are, how they change, and why.

use super::{Answer, Desk, List, convert, region};
use crate::control::Control;
use ringway_proto::admin::{ExplainRouteRequest, Explanation, Marker, Route, RouteEvent, route_event::Event};
use ringway_router::{Class, Traffic};
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
    let ExplainRouteRequest { from, to, class } = request.into_inner();
    let (from, to) = (region("from", &from)?, region("to", &to)?);
    if from == to {
        return Err(Refusal::invalid_argument("from and to are the same region"));
    }
    let class = if class.is_empty() {
        Class::voice()
    } else {
        Class::try_from(class.as_str()).map_err(|error| Refusal::invalid_argument(error.to_string()))?
    };
    let explained = desk.ask(move |control| {
        let traffic = Traffic { class, ..Traffic::voice() };
        let explained = control.router().explain(control.time(), &from, &to, &traffic);
        convert::explanation(control, &explained)
    });
    Ok(Response::new(explained.await?))
}

fn routes(control: &Control) -> Vec<Route> {
    let table = control.router().table();
    table.routes().map(|route| convert::route(&table.home, table.epoch, route)).collect()
}
