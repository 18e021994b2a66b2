//! Who asks: the identity of an operator, found once for every request, before the service sees it.

use ringway_node::operator::{Operator, Role};
use std::net::SocketAddr;
use tonic::{Request, Status as Refusal, service::Interceptor};

/// Who asks, with what right, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name in the certificate; without TLS, which is on loopback alone, `loopback`.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The peer's address.
    pub from: Option<SocketAddr>,
}

impl Actor {
    /// The actor that was found at the door.
    #[must_use]
    pub fn of<T>(request: &Request<T>) -> Self {
        let found = request.extensions().get::<Self>();
        found.cloned().unwrap_or_else(|| unreachable!("every request passes the doorman"))
    }

    /// The peer's address as text; empty when it is not known.
    #[must_use]
    pub fn place(&self) -> String {
        self.from.map(|address| address.to_string()).unwrap_or_default()
    }
}

/// Finds out who asks, and sends strangers away. TLS has checked the certificate; a role has to be in it, too.
#[derive(Debug, Clone)]
pub(super) struct Doorman {
    pub(super) mesh_domain: String,
    pub(super) tls: bool,
}

impl Interceptor for Doorman {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Refusal> {
        let from = request.remote_addr();
        let actor = if self.tls {
            let certificates = request.peer_certs().unwrap_or_default();
            let first =
                certificates.first().ok_or_else(|| Refusal::unauthenticated("no client certificate"))?;
            let Operator { role, name } = Operator::of(first, &self.mesh_domain).map_err(|error| {
                tracing::warn!(from = ?from, %error, "operator refused");
                Refusal::permission_denied(error.to_string())
            })?;
            Actor { name, role, from }
        } else {
            Actor { name: "loopback".into(), role: Role::Operate, from }
        };
        request.extensions_mut().insert(actor);
        Ok(request)
    }
}
