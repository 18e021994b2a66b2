//! From packets to numbers: what a node makes of the probes and the traffic on its own links before it tells anybody.
//! Estimates travel, raw counts do not: a report that is lost or merged on the way then distorts nothing.

mod loss;

pub use loss::LossEstimate;
