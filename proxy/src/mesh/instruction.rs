//! What an operator ordered at one node, as all nodes are told of it.

use ringway_router::{Order, Path, Region, Time};
use serde::{Deserialize, Serialize};

/// Instructions that one node may hold, those that were taken back among them.
pub const INSTRUCTIONS_MAX: usize = 64;
/// The longest reason, and name of an operator, in bytes.
pub const WORDS_MAX: usize = 256;

/// An order, or that it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// What.
    pub order: Order,
    /// When it was given. Of several instructions about one subject the one given last counts.
    pub given: Time,
    /// When it ends by itself.
    pub until: Option<Time>,
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// It is taken back.
    pub revoked: bool,
}

/// What an order is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A link, one way.
    Link(Region, Region),
    /// A region.
    Region(Region),
    /// The route from one region to another.
    Route(Region, Region),
}

impl Subject {
    /// What an order is about.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        match order {
            Order::DisableLink { from, to } => Self::Link(from.clone(), to.clone()),
            Order::DrainRegion(region) => Self::Region(region.clone()),
            Order::PinRoute(path) => Self::route(path),
        }
    }

    fn route(path: &Path) -> Self {
        Self::Route(path.source().clone(), path.destination().clone())
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(from, to) => write!(f, "link {from} {to}"),
            Self::Region(region) => write!(f, "region {region}"),
            Self::Route(from, to) => write!(f, "route {from} {to}"),
        }
    }
}

impl Instruction {
    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}
