//! Ringway: lab.
