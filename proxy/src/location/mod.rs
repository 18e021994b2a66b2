//! The location directory (RFC 3261 §10): who can be reached where. Every region writes its own bindings, all regions
//! read all of them. Pure: the time comes in as an argument, and what has to be announced goes out as a value.

mod aor;
mod binding;
mod change;
mod directory;
mod fingerprint;
mod store;
mod targets;

pub use aor::address_of_record;
pub use binding::Binding;
pub use change::{Change, Contacts, Wish};
pub use directory::Directory;
pub use store::{BUCKETS, Limits, Merged, Refused, Store, TOMBSTONE_MS};
pub use targets::targets;
