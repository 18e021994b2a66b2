//! The lab: a world of cloud regions on one machine, with real nodes, real SIP and a WAN that can be broken.
//!
//! [`run`] is `ringway lab`: it plays a scenario, tells the story and gives a verdict. [`world::World`] is the same
//! world for tests: it starts the real binary once a node, puts the emulated WAN between the regions, and ends
//! everything when it is dropped. [`phone::Phone`] places and takes calls; what it sees of a call on the wire is the
//! evidence that the lab judges by.

pub mod address;
mod clock;
mod conversation;
mod engine;
pub mod media;
mod observer;
mod pair;
pub mod phone;
mod rtt;
mod run;
pub mod scenario;
mod story;
mod summary;
mod traffic;
mod view;
pub mod wan;
pub mod world;

pub use self::{
    conversation::{Conversation, MediaTotals, Spread, StepMedia, Voice},
    observer::{PathUse, RouteChange},
    pair::Pair,
    rtt::measured,
    run::{Options, Outcome, run},
    summary::{StepResult, Summary, Verdict},
    traffic::{CallCounts, SetupTimes},
};
