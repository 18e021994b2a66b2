//! The stream to the relay beside this node: what the mesh knows goes there, whenever it has changed; how the relay is
//! reached, and what its tunnels show of the links, comes back.

use super::{
    Settings,
    convert::{self, Heard},
    relay::Relay,
};
use crate::{
    control::{Control, Event, Handle},
    mesh::relay::MediaRelay,
};
use ringway_proto::media::MeshWord;
use ringway_router::{NodeId, RouteTable};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;

/// Between two tries to open the stream.
const PAUSE: Duration = Duration::from_millis(500);
/// Words to the relay that may wait. Each is the latest of its kind, so that no more are of use.
const WORDS: usize = 2;

/// What a relay steers by. The control task keeps it true.
#[derive(Debug, Clone, Default)]
pub struct Steering {
    /// Relays that live, that of this node among them.
    pub relays: Vec<Neighbor>,
    /// The routes; `None`: not known yet.
    pub table: Option<Arc<RouteTable>>,
    /// Those of the calls that stand, while operators drain a region.
    pub undrained: Option<Arc<RouteTable>>,
}

/// One relay of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    /// Its node.
    pub node: NodeId,
    /// Where that is, as seen from here.
    pub address: IpAddr,
    /// The relay.
    pub relay: MediaRelay,
}

impl Steering {
    fn same_routes(&self, other: &Self) -> bool {
        let pair = |this: &Self| [&this.table, &this.undrained].map(|table| table.as_ref().map(Arc::as_ptr));
        pair(self) == pair(other)
    }

    fn routes(&self) -> Option<MeshWord> {
        self.table.as_ref().map(|table| convert::routes(table, self.undrained.as_deref()))
    }
}

impl PartialEq for Steering {
    /// Tables are made anew, never changed.
    fn eq(&self, other: &Self) -> bool {
        self.same_routes(other) && self.relays == other.relays
    }
}

/// Keeps the stream to the first of the relays, for as long as the process lives.
pub async fn steer(settings: Settings, control: Handle, mut steering: watch::Receiver<Arc<Steering>>) {
    let Some(&first) = settings.relays.first() else { return };
    let relay = Relay::new(first, settings.deadline);
    let mut told = false;
    loop {
        match follow(&relay, &control, &mut steering, settings.deadline).await {
            Ok(()) => told = false,
            Err(why) if !told => {
                tracing::warn!(relay = relay.name(), why, "no stream to the media relay; will keep trying");
                told = true;
            }
            Err(_) => {}
        }
        control.tell(Event::Ask(Box::new(|control| control.set_media(None)))).await;
        sleep(PAUSE).await;
    }
}

/// One stream, from its opening to its end.
async fn follow(
    relay: &Relay,
    control: &Handle,
    steering: &mut watch::Receiver<Arc<Steering>>,
    deadline: Duration,
) -> Result<(), String> {
    let (words, outgoing) = mpsc::channel(WORDS);
    let mut client = relay.client();
    let mut known = Arc::clone(&steering.borrow_and_update());
    // The stream is open when the relay says so, which it may do only after it has heard something.
    let _ = words.try_send(convert::roster(known.relays.iter()));
    let opening = timeout(deadline, client.steer(ReceiverStream::new(outgoing)));
    let opened = opening.await.map_err(|_| "no answer".to_owned())?;
    let mut incoming = opened.map_err(|status| status.message().to_owned())?.into_inner();
    if let Some(routes) = known.routes() {
        words.send(routes).await.map_err(|_| "closed".to_owned())?;
    }
    loop {
        tokio::select! {
            word = incoming.message() => match word {
                Ok(Some(word)) => take(control, convert::heard(word)?).await,
                Ok(None) => return Ok(()),
                Err(status) => return Err(status.message().to_owned()),
            },
            changed = steering.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let now = Arc::clone(&steering.borrow_and_update());
                let roster = (now.relays != known.relays).then(|| convert::roster(now.relays.iter()));
                let routes = if now.same_routes(&known) { None } else { now.routes() };
                known = now;
                for word in [roster, routes].into_iter().flatten() {
                    if words.send(word).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

async fn take(control: &Handle, heard: Heard) {
    match heard {
        Heard::Myself(name, relay) => {
            let set = move |control: &mut Control| {
                let NodeId { region, node } = &control.facts().own;
                let fits = [region.as_str(), node.as_str()] == name;
                if !fits {
                    // Others reckon its number, and its keys, from the name of this node.
                    let [region, node] = name;
                    tracing::error!(
                        region,
                        node,
                        "the media relay beside this node has another name: no media goes there"
                    );
                }
                control.set_media(Some(relay).filter(|_| fits));
            };
            control.tell(Event::Ask(Box::new(set))).await;
        }
        Heard::Counts(counts) => {
            let now = control.clock().now();
            counts.iter().for_each(|(to, count)| control.tunnels().note(now, to, *count));
        }
    }
}
