//! `ringway node list`.

use super::{
    Desk, VerbError, collect, json,
    table::{Side, Table},
    time::span,
};
use crate::cli::Target;
use ringway_proto::admin::{ListNodesRequest, Node, WatchNodesRequest, node_event::Event};

pub(super) async fn list(target: &Target) -> Result<(), VerbError> {
    let nodes = fetch(&mut Desk::at(target).await?).await?;
    if target.json {
        json::print(&nodes.iter().map(json::node).collect());
        return Ok(());
    }
    let mut table = Table::new(&[
        ("NODE", Side::Left),
        ("ZONE", Side::Left),
        ("SIP", Side::Left),
        ("STATE", Side::Left),
        ("STREAM", Side::Left),
        ("MEDIA", Side::Left),
        ("HEARD", Side::Right),
        ("POLICY", Side::Right),
        ("EPOCH", Side::Right),
        ("VERSION", Side::Left),
    ]);
    for node in &nodes {
        table.row(vec![
            format!("{}/{}", node.region, node.node),
            node.zone.clone(),
            if node.address.is_empty() { "-".to_owned() } else { node.address.clone() },
            state(node).to_owned(),
            if node.self_ {
                "-"
            } else if node.stream_open {
                "open"
            } else {
                "none"
            }
            .to_owned(),
            if node.media_relay { "relay" } else { "-" }.to_owned(),
            span(node.heard_ms_ago),
            format!("{} {}", node.policy_revision, node.policy_digest),
            node.route_epoch.to_string(),
            node.version.clone(),
        ]);
    }
    print!("{}", table.render());
    Ok(())
}

pub(super) async fn fetch(desk: &mut Desk) -> Result<Vec<Node>, VerbError> {
    let refused = desk.refused();
    let stream = desk.client.list_nodes(ListNodesRequest {}).await.map_err(&refused)?.into_inner();
    collect(stream).await.map_err(refused)
}

pub(super) async fn watch(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let mut events = desk.client.watch_nodes(WatchNodesRequest {}).await.map_err(&refused)?.into_inner();
    while let Some(event) = events.message().await.map_err(&refused)? {
        match event.event {
            Some(Event::Present(node) | Event::Changed(node)) if target.json => {
                json::print_line(&json::node(&node));
            }
            Some(Event::Present(node) | Event::Changed(node)) => println!("{}", line(&node)),
            Some(Event::Gone(name)) if target.json => json::print_line(&serde_json::json!({"gone": name})),
            Some(Event::Gone(name)) => println!("{name}  gone"),
            Some(Event::Marker(_)) => json::print_marker(target.json),
            None => {}
        }
    }
    Ok(())
}

fn line(node: &Node) -> String {
    let Node { region, node: name, policy_revision, policy_digest, route_epoch, .. } = node;
    let state = state(node);
    format!("{region}/{name}  {state}, policy {policy_revision} {policy_digest}, epoch {route_epoch}")
}

fn state(node: &Node) -> &'static str {
    match (node.self_, node.draining, node.reachable) {
        (_, true, _) => "draining",
        (true, false, _) => "self",
        (false, false, true) => "reachable",
        (false, false, false) => "unreachable",
    }
}
