//! The synchronization sources (SSRC) that use one key, each with its own packet numbers.

use super::{Refusal, window::Window};

/// How many sources one key may have. A party that begins anew with another SSRC after every hold still has this many; its
/// next session description brings a new key.
pub const SOURCES_MAX: usize = 32;

/// See the module. Allocated once.
#[derive(Debug)]
pub(super) struct Sources {
    known: Vec<Window>,
}

/// Where a source is, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

impl Sources {
    pub(super) fn new() -> Self {
        Self { known: Vec::with_capacity(SOURCES_MAX) }
    }

    /// The place of a source and its numbers; a new one is known only when it is kept.
    pub(super) fn find(&self, source: u32) -> Result<(Place, Window), Refusal> {
        let known = self.known.iter().position(|window| window.source == source);
        match known {
            Some(place) => Ok((Place(place), self.known[place])),
            None if self.known.len() < SOURCES_MAX => Ok((Place(self.known.len()), Window::of(source))),
            None => Err(Refusal::TooManySources),
        }
    }

    /// Keeps what has become of the numbers of the source at that place.
    pub(super) fn keep(&mut self, Place(place): Place, window: Window) {
        match self.known.get_mut(place) {
            Some(known) => *known = window,
            None => self.known.push(window),
        }
    }

    /// Another key: see [`Window::forget`].
    pub(super) fn forget(&mut self) {
        self.known.iter_mut().for_each(Window::forget);
    }

    /// Puts a source at a number.
    #[cfg(test)]
    pub(super) fn put(&mut self, source: u32, index: u64) {
        self.known.retain(|window| window.source != source);
        self.known.push(Window::at(source, index));
    }
}
