//! The gRPC contract of controllers and of the mesh (`media.proto`): what the ng protocol cannot say, tunnels, leases and
//! events, is said here.

mod convert;
mod streams;

use crate::{
    core::relay::Refusal,
    desk::{About, Desk, Undone},
    metrics::{Fate, Metrics},
    ng::Call,
    steering::Unrouted,
    worker,
};
use convert::Unclear;
use ringway_proto::media::{
    CallEvent, CallReport, DeleteRequest, Description, Lease, ListCallsRequest, MeshWord, QueryRequest,
    RelayWord, RenewRequest, WatchRequest,
    media_server::{Media, MediaServer},
};
use std::{io, sync::Arc};
use streams::Watcher;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};

/// A description and a roster of 1,024 relays are smaller.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Answers until the listener fails.
///
/// # Errors
/// What it said.
pub(crate) async fn serve(listener: TcpListener, desk: Desk, metrics: Arc<Metrics>) -> io::Result<()> {
    let service =
        MediaServer::new(Controllers { desk, metrics }).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = Server::builder().add_service(service).serve_with_incoming(incoming);
    served.await.map_err(io::Error::other)
}

struct Controllers {
    desk: Desk,
    metrics: Arc<Metrics>,
}

impl Controllers {
    async fn exchange(&self, offers: bool, order: Description) -> Result<Response<Description>, Status> {
        let done = match convert::exchange(offers, order.clone()) {
            Ok(exchange) => self.desk.exchange(exchange).await.map_err(|undone| refused(&undone)),
            Err(unclear) => Err(unclear.into()),
        };
        self.counted(done).map(|sdp| Response::new(Description { sdp: sdp.to_vec(), ..order }))
    }

    fn counted<T>(&self, done: Result<T, Status>) -> Result<T, Status> {
        self.metrics.ordered(if done.is_ok() { Fate::Answered } else { Fate::Refused });
        done
    }
}

#[tonic::async_trait]
impl Media for Controllers {
    type ListCallsStream = ReceiverStream<Result<CallReport, Status>>;
    type WatchStream = ReceiverStream<Result<CallEvent, Status>>;
    type SteerStream = ReceiverStream<Result<RelayWord, Status>>;

    async fn offer(&self, request: Request<Description>) -> Result<Response<Description>, Status> {
        self.exchange(true, request.into_inner()).await
    }

    async fn answer(&self, request: Request<Description>) -> Result<Response<Description>, Status> {
        self.exchange(false, request.into_inner()).await
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<CallReport>, Status> {
        let DeleteRequest { controller: _, call_id, from_tag, to_tag, branch } = request.into_inner();
        let done = match self.desk.report(Call { call_id, from_tag, to_tag, branch }, About::Delete).await {
            Ok(report) => Ok(convert::report(report)),
            Err(Undone::Refused(Refusal::NoCall | Refusal::NoParty)) => Ok(CallReport::default()),
            Err(undone) => Err(refused(&undone)),
        };
        self.counted(done).map(Response::new)
    }

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<CallReport>, Status> {
        let QueryRequest { call_id } = request.into_inner();
        let done = self.desk.report(Call { call_id, ..Call::default() }, About::Query).await;
        let done = done.map(convert::report).map_err(|undone| refused(&undone));
        self.counted(done).map(Response::new)
    }

    async fn list_calls(
        &self,
        _: Request<ListCallsRequest>,
    ) -> Result<Response<Self::ListCallsStream>, Status> {
        Ok(Response::new(streams::calls(self.desk.clone())))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let WatchRequest { controller } = request.into_inner();
        let watcher = if controller.is_empty() {
            Watcher::Anybody
        } else {
            let lasts = self.desk.renew(&controller).await.map_err(|undone| refused(&undone))?;
            Watcher::Controller { name: controller, lease: lasts }
        };
        Ok(Response::new(streams::happenings(self.desk.clone(), watcher)))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<Lease>, Status> {
        let RenewRequest { controller } = request.into_inner();
        let lasts = self.desk.renew(&controller).await.map_err(|undone| refused(&undone))?;
        Ok(Response::new(convert::lease(lasts)))
    }

    async fn steer(
        &self,
        request: Request<Streaming<MeshWord>>,
    ) -> Result<Response<Self::SteerStream>, Status> {
        let Some(steering) = self.desk.steering() else {
            return Err(Status::failed_precondition("this relay has no tunnels ([relay.tunnels])"));
        };
        Ok(Response::new(streams::steer(Arc::clone(steering), request.into_inner())))
    }
}

/// The codes that `media.proto` names.
fn refused(undone: &Undone) -> Status {
    let text = undone.to_string();
    match undone {
        full if full.is_full() => Status::resource_exhausted(text),
        Undone::Worker(worker::Refusal::Busy)
        | Undone::Unrouted(Unrouted::Worker(worker::Refusal::Busy))
        | Undone::Refused(Refusal::Parties | Refusal::Controllers) => Status::resource_exhausted(text),
        Undone::Worker(worker::Refusal::Ended) | Undone::Unrouted(_) => Status::unavailable(text),
        Undone::Refused(Refusal::NoCall | Refusal::NoParty) | Undone::UnknownRelay => Status::not_found(text),
        Undone::Sdp(_) | Undone::Unfit(_) | Undone::Keys(_) | Undone::NoTunnel | Undone::Refused(_) => {
            Status::invalid_argument(text)
        }
    }
}

impl From<Unclear> for Status {
    fn from(Unclear(what): Unclear) -> Self {
        Self::invalid_argument(format!("not understood: {what}"))
    }
}
