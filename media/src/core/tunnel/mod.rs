//! Frames between relays: their form, their seals, their keys.
