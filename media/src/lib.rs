//! The media relay of a region. It anchors the media of calls, carries it between regions in sealed tunnels, and moves calls
//! to another path without the phones noticing.
//!
//! [`core`] decides, packet by packet, and is pure; [`worker`] moves the packets; [`ng`] is rtpengine's control protocol;
//! `control` the gRPC of proxies; `desk` gives an order to the worker whose call it is; `steering` keeps keys and routes.

pub mod config;
mod control;
pub mod core;
mod desk;
pub mod metrics;
pub mod ng;
pub mod path;
pub mod service;
mod steering;
pub mod worker;
