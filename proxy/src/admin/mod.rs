//! The admin API: what operators ask. Every answer is a question to the control task, so it is one moment's truth. The
//! service only delegates: each topic has its room.

mod convert;
mod links;
mod nodes;
mod policy;
mod registrations;
mod routes;

use crate::control::{Control, Handle};
use ringway_proto::{
    DESCRIPTOR,
    admin::{
        ApplyPolicyRequest, CheckPolicyRequest, ExplainRouteRequest, Explanation, GetPolicyRequest,
        GetPolicyStatusRequest, GetStatusRequest, Link, ListLinksRequest, ListNodesRequest,
        ListPolicyHistoryRequest, ListRegistrationsRequest, ListRoutesRequest, Node, PlanPolicyRequest, Policy,
        PolicyPlan, PolicyRecord, PolicyStatus, PolicyVerdict, Registration, RollbackPolicyRequest, Route,
        RouteEvent, Status, WatchRoutesRequest,
        admin_server::{Admin, AdminServer},
    },
};
use ringway_router::Region;
use std::pin::Pin;
use tokio::net::TcpListener;
use tokio_stream::{Stream, iter, wrappers::TcpListenerStream};
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
        nodes::status(self).await
    }

    type ListNodesStream = List<Node>;
    async fn list_nodes(&self, _: Request<ListNodesRequest>) -> Answer<List<Node>> {
        nodes::list(self).await
    }

    type ListLinksStream = List<Link>;
    async fn list_links(&self, _: Request<ListLinksRequest>) -> Answer<List<Link>> {
        links::list(self).await
    }

    type ListRoutesStream = List<Route>;
    async fn list_routes(&self, _: Request<ListRoutesRequest>) -> Answer<List<Route>> {
        routes::list(self).await
    }

    type WatchRoutesStream = List<RouteEvent>;
    async fn watch_routes(&self, _: Request<WatchRoutesRequest>) -> Answer<List<RouteEvent>> {
        routes::watch(self).await
    }

    async fn explain_route(&self, request: Request<ExplainRouteRequest>) -> Answer<Explanation> {
        routes::explain(self, request).await
    }

    type ListRegistrationsStream = List<Registration>;
    async fn list_registrations(
        &self,
        request: Request<ListRegistrationsRequest>,
    ) -> Answer<List<Registration>> {
        registrations::list(self, request)
    }

    async fn get_policy(&self, _: Request<GetPolicyRequest>) -> Answer<Policy> {
        policy::get(self).await
    }

    async fn check_policy(&self, request: Request<CheckPolicyRequest>) -> Answer<PolicyVerdict> {
        policy::check(self, request).await
    }

    async fn apply_policy(&self, request: Request<ApplyPolicyRequest>) -> Answer<Policy> {
        policy::apply(self, request).await
    }

    async fn plan_policy(&self, request: Request<PlanPolicyRequest>) -> Answer<PolicyPlan> {
        policy::plan(self, request).await
    }

    type ListPolicyHistoryStream = List<PolicyRecord>;
    async fn list_policy_history(&self, _: Request<ListPolicyHistoryRequest>) -> Answer<List<PolicyRecord>> {
        policy::history(self).await
    }

    async fn rollback_policy(&self, request: Request<RollbackPolicyRequest>) -> Answer<Policy> {
        policy::rollback(self, request).await
    }

    async fn get_policy_status(&self, _: Request<GetPolicyStatusRequest>) -> Answer<PolicyStatus> {
        policy::status(self).await
    }
}

fn region(field: &str, text: &str) -> Result<Region, Refusal> {
    Region::try_from(text).map_err(|error| Refusal::invalid_argument(format!("{field}: {error}")))
}
