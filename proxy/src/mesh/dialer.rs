//! The dialing side of the mesh: one task an address, which keeps trying as long as somebody names it.

use super::stream::{FRAME_BYTES_MAX, KEEPALIVE, Origin, follow, queue};
use crate::control::Handle;
use ringway_node::identity::{Authority, Identity};
use ringway_proto::mesh::mesh_client::MeshClient;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{sync::watch, time::sleep};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity as TlsIdentity};

/// Between two tries. Jittered, so that a mesh that comes back does not come in step.
const PAUSE: Duration = Duration::from_millis(500);

/// What every dialer needs.
#[derive(Clone)]
pub struct Dialer {
    /// Where the streams go.
    pub control: Handle,
    /// The TLS settings: our certificate, the mesh's authority, and the name to expect.
    pub tls: ClientTlsConfig,
    /// The address that streams leave from: the one at which peers reach this node, unless that is any.
    pub leave_from: Option<IpAddr>,
    /// How long a peer may take to connect, and be silent.
    pub patience: Duration,
}

impl Dialer {
    /// TLS settings from this node's papers. The peer has to show a certificate of the authority for `mesh_domain`;
    /// which node it is, it says in its first, signed, statement.
    #[must_use]
    pub fn tls(identity: &Identity, authority: &Authority, mesh_domain: &str) -> ClientTlsConfig {
        let (certificate, key) = identity.pem();
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authority.pem()))
            .identity(TlsIdentity::from_pem(certificate, key))
            .domain_name(mesh_domain)
    }

    /// Keeps a stream to `seed` while there is a sender of `wanted`, unless the peer there keeps one to us.
    pub async fn keep(self, seed: SocketAddr, wanted: watch::Receiver<()>, seed_of_chance: u64) {
        let mut chance = fastrand::Rng::with_seed(seed_of_chance);
        let mut told = false;
        while wanted.has_changed().is_ok() {
            if self.control.wants(seed.ip()).await {
                match self.dial(seed).await {
                    Ok(()) => told = false,
                    Err(why) if !told => {
                        tracing::warn!(%seed, why, "no stream to this seed; will keep trying");
                        told = true;
                    }
                    Err(_) => {}
                }
            }
            sleep(PAUSE + PAUSE.mul_f64(chance.f64())).await;
        }
    }

    /// One stream, from connect to its end.
    async fn dial(&self, seed: SocketAddr) -> Result<(), String> {
        let channel = self.connect(seed).await.map_err(|error| with_causes(&error))?;
        let mut client = MeshClient::new(channel)
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX);
        let (sender, outgoing) = queue();
        let response = client.exchange(outgoing).await.map_err(|status| status.message().to_owned())?;
        let origin = Origin { address: seed.ip(), peer: None, dialed: true };
        follow(&self.control, origin, sender, response.into_inner()).await;
        Ok(())
    }

    async fn connect(&self, seed: SocketAddr) -> Result<Channel, tonic::transport::Error> {
        Endpoint::from_shared(format!("https://{seed}"))?
            .tls_config(self.tls.clone())?
            .local_address(self.leave_from)
            .connect_timeout(self.patience)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(self.patience)
            .keep_alive_while_idle(true)
            .connect()
            .await
    }
}

/// gRPC says "transport error"; the reason is below it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
