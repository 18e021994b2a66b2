//! What a relay is told once.

use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

/// Sections (`m=` lines) of one description.
pub const SECTIONS_MAX: usize = 8;
/// Parties of one call: a caller, and the branches of its forked call.
pub const PARTIES_MAX: usize = 12;
/// Formats of one section that are remembered. Packets of the others pass too; their jitter is reckoned at 8,000 Hz.
pub const FORMATS_MAX: usize = 32;
/// Bytes of a Call-ID, a tag, a branch or the name of a controller.
pub const NAME_BYTES_MAX: usize = 256;
/// Controllers with a lease.
pub const CONTROLLERS_MAX: usize = 64;

/// How a relay keeps its calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The number of this worker. It stands in the low bits of every stream number that is handed out.
    pub worker: u32,
    /// How many low bits that are.
    pub worker_bits: u32,
    /// Calls at a time.
    pub calls_max: usize,
    /// A call without media for so long is over.
    pub silent: Duration,
    /// The same for a call that is on hold.
    pub held: Duration,
    /// The same for a call that nobody has answered.
    pub ringing: Duration,
    /// How long a lease of a controller lasts.
    pub lease: Duration,
    /// A port rests for so long before it serves another call, so that late packets of one call do not get into the next.
    pub cool_down: Duration,
    /// Where the ports are.
    pub pools: Vec<Pool>,
    /// Where the ports and stream numbers begin; another one after each start.
    pub seed: u64,
}

/// The ports of one local address.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Of which interface; several addresses (IPv4 and IPv6) may belong to one.
    pub interface: u8,
    /// The address to bind.
    pub local: IpAddr,
    /// The ports. Pairs begin at even ones (RFC 3550 §11).
    pub ports: RangeInclusive<u16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker: 0,
            worker_bits: 0,
            calls_max: 20_000,
            silent: Duration::from_secs(60),
            held: Duration::from_secs(3_600),
            ringing: Duration::from_secs(300),
            lease: Duration::from_secs(30),
            cool_down: Duration::from_secs(5),
            pools: Vec::new(),
            seed: 0,
        }
    }
}
