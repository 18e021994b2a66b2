//! What can be read off a media packet that is only passed on: whether it is one, what was lost on its way, and how that
//! sounds. Nothing here changes a packet.
//!
//! ```text
//!  bytes ──▶ kind ──▶ Header ──▶ Stats: Window (lost, twice, late), Jitter, gaps ──▶ Summary (MOS)
//!                └──▶ Item ─────▶ RoundTrip
//! ```

mod format;
mod header;
mod jitter;
mod kind;
mod round_trip;
mod rtcp;
mod stats;
mod summary;
mod window;

pub use format::{CLOCK_UNKNOWN, Coding, Format, static_format};
pub use header::{HEADER_BYTES, Header, Malformed};
pub use kind::{Kind, kind, rtcp_like};
pub use round_trip::RoundTrip;
pub use rtcp::{Block, Item, SenderTime, check_rtcp, rtcp_items};
pub use stats::{Seen, Stats};
pub use summary::Summary;
