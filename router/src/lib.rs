//! Ringway: router.
