//! The relay in the middle: what was opened is sealed for the next hop. Nothing is kept for a stream.

use super::{frame::Frame, open::Opened, refusal::Refusal, seal::Sealer};
use crate::core::Outbox;

/// Passes on a frame that is not for us, on the lane of the same number.
///
/// # Errors
/// Nothing was sent: we are its destination, its next relay is not known, or there is no room.
#[inline]
pub fn forward(sealer: &mut Sealer, outbox: &mut Outbox, opened: &Opened<'_>) -> Result<(), Refusal> {
    let hops = opened.frame.hops.step().ok_or(Refusal::Turn)?;
    let hop = sealer.hop(&Frame { hops, ..opened.frame })?;
    sealer.send(outbox, hop, opened.lane, |bytes| {
        let bytes = bytes.get_mut(..opened.body.len())?;
        bytes.copy_from_slice(opened.body);
        Frame::step_printed(bytes, &hops);
        Some(bytes.len())
    })
}
