//! One stream between two nodes: frames in become events for the control task, frames out come from its queue.

use crate::control::{Event, Handle};
use ringway_proto::mesh::Frame;
use ringway_router::NodeId;
use std::{net::IpAddr, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Frames that may wait for a slow peer. A burst is what a peer is told that asks for all there is: three frames a node,
/// and some hundred nodes at a time. One that is further behind loses the stream; on the next the digests find the rest.
pub const QUEUE: usize = 2 * 1_024;

/// The largest frame: a statement with 1,024 links is far below.
pub const FRAME_BYTES_MAX: usize = 256 * 1_024;

/// Between two signs of life that HTTP/2 wants of a stream. Whether a peer is silent, the digests tell sooner; a mesh of
/// hundreds of streams can afford no more.
pub const KEEPALIVE: Duration = Duration::from_secs(20);

/// Names a stream within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// How a stream came to be.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The peer's address as seen from here.
    pub address: IpAddr,
    /// Its name by its TLS certificate; the dialing side learns it from the peer's first statement.
    pub peer: Option<NodeId>,
    /// Whether this node opened it.
    pub dialed: bool,
}

/// The queue of a new stream: its control end, and the end that gRPC sends from.
#[must_use]
pub fn queue() -> (mpsc::Sender<Frame>, ReceiverStream<Frame>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (sender, ReceiverStream::new(receiver))
}

/// Feeds the control task until the stream ends, fails, or is not wanted any more.
pub async fn follow(
    control: &Handle,
    origin: Origin,
    sender: mpsc::Sender<Frame>,
    mut incoming: Streaming<Frame>,
) {
    let id = control.next_stream();
    let (closer, mut closed) = mpsc::channel::<()>(1);
    control.tell(Event::Opened { id, origin, sender, closer }).await;
    loop {
        let next = tokio::select! {
            next = incoming.message() => next,
            // The control task let go of the other end: it wants this stream closed.
            _ = closed.recv() => break,
        };
        match next {
            Ok(Some(frame)) => control.tell(Event::Frame { id, frame }).await,
            Ok(None) | Err(_) => break,
        }
    }
    control.tell(Event::Closed { id }).await;
}
