//! The accepting side of the mesh: gRPC under mutual TLS.

use super::{
    convert,
    stream::{FRAME_BYTES_MAX, KEEPALIVE, Origin, follow, queue},
};
use crate::control::Handle;
use ringway_node::identity::{Authority, Identity};
use ringway_proto::mesh::{
    Frame,
    mesh_server::{Mesh, MeshServer},
};
use ringway_router::NodeId;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Certificate, Identity as TlsIdentity, Server, ServerTlsConfig, server::TcpIncoming},
};

/// Serves the mesh until the process ends.
///
/// # Errors
/// When TLS cannot be set up or the listener fails.
pub async fn serve(
    listener: TcpListener,
    identity: &Identity,
    authority: Authority,
    control: Handle,
    patience: Duration,
) -> Result<(), tonic::transport::Error> {
    let (certificate, key) = identity.pem();
    let tls = ServerTlsConfig::new()
        .identity(TlsIdentity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority.pem()));
    let service = MeshServer::new(Door { control, authority })
        .max_decoding_message_size(FRAME_BYTES_MAX)
        .max_encoding_message_size(FRAME_BYTES_MAX);
    Server::builder()
        .tls_config(tls)?
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(patience))
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
}

struct Door {
    control: Handle,
    authority: Authority,
}

impl Door {
    /// The peer's name. TLS has checked the chain; this also wants a name of the mesh in it.
    fn identify<T>(&self, request: &Request<T>) -> Result<NodeId, Status> {
        let certificates = request.peer_certs().unwrap_or_default();
        let certificate =
            certificates.first().ok_or_else(|| Status::unauthenticated("no client certificate"))?;
        let member = self
            .authority
            .admit(certificate, self.control.clock().unix_us())
            .map_err(|error| Status::permission_denied(error.to_string()))?;
        convert::node_id(&member.id().region, &member.id().node)
            .map_err(|error| Status::permission_denied(error.to_string()))
    }
}

#[tonic::async_trait]
impl Mesh for Door {
    type ExchangeStream =
        tokio_stream::adapters::Map<ReceiverStream<Frame>, fn(Frame) -> Result<Frame, Status>>;

    async fn exchange(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let peer = self.identify(&request)?;
        let address = request.remote_addr().ok_or_else(|| Status::internal("no peer address"))?.ip();
        let origin = Origin { address, peer: Some(peer), dialed: false };
        let (sender, outgoing) = queue();
        let control = self.control.clone();
        tokio::spawn(async move {
            follow(&control, origin, sender, request.into_inner()).await;
        });
        let ok: fn(Frame) -> Result<Frame, Status> = Ok;
        Ok(Response::new(tokio_stream::StreamExt::map(outgoing, ok)))
    }
}
