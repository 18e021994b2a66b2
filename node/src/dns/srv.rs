//! The order in which servers are tried: RFC 2782's priorities and weights, drawn anew for every call.

use super::{Target, Transport};
use fastrand::Rng;
use std::net::SocketAddr;

/// One part in so many is what a server of weight 0 gets of the share of a server of weight 1.
const SHARES: u64 = 1000;

/// A host that serves a domain, as DNS tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// Place of its service among the domain's services; lower ones are tried first.
    pub(super) rank: u16,
    /// RFC 2782: lower ones are tried first.
    pub(super) priority: u16,
    /// RFC 2782: its share among equals.
    pub(super) weight: u16,
    /// Over what it is reached.
    pub(super) transport: Transport,
    /// Its addresses, those of the preferred family first.
    pub(super) addresses: Vec<SocketAddr>,
}

/// All addresses of `servers` in the order for one call: by rank and priority, among equals as weight and `dice`
/// have it. A host's addresses of one family are shuffled, since a cached answer no longer rotates.
#[must_use]
pub(super) fn order(servers: &[Server], dice: &mut Rng) -> Vec<Target> {
    let mut sorted: Vec<&Server> = servers.iter().collect();
    sorted.sort_by_key(|server| (server.rank, server.priority));
    for equals in sorted.chunk_by_mut(|a, b| (a.rank, a.priority) == (b.rank, b.priority)) {
        draw(equals, dice);
    }
    sorted.into_iter().flat_map(|server| spread(server, dice)).collect()
}

/// RFC 2782, "Weight": draws one server after the other, each with the chance of its share among those left. The
/// RFC's running sum starts from 0 and so gives weight 0 the same chance as weight 1; here its "very small chance" is
/// [`SHARES`] times smaller, and servers that all have weight 0 are equal.
fn draw(equals: &mut [&Server], dice: &mut Rng) {
    let mut left = equals;
    while left.len() > 1 {
        let sum: u64 = left.iter().map(|server| share(server)).sum();
        let mut point = dice.u64(..sum);
        let chosen = left.iter().position(|server| {
            let share = share(server);
            let is_hit = point < share;
            point = point.saturating_sub(share);
            is_hit
        });
        left.swap(0, chosen.unwrap_or(0));
        left = &mut left[1..];
    }
}

fn share(server: &Server) -> u64 {
    (u64::from(server.weight) * SHARES).max(1)
}

fn spread(server: &Server, dice: &mut Rng) -> Vec<Target> {
    let mut addresses = server.addresses.clone();
    for family in addresses.chunk_by_mut(|a, b| a.is_ipv4() == b.is_ipv4()) {
        dice.shuffle(family);
    }
    addresses.into_iter().map(|address| Target { transport: server.transport, address }).collect()
}

#[cfg(test)]
mod tests;
