//! Ringway: node.
