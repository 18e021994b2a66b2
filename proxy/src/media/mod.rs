//! The media relays of the region, as the proxy sees them: it gives them orders (`orders`), keeps its lease with them
//! (`relay`), and exchanges with the one beside it what the mesh knows and what the relay sees (`steer`).

mod choice;
mod convert;
mod counts;
mod orders;
mod relay;
mod steer;

use std::{net::SocketAddr, time::Duration};

pub use counts::{TunnelBook, TunnelCount};
pub use orders::Orders;
pub use steer::{Neighbor, Steering, steer};

/// How relays are reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where they take orders; the one beside this node first.
    pub relays: Vec<SocketAddr>,
    /// How long one of them may take for an order.
    pub deadline: Duration,
}
