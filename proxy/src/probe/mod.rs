//! Probing between regions, in the manner of STAMP (RFC 8762): numbered packets there, numbered packets back, so that
//! loss is known for each direction without a common clock.

mod lanes;
pub mod pace;
pub mod packet;
pub mod reflector;
pub mod replay;
pub mod service;
pub mod session;
