//! What of a node the tests need: a handle, names, orders.

use ringway_node::clock::Clock;
use ringway_proxy::{
    control::{Event, Handle},
    core::{
        media::{Kind, Order, Release, Side, Way},
        view::View,
    },
    location::{Announcements, Directory, Limits},
    metrics::Metrics,
    policy::Store,
};
use ringway_router::{NodeId, Router, Settings, Traffic};
use std::sync::Arc;
use tokio::sync::mpsc;

pub(crate) fn node(region: &str, name: &str) -> NodeId {
    NodeId { region: region.parse().unwrap(), node: name.parse().unwrap() }
}

pub(crate) fn controller() -> String {
    node("us-west-2", "w2-1").to_string()
}

/// A handle of a node whose control task is the caller's to run.
pub(crate) fn handle_of(own: &NodeId) -> (Handle, mpsc::Receiver<Event>, Announcements) {
    let table = Router::new(own.region.clone(), Settings::default()).table();
    let (directory, announcements) = Directory::new(own.clone(), Limits::default());
    let view = Arc::new(View::alone(table));
    let metrics = Metrics::new().unwrap();
    let (handle, events) = Handle::new(Clock::start(), metrics, view, directory, Store::default(), 1);
    (handle, events, announcements)
}

pub(crate) fn handle() -> Handle {
    handle_of(&node("us-west-2", "w2-1")).0
}

pub(crate) fn order(call_id: &str, kind: Kind) -> Order {
    Order {
        kind,
        call_id: call_id.to_owned(),
        from_tag: "from".to_owned(),
        to_tag: String::new(),
        branch: "b1".to_owned(),
        sdp: "v=0\r\n".into(),
        way: Way { from: Side::Edge, to: Side::Mesh, region: Some("us-east-1".parse().unwrap()) },
        traffic: Traffic {
            tenant: Some("acme".parse().unwrap()),
            called: "+1703".to_owned(),
            ..Traffic::voice()
        },
        received_from: Some("192.0.2.7".parse().unwrap()),
    }
}

pub(crate) fn release(call_id: &str) -> Release {
    Release { call_id: call_id.to_owned(), tags: ("from".to_owned(), "to".to_owned()), branch: String::new() }
}
