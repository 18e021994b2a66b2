//! The location directory (RFC 3261 §10): who can be reached where. Every region writes its own bindings, all regions
//! read all of them. Pure, but for the handle that the threads share: the time comes in as an argument, and what has to
//! be announced is a state that can be asked for, not an event that can be lost.

mod aor;
mod binding;
mod change;
mod directory;
pub(crate) mod fingerprint;
mod shelf;
mod store;
mod targets;

pub use aor::address_of_record;
pub use binding::{BINDING_BYTES_MAX, Binding, LIFETIME_MS_MAX, Sealed, Unfit};
pub use change::{Change, Contacts, Wish};
pub use directory::{Announcements, Directory, Share};
pub use shelf::{BUCKETS, Digest, TOMBSTONE_MS};
pub use store::{Limits, Merged, Refused, Store};
pub use targets::targets;

#[cfg(test)]
use store::binding_in;
