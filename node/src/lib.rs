//! What every role of a node needs to run: strict configuration, identity in the mesh, TLS with others, the one
//! clock, logs without people in them, metrics over HTTP, and an orderly end.

pub mod chance;
pub mod clock;
pub mod config;
pub mod dns;
pub mod http;
pub mod identity;
pub mod log;
pub mod mac;
pub mod operator;
pub mod phase;
pub mod tls;
