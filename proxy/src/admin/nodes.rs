//! The nodes of the mesh, and the one that is asked.

use super::{
    Answer, Desk, List, convert,
    watch::{self, News},
};
use ringway_proto::admin::{Node, NodeEvent, Status, node_event::Event};
use tonic::Response;

pub(super) async fn status(desk: &Desk) -> Answer<Status> {
    let record = desk.record.facts().await.unwrap_or_default();
    let (audit_file, tls) = (desk.audit.place(), desk.tls);
    Ok(Response::new(desk.ask(move |control| convert::status(control, record, audit_file, tls)).await?))
}

pub(super) async fn list(desk: &Desk) -> Answer<List<Node>> {
    desk.list(|control| control.nodes().iter().map(convert::node).collect()).await
}

pub(super) async fn watch(desk: &Desk) -> Answer<List<NodeEvent>> {
    let list = |control: &mut crate::control::Control| {
        let nodes = control.nodes();
        let keyed = nodes.iter().map(|node| {
            let node = convert::node(node);
            // That a word was heard is no news.
            let seen = Node { heard_ms_ago: 0, ..node.clone() };
            (format!("{}/{}", node.region, node.node), seen, node)
        });
        keyed.collect()
    };
    let event = |news| NodeEvent {
        event: Some(match news {
            News::Present(node) => Event::Present(node),
            News::Marker(marker) => Event::Marker(marker),
            News::Changed(node) => Event::Changed(node),
            News::Gone(name) => Event::Gone(name),
        }),
    };
    watch::watch(desk, list, event).await
}
