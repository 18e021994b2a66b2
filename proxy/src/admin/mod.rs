//! The admin API: what operators ask. Every answer is a question to the control task, so it is one moment's truth.

mod convert;

use crate::{
    control::{Control, Handle},
    location::{BUCKETS, Binding, address_of_record},
};
use ringway_proto::{
    DESCRIPTOR,
    admin::{
        ApplyPolicyRequest, CheckPolicyRequest, ExplainRouteRequest, Explanation, GetPolicyRequest,
        GetStatusRequest, Link, ListLinksRequest, ListNodesRequest, ListRegistrationsRequest,
        ListRoutesRequest, Marker, Node, Policy, PolicyVerdict, Registration, Route, RouteEvent, Status,
        WatchRoutesRequest,
        admin_server::{Admin, AdminServer},
        route_event::Event,
    },
};
use ringway_router::{Class, Region, Traffic};
use std::pin::Pin;
use tokio::net::TcpListener;
use tokio_stream::{
    Stream, StreamExt as _, iter,
    wrappers::{BroadcastStream, TcpListenerStream},
};
use tonic::{Request, Response, Status as Refusal, transport::Server};

/// Serves operators until the process ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, control: Handle) -> Result<(), tonic::transport::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<AdminServer<Desk>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .build_v1()
        .unwrap_or_else(|error| unreachable!("the descriptors are compiled in: {error}"));
    Server::builder()
        .add_service(health_service)
        .add_service(reflection)
        .add_service(AdminServer::new(Desk { control }))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
}

struct Desk {
    control: Handle,
}

type Answer<T> = Result<Response<T>, Refusal>;
type List<T> = Pin<Box<dyn Stream<Item = Result<T, Refusal>> + Send>>;

impl Desk {
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Control) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        self.control.ask(question).await.ok_or_else(|| Refusal::unavailable("the node is ending"))
    }

    async fn list<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Control) -> Vec<T> + Send + 'static,
    ) -> Answer<List<T>> {
        let items = self.ask(question).await?;
        Ok(Response::new(Box::pin(iter(items.into_iter().map(Ok)))))
    }
}

#[tonic::async_trait]
impl Admin for Desk {
    async fn get_status(&self, _: Request<GetStatusRequest>) -> Answer<Status> {
        Ok(Response::new(self.ask(|control| convert::status(control)).await?))
    }

    type ListNodesStream = List<Node>;
    async fn list_nodes(&self, _: Request<ListNodesRequest>) -> Answer<List<Node>> {
        self.list(|control| control.nodes().iter().map(convert::node).collect()).await
    }

    type ListLinksStream = List<Link>;
    async fn list_links(&self, _: Request<ListLinksRequest>) -> Answer<List<Link>> {
        self.list(|control| control.router().links(control.time()).iter().map(convert::link).collect()).await
    }

    type ListRoutesStream = List<Route>;
    async fn list_routes(&self, _: Request<ListRoutesRequest>) -> Answer<List<Route>> {
        self.list(|control| routes(control)).await
    }

    type WatchRoutesStream = List<RouteEvent>;
    async fn watch_routes(&self, _: Request<WatchRoutesRequest>) -> Answer<List<RouteEvent>> {
        let (present, changes) = self.ask(|control| (routes(control), control.watch_changes())).await?;
        let event = |event| RouteEvent { event: Some(event) };
        let present = present.into_iter().map(Event::Present).chain([Event::Marker(Marker {})]);
        let changes = BroadcastStream::new(changes).map(move |change| match change {
            Ok(change) => Ok(event(Event::Change(convert::change(&change)))),
            // A watcher that lost something must not believe that it knows.
            Err(lagged) => Err(Refusal::data_loss(format!("too slow: {lagged}; watch anew"))),
        });
        Ok(Response::new(Box::pin(iter(present.map(move |present| Ok(event(present)))).chain(changes))))
    }

    async fn explain_route(&self, request: Request<ExplainRouteRequest>) -> Answer<Explanation> {
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
        let explained = self.ask(move |control| {
            let traffic = Traffic { class, ..Traffic::voice() };
            let explained = control.router().explain(control.time(), &from, &to, &traffic);
            convert::explanation(control, &explained)
        });
        Ok(Response::new(explained.await?))
    }

    type ListRegistrationsStream = List<Registration>;
    async fn list_registrations(
        &self,
        request: Request<ListRegistrationsRequest>,
    ) -> Answer<List<Registration>> {
        let ListRegistrationsRequest { aor } = request.into_inner();
        let directory = self.control.directory().clone();
        let now_unix_ms = self.control.clock().unix_us() / 1_000;
        let item = |binding: Binding| Ok(convert::registration(&binding));
        if aor.is_empty() {
            // A bucket at a time, as the reader keeps up: a million bindings are not copied at once.
            let all = (0..BUCKETS).flat_map(move |bucket| directory.bucket(bucket, now_unix_ms));
            return Ok(Response::new(Box::pin(iter(all.map(item)))));
        }
        let uri = ringway_sip::Uri::parse(&aor).ok();
        let canonical = uri.as_ref().and_then(address_of_record);
        let canonical = canonical
            .ok_or_else(|| Refusal::invalid_argument("aor: not an address such as sip:alice@example.com"))?;
        Ok(Response::new(Box::pin(iter(directory.lookup(&canonical, now_unix_ms).into_iter().map(item)))))
    }

    async fn get_policy(&self, _: Request<GetPolicyRequest>) -> Answer<Policy> {
        Ok(Response::new(self.ask(|control| convert::policy(control.policy())).await?))
    }

    async fn check_policy(&self, request: Request<CheckPolicyRequest>) -> Answer<PolicyVerdict> {
        let document = request.into_inner().document;
        let verdict = self.ask(move |control| match ringway_router::Policy::parse(&document) {
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

    async fn apply_policy(&self, request: Request<ApplyPolicyRequest>) -> Answer<Policy> {
        use crate::control::NotApplied;
        let document = request.into_inner().document;
        let applied = self
            .ask(move |control| control.apply_policy(&document).map(|()| convert::policy(control.policy())));
        applied.await?.map(Response::new).map_err(|why| match why {
            NotApplied::Bad(error) => Refusal::invalid_argument(error.to_string()),
            NotApplied::Old { .. } => Refusal::failed_precondition(why.to_string()),
            NotApplied::Unwritable { .. } => Refusal::internal(why.to_string()),
        })
    }
}

fn routes(control: &Control) -> Vec<Route> {
    let table = control.router().table();
    table.routes().map(|route| convert::route(&table.home, table.epoch, route)).collect()
}

fn region(field: &str, text: &str) -> Result<Region, Refusal> {
    Region::try_from(text).map_err(|error| Refusal::invalid_argument(format!("{field}: {error}")))
}
