//! From packets to numbers: what a node makes of the probes and the traffic on its own links before it tells anybody.
//! Estimates travel, raw counts do not: a report that is lost or merged on the way then distorts nothing.
//!
//! ```text
//!  sent, answered, missed ──▶ LaneEstimator ──▶ LinkEstimator ──▶ LinkEstimate ──▶ LinkReport
//!  (packets, one by one)      counters, rtt,     standing, loss     cause
//!                             loss, standing     pooled, lane
//! ```

mod bursts;
mod cause;
mod choice;
mod counters;
mod lane;
mod link;
mod loss;
mod merge;
mod rtt;
mod runs;
mod standing;

pub use cause::Evidence;
pub use lane::LANE_PATIENCE_MAX;
pub use link::{Fate, LinkEstimate, LinkEstimator, Passive};
pub use loss::LossEstimate;
pub use merge::together;
