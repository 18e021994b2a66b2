//! Ringway: proxy.
