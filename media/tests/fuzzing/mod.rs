//! What the fuzzer feeds with bytes, and what must hold whatever they are. The targets under `fuzz/` include this file
//! by its path, and `corpus.rs` replays their corpus through the same functions.

mod relay;
mod tunnel;

pub(crate) use relay::relay_ops;
pub(crate) use tunnel::tunnel_frame;

/// A function that must bear any bytes.
pub(crate) type Target = fn(&[u8]);

/// All of them, by the names of their targets and corpora.
pub(crate) const TARGETS: [(&str, Target); 2] = [("relay_ops", relay_ops), ("tunnel_frame", tunnel_frame)];
