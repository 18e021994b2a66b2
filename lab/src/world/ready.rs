//! When a world is up.

use std::time::Duration;

use tokio::time::sleep;

use super::{Node, POLL, World, WorldError};
use crate::clock;

/// A debug build on a busy machine needs seconds for its keys and first probes; beyond this something is wrong.
const READY_LIMIT: Duration = Duration::from_secs(30);

impl World {
    /// Waits until every node is ready, has a route to every region, and knows every relay.
    pub(super) async fn ready(&self) -> Result<(), WorldError> {
        for node in self.live_nodes() {
            node.ready(READY_LIMIT).await?;
        }
        let end = clock::now() + READY_LIMIT;
        for node in self.live_nodes() {
            while let Some(to) = self.missing_route(node).await {
                if clock::now() >= end {
                    return Err(WorldError::NoRoute { node: node.to_string(), to, limit: READY_LIMIT });
                }
                sleep(POLL).await;
            }
            while let Some(of) = self.missing_relay(node).await {
                if clock::now() >= end {
                    return Err(WorldError::NoRelay { node: node.to_string(), of, limit: READY_LIMIT });
                }
                sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// A node whose media relay this one does not know, though it should.
    async fn missing_relay(&self, node: &Node) -> Option<String> {
        if !self.spec.relays {
            return None;
        }
        let known = node.admin().media_relays().await.unwrap_or_default();
        self.live_nodes().map(ToString::to_string).find(|other| !known.contains(other))
    }

    /// A region that the node has no route to.
    async fn missing_route(&self, node: &Node) -> Option<String> {
        let routes = node.admin().routes().await.unwrap_or_default();
        let reached = |to: &str| {
            routes.iter().any(|route| route.from == node.region() && route.to == to && !route.path.is_empty())
        };
        let mut others = self.plan.regions().filter(|region| *region != node.region());
        others.find(|region| !reached(region)).map(str::to_owned)
    }
}
