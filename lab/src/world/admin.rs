//! The lab's only window into a node: the admin API that operators use. This file alone knows the wire types.

use std::{collections::HashSet, net::SocketAddrV4, time::Duration};

use ringway_proto::admin::{
    ApplyPolicyRequest, GetStatusRequest, Link, ListLinksRequest, ListNodesRequest, ListRoutesRequest, Node,
    Route, RouteChange, RouteEvent, Status, WatchRoutesRequest, admin_client::AdminClient,
    route_event::Event,
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::{Channel, Endpoint};

/// A node that does not answer within this is not well; loopback answers in microseconds.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// A client of one node; clones share the connection.
#[derive(Clone, Debug)]
pub struct Admin {
    client: AdminClient<Channel>,
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Whether it takes calls.
    pub ready: bool,
    /// The revision of the policy in force; 0 for none.
    pub policy_revision: u64,
    /// Nodes that it knows to be alive.
    pub nodes_live: u32,
    /// Calls that it took in from its edge.
    pub calls_total: u64,
}

/// A link as the mesh measures it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredLink {
    /// The region that it starts in.
    pub from: String,
    /// The region that it ends in.
    pub to: String,
    /// Whether anything passes.
    pub up: bool,
    /// One way, p95.
    pub delay_ms: f64,
    /// From 0 to 1.
    pub loss: f64,
}

/// The route that a node has for a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenRoute {
    /// The region of the ingress.
    pub from: String,
    /// The region of the egress.
    pub to: String,
    /// The regions of the best path, both ends included; empty when there is none.
    pub path: Vec<String>,
    /// Why it was chosen.
    pub reason: String,
}

/// What a watch on the routes brings: the present, a marker, then changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteNews {
    /// A route as it is.
    Present(ChosenRoute),
    /// The present is complete.
    Marker,
    /// A route has changed; `old` was the path before.
    Changed {
        /// The path before; empty when there was none.
        old: Vec<String>,
        /// The route now.
        route: ChosenRoute,
    },
}

impl Admin {
    /// Connects at first use.
    pub(super) fn new(address: SocketAddrV4) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .unwrap_or_else(|error| unreachable!("an address makes a URI: {error}"));
        Self { client: AdminClient::new(endpoint.connect_timeout(TIMEOUT).connect_lazy()) }
    }

    /// How the node is.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn status(&self) -> Result<NodeStatus, tonic::Status> {
        let mut client = self.client.clone();
        let status = in_time(client.get_status(GetStatusRequest {})).await?.into_inner();
        Ok(status.into())
    }

    /// All links that the node knows of.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn links(&self) -> Result<Vec<MeasuredLink>, tonic::Status> {
        let mut client = self.client.clone();
        in_time(async move {
            let links = client.list_links(ListLinksRequest {}).await?.into_inner();
            links.map(|link| link.map(Into::into)).collect().await
        })
        .await
    }

    /// The nodes, as `region/node`, whose media relay this node could send calls to.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn media_relays(&self) -> Result<HashSet<String>, tonic::Status> {
        let mut client = self.client.clone();
        in_time(async move {
            let nodes = client.list_nodes(ListNodesRequest {}).await?.into_inner();
            let usable = |node: &Node| node.media_relay && node.reachable;
            let relays = nodes.filter(|node| node.as_ref().map_or(true, usable));
            relays
                .map(|node| node.map(|Node { region, node, .. }| format!("{region}/{node}")))
                .collect()
                .await
        })
        .await
    }

    /// The voice routes of the node.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn routes(&self) -> Result<Vec<ChosenRoute>, tonic::Status> {
        let mut client = self.client.clone();
        in_time(async move {
            let routes = client.list_routes(ListRoutesRequest {}).await?.into_inner();
            let voice = routes.filter(|route| route.as_ref().map_or(true, |route| is_voice(&route.class)));
            voice.map(|route| route.map(Into::into)).collect().await
        })
        .await
    }

    /// The voice routes and their changes, for as long as the node lives.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn watch_routes(
        &self,
    ) -> Result<impl Stream<Item = Result<RouteNews, tonic::Status>> + Send + use<>, tonic::Status> {
        let mut client = self.client.clone();
        let events = in_time(client.watch_routes(WatchRoutesRequest {})).await?.into_inner();
        Ok(events.filter_map(|event| event.map(news).transpose()))
    }

    /// Applies a policy document; gives its revision.
    ///
    /// # Errors
    /// The node's refusal, with line, key and reason.
    pub async fn apply_policy(&self, document: &str) -> Result<u64, tonic::Status> {
        let mut client = self.client.clone();
        let request = ApplyPolicyRequest { document: document.to_owned(), ..ApplyPolicyRequest::default() };
        Ok(in_time(client.apply_policy(request)).await?.into_inner().revision)
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, tonic::Status> {
    tokio::time::timeout(TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("the node did not answer in 5 s")))
}

/// None for what concerns other classes, and for events of a newer contract.
fn news(event: RouteEvent) -> Option<RouteNews> {
    match event.event? {
        Event::Present(route) => is_voice(&route.class).then(|| RouteNews::Present(route.into())),
        Event::Marker(_) => Some(RouteNews::Marker),
        Event::Change(change) => is_voice(&change.class).then(|| changed(change)),
    }
}

fn changed(change: RouteChange) -> RouteNews {
    let RouteChange { at_us: _, from, to, class: _, old, new, reason, epoch: _ } = change;
    RouteNews::Changed { old, route: ChosenRoute { from, to, path: new, reason } }
}

/// An empty class means voice, as everywhere in the contract.
fn is_voice(class: &str) -> bool {
    matches!(class, "" | "voice")
}

impl From<Status> for NodeStatus {
    fn from(status: Status) -> Self {
        let Status { ready, policy_revision, nodes_live, calls_total, .. } = status;
        Self { ready, policy_revision, nodes_live, calls_total }
    }
}

impl From<Link> for MeasuredLink {
    fn from(link: Link) -> Self {
        let Link { from, to, up, delay_ms, loss, .. } = link;
        Self { from, to, up, delay_ms, loss }
    }
}

impl From<Route> for ChosenRoute {
    fn from(route: Route) -> Self {
        let Route { from, to, ranked, reason, .. } = route;
        let path = ranked.into_iter().next().map(|first| first.path).unwrap_or_default();
        Self { from, to, path, reason }
    }
}
