//! Ringway: sip.
