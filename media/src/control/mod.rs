//! The gRPC side: orders of controllers, and what mesh and relay tell each other.
