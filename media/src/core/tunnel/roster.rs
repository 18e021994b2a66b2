//! The relays that the mesh names, and which of them are refused.

use crate::core::RelayId;
use aws_lc_rs::digest::{SHA256, digest};
use ringway_router::{NodeName, Region};
use std::{collections::BTreeSet, net::IpAddr};

/// The most relays of a mesh.
pub const PEERS_MAX: usize = 1_024;
/// The most workers of a relay: the lane of a frame is a byte, and each worker has eight.
pub const WORKERS_MAX: usize = 32;

/// A public key that senders seal for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivingKey {
    /// Stands in every frame that is sealed for it.
    pub id: u8,
    /// X25519.
    pub key: [u8; 32],
}

/// A relay of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it is.
    pub region: Region,
    /// Its name there.
    pub node: NodeName,
    /// As it is reached from here.
    pub address: IpAddr,
    /// One a worker.
    pub ports: Vec<u16>,
    /// X25519; as long as its process lives.
    pub sender_key: [u8; 32],
    /// Newest last.
    pub receiving_keys: Vec<ReceivingKey>,
    /// Grows with every start of its process.
    pub incarnation: u64,
}

/// A relay that is not believed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPeer {
    /// Its region.
    pub region: Region,
    /// Its name there.
    pub node: NodeName,
    /// Why.
    pub why: PeerError,
}

/// Why a relay is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// All that share the number are refused: frames could not be told apart.
    #[error("has the relay number {id}, and so has {other}: one of them needs another name")]
    SameNumber {
        /// The number.
        id: RelayId,
        /// One of the others.
        other: String,
    },
    /// It says that it started before the one that is known under this name.
    #[error("is an older start, {said}, of the relay that is known with {known}")]
    Outdated {
        /// What it says.
        said: u64,
        /// What is known.
        known: u64,
    },
    /// The same start cannot have two sender keys.
    #[error("has another sender key than before, but was not started anew")]
    OtherKey,
    /// Low order, so no secret.
    #[error("has a public key that anybody could have made")]
    WeakKey,
    /// Two with one id.
    #[error("has two receiving keys with the id {0}")]
    SameKeyId(u8),
    /// None, too many, or 0.
    #[error("has no ports, more than {WORKERS_MAX}, or the port 0")]
    Ports,
    /// The roster is full.
    #[error("is one too many: a mesh has {PEERS_MAX} relays at the most")]
    TooMany,
}

/// The number of a relay: the first four bytes of the SHA-256 of `region/node`.
#[must_use]
pub fn relay_id(region: &Region, node: &NodeName) -> RelayId {
    let hash = digest(&SHA256, format!("{region}/{node}").as_bytes());
    let first = hash.as_ref().first_chunk().copied();
    RelayId(first.map_or(0, u32::from_be_bytes))
}

impl Peer {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> RelayId {
        relay_id(&self.region, &self.node)
    }

    pub(super) fn refused(&self, why: PeerError) -> RefusedPeer {
        RefusedPeer { region: self.region.clone(), node: self.node.clone(), why }
    }

    /// What is wrong with it, whoever it is.
    pub(super) fn check(&self) -> Result<(), PeerError> {
        if self.ports.is_empty() || self.ports.len() > WORKERS_MAX || self.ports.contains(&0) {
            return Err(PeerError::Ports);
        }
        let mut ids = BTreeSet::new();
        let twice = self.receiving_keys.iter().find(|key| !ids.insert(key.id));
        twice.map_or(Ok(()), |key| Err(PeerError::SameKeyId(key.id)))
    }
}
