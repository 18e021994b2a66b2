//! The gRPC contracts, generated from `proto/ringway/*/v1/*.proto` at build time.
//!
//! Only the `convert.rs` of each room knows these types; inside the house, the rooms' own types travel.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "generated"
)]

/// What operators ask a node: status, nodes, links, routes, policies.
pub mod admin {
    tonic::include_proto!("ringway.admin.v1");
}

/// What controllers ask of a media relay, and what mesh and relay tell each other.
pub mod media {
    tonic::include_proto!("ringway.media.v1");
}

/// What nodes tell each other: signed statements, flooded over streams.
pub mod mesh {
    tonic::include_proto!("ringway.mesh.v1");
}

/// What the policy store asks etcd: a client of the part of etcd's own API that is used.
pub mod etcd {
    tonic::include_proto!("etcdserverpb");
}

/// The serialized `FileDescriptorSet` of all contracts, for gRPC reflection and the golden test.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
