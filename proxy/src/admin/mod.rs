//! The admin API: what operators ask. Every answer is a question to the control task, so it is one moment's truth. The
//! service only delegates: each topic has its room.

mod actor;
mod audit;
mod convert;
mod door;
mod links;
mod nodes;
mod orders;
mod policy;
mod registrations;
mod routes;
mod watch;

use crate::{
    control::{Control, Handle},
    record::Reader,
};
use ringway_node::operator::Role;
use ringway_proto::{
    DESCRIPTOR,
    admin::{
        ApplyPolicyRequest, AuditEntry, AuditEvent, CheckPolicyRequest, ExplainRouteRequest, Explanation,
        GetPolicyRequest, GetPolicyStatusRequest, GetStatusRequest, Link, LinkEvent, ListAuditRequest,
        ListLinksRequest, ListNodesRequest, ListOverridesRequest, ListPolicyHistoryRequest,
        ListRegionsRequest, ListRegistrationsRequest, ListRouteChangesRequest, ListRoutesRequest, Node,
        NodeEvent, Override, PlanPolicyRequest, Policy, PolicyPlan, PolicyRecord, PolicyStatus,
        PolicyVerdict, RegionState, Registration, RevokeOverrideRequest, RollbackPolicyRequest, Route,
        RouteChange, RouteEvent, SetOverrideRequest, Status, WatchAuditRequest, WatchLinksRequest,
        WatchNodesRequest, WatchRoutesRequest,
        admin_server::{Admin, AdminServer},
    },
};
use ringway_router::Region;
use std::pin::Pin;
use tokio::net::TcpListener;
use tokio_stream::{Stream, iter};
use tonic::{
    Request, Response, Status as Refusal,
    transport::{Server, server::TcpIncoming},
};

pub use actor::Actor;
pub use audit::Audit;
pub use door::Door;

/// Serves operators until the process ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    control: Handle,
    door: Door,
    audit: Audit,
    record: Reader,
) -> Result<(), tonic::transport::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<AdminServer<Desk>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .build_v1()
        .unwrap_or_else(|error| unreachable!("the descriptors are compiled in: {error}"));
    let mut server = Server::builder();
    let tls = door.tls.is_some();
    if let Some(tls) = door.tls {
        server = server.tls_config(tls)?;
    }
    let desk = Desk { control, audit, record, tls };
    // Health and reflection say nothing about the mesh: whoever gets through TLS may ask.
    server
        .add_service(health_service)
        .add_service(reflection)
        .add_service(AdminServer::with_interceptor(desk, door.doorman))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
}

struct Desk {
    control: Handle,
    audit: Audit,
    record: Reader,
    tls: bool,
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

    /// Does what changes something: only for those who may, and noted whatever becomes of it.
    async fn change<T>(
        &self,
        actor: &Actor,
        what: String,
        change: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let answer = match self.admit(actor).await {
            Ok(()) => change.await,
            Err(refusal) => Err(refusal),
        };
        let result = match &answer {
            Ok(_) => "done".to_owned(),
            Err(refusal) => format!("refused: {}", refusal.message()),
        };
        self.audit.note(self.control.clock().unix_us(), actor, what, result).await;
        answer
    }

    async fn admit(&self, actor: &Actor) -> Result<(), Refusal> {
        if actor.role != Role::Operate {
            let why = format!("{} may read, but not change anything: the role operate is needed", actor.name);
            return Err(Refusal::permission_denied(why));
        }
        let writable = self.audit.is_writable().await;
        writable.map_err(|error| {
            Refusal::failed_precondition(format!("nothing is changed that the audit cannot note: {error}"))
        })
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

    type WatchNodesStream = List<NodeEvent>;
    async fn watch_nodes(&self, _: Request<WatchNodesRequest>) -> Answer<List<NodeEvent>> {
        nodes::watch(self).await
    }

    type ListLinksStream = List<Link>;
    async fn list_links(&self, _: Request<ListLinksRequest>) -> Answer<List<Link>> {
        links::list(self).await
    }

    type WatchLinksStream = List<LinkEvent>;
    async fn watch_links(&self, _: Request<WatchLinksRequest>) -> Answer<List<LinkEvent>> {
        links::watch(self).await
    }

    type ListRegionsStream = List<RegionState>;
    async fn list_regions(&self, _: Request<ListRegionsRequest>) -> Answer<List<RegionState>> {
        orders::regions(self).await
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

    type ListRouteChangesStream = List<RouteChange>;
    async fn list_route_changes(
        &self,
        request: Request<ListRouteChangesRequest>,
    ) -> Answer<List<RouteChange>> {
        routes::changes(self, request).await
    }

    async fn set_override(&self, request: Request<SetOverrideRequest>) -> Answer<Override> {
        orders::set(self, request).await
    }

    async fn revoke_override(&self, request: Request<RevokeOverrideRequest>) -> Answer<Override> {
        orders::revoke(self, request).await
    }

    type ListOverridesStream = List<Override>;
    async fn list_overrides(&self, _: Request<ListOverridesRequest>) -> Answer<List<Override>> {
        orders::list(self).await
    }

    type ListAuditStream = List<AuditEntry>;
    async fn list_audit(&self, request: Request<ListAuditRequest>) -> Answer<List<AuditEntry>> {
        audit::list(self, request)
    }

    type WatchAuditStream = List<AuditEvent>;
    async fn watch_audit(&self, _: Request<WatchAuditRequest>) -> Answer<List<AuditEvent>> {
        audit::watch(self)
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
