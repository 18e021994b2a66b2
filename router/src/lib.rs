//! Ringway's router: what the nodes measured goes in, a route table with a reason for every choice comes out.
//!
//! ```text
//! Report ─▶ links ─▶ graph ─▶ score (E-model, policy) ─▶ choose (hysteresis) ─▶ RouteTable, Change
//! ```
//! The crate is pure: no socket, no clock, no randomness. The same inputs at the same times give the same
//! outputs, in a node, in a simulation and in a replay.

mod backoff;
mod choice;
mod choose;
pub mod emodel;
mod estimate;
mod explain;
mod fate;
mod graph;
mod history;
mod ids;
mod link;
mod links;
mod masks;
pub mod measure;
mod overrides;
mod pace;
mod pairs;
mod path;
mod plan;
mod policy;
mod reason;
mod record;
mod report;
mod router;
mod routes;
mod score;
mod settings;
mod shortlist;
mod table;
mod time;
mod traffic;
mod vote;
mod worth;

pub use backoff::Backoff;
pub use emodel::Codec;
pub use explain::{Candidate, Explanation, Verdict};
pub use history::{History, Reading, Sample};
pub use ids::{Class, InvalidName, NAME_LEN_MAX, NodeId, NodeName, Region, Tenant};
pub use links::LinkState;
pub use overrides::{Order, Override};
pub use path::{Detour, InvalidPath, Path, RELAYS_MAX};
pub use plan::{Basis, Plan, Shift, Step, Unreachable};
pub use policy::{Condition, Finding, Objective, Policy, PolicyError, Protect, RULES_MAX, Severity};
pub use reason::{Obstacle, Reason, Snapshot, Sway, SwayKind};
pub use record::{Decision, Journal};
pub use report::{
    Cause, DELAY_MS_MAX, HopCounts, LANES_MAX, LINKS_MAX, LaneReport, LinkReport, RefusedReport, Report,
};
pub use router::{Input, Output, Router};
pub use settings::{ClassSettings, InvalidSetting, Settings};
pub use table::{Change, RANKED_MAX, Ranked, Reaction, Refused, Route, RouteTable};
pub use time::Time;
pub use traffic::{Slice, Traffic};
