//! The nodes of the mesh, and the one that is asked.

use super::{Answer, Desk, List, convert};
use ringway_proto::admin::{Node, Status};
use tonic::Response;

pub(super) async fn status(desk: &Desk) -> Answer<Status> {
    Ok(Response::new(desk.ask(|control| convert::status(control)).await?))
}

pub(super) async fn list(desk: &Desk) -> Answer<List<Node>> {
    desk.list(|control| control.nodes().iter().map(convert::node).collect()).await
}
