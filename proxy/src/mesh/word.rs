//! What two nodes say to each other about bindings.

use crate::location::{Digest, Sealed};
use std::sync::Arc;

/// One word on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Records, each as its node signed it: news, or what was missing at the other end.
    Records {
        /// They.
        records: Vec<Arc<Sealed>>,
        /// What they answer, if they do.
        answer: Option<Answer>,
    },
    /// What the sender has, in short.
    Digest(Box<Digest>),
    /// What the sender has of one bucket: it asks for the rest.
    Summary {
        /// The bucket.
        bucket: usize,
        /// The hashes of its records there.
        fingerprints: Vec<u64>,
    },
}

/// The answer to a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Of which bucket.
    pub bucket: usize,
    /// More is missing there than went into this one.
    pub more: bool,
}
