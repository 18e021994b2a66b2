//! The lab's window into a media relay: the gRPC that controllers use. This file alone knows its wire types.

use std::net::SocketAddrV4;

use ringway_proto::media::{WatchRequest, call_event::What, media_client::MediaClient};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::{Channel, Endpoint};

use super::{ChosenRoute, admin::TIMEOUT};

/// A client of one relay; clones share the connection.
#[derive(Clone, Debug)]
pub struct Relay {
    client: MediaClient<Channel>,
}

impl Relay {
    /// Connects at first use.
    pub(super) fn new(address: SocketAddrV4) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .unwrap_or_else(|error| unreachable!("an address makes a URI: {error}"));
        Self { client: MediaClient::new(endpoint.connect_timeout(TIMEOUT).connect_lazy()) }
    }

    /// The paths that calls take from this relay on, from now on, for as long as it lives.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn watch_paths(
        &self,
    ) -> Result<impl Stream<Item = Result<ChosenRoute, tonic::Status>> + Send + use<>, tonic::Status> {
        let mut client = self.client.clone();
        let events = client.watch(WatchRequest::default()).await?.into_inner();
        Ok(events.filter_map(|event| event.map(|event| chosen(event.what)).transpose()))
    }
}

/// None for what is no move. (Of one that leaves voice without a path, nobody says where it was to go.)
fn chosen(what: Option<What>) -> Option<ChosenRoute> {
    let Some(What::Moved(path)) = what else { return None };
    let (from, to) = (path.regions.first()?.clone(), path.regions.last()?.clone());
    Some(ChosenRoute { from, to, path: path.regions, reason: path.why })
}
