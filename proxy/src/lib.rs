//! The SIP proxy of a region: forwards calls over measured paths (`core`), and speaks with the mesh (`mesh`).

pub mod admin;
pub mod config;
pub mod control;
pub mod core;
pub mod hops;
pub mod location;
pub mod media;
pub mod mesh;
pub mod metrics;
pub mod options;
pub mod policy;
pub mod probe;
pub mod record;
pub mod service;
pub mod streams;
pub mod worker;
