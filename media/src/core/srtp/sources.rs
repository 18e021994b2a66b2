//! The synchronization sources (SSRC) that use one key, each with its own packet numbers.

use super::{Refusal, window::Window};

/// How many sources one key may have. A party that begins anew with another SSRC after every hold still has this many; its
/// next session description brings a new key.
pub const SOURCES_MAX: usize = 32;

/// See the module. Allocated once.
#[derive(Debug)]
pub(super) struct Sources {
    known: Vec<(u32, Window)>,
}

/// Where a source is, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

impl Sources {
    pub(super) fn new() -> Self {
        Self { known: Vec::with_capacity(SOURCES_MAX) }
    }

    /// The place of a source; a new one has it only when it is marked.
    pub(super) fn place(&self, source: u32) -> Result<Place, Refusal> {
        let known = self.known.iter().position(|(known, _)| *known == source);
        let place = known.unwrap_or(self.known.len());
        if place < SOURCES_MAX { Ok(Place(place)) } else { Err(Refusal::TooManySources) }
    }

    pub(super) fn window(&self, place: Place) -> Window {
        self.known.get(place.0).map(|(_, window)| *window).unwrap_or_default()
    }

    /// The number was used by the source at that place.
    pub(super) fn mark(&mut self, place: Place, source: u32, index: u64) {
        if place.0 == self.known.len() {
            self.known.push((source, Window::default()));
        }
        self.known[place.0].1.mark(index);
    }

    /// Puts a source at a number.
    #[cfg(test)]
    pub(super) fn put(&mut self, source: u32, index: u64) {
        self.known.retain(|(known, _)| *known != source);
        self.known.push((source, Window::at(index)));
    }
}
