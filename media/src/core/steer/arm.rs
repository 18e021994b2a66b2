//! One copy of the packets: where it goes, and where on the ladder that place stands.

use super::{
    super::Lane,
    event::Why,
    ladder::Stage,
    names::{PathId, PathNumber},
};
use ringway_router::Time;

/// See the module.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) stage: Stage,
    /// The place that it takes; `None`: no path may carry it.
    pub(super) lead: Option<PathNumber>,
    /// The place that is duplicated over, or tried, and since when.
    pub(super) other: Option<PathNumber>,
    pub(super) other_since: Time,
    /// Since when the lead is doubted, or is the lead.
    pub(super) since: Time,
    /// When the stage has taken its time.
    pub(super) until: Option<Time>,
    /// When to ask again.
    pub(super) ask_at: Option<Time>,
    /// Another lane answered.
    pub(super) lane: Option<Lane>,
    /// Paths that were turned to in vain.
    pub(super) tried: Vec<PathId>,
    pub(super) why: Why,
    /// When the data plane last went over to another path by itself, and until when that is held against the table.
    pub(super) moved_at: Time,
    pub(super) held_until: Option<Time>,
}

impl Arm {
    pub(super) fn new(now: Time) -> Self {
        Self {
            stage: Stage::Steady,
            lead: None,
            other: None,
            other_since: now,
            since: now,
            until: None,
            ask_at: None,
            lane: None,
            tried: Vec::with_capacity(8),
            why: Why::Start,
            moved_at: now,
            held_until: None,
        }
    }

    pub(super) fn uses(&self, path: PathId) -> bool {
        [self.lead, self.other].iter().flatten().any(|number| number.path() == path)
    }

    /// Nothing speaks against the lead any more.
    pub(super) fn calm(&mut self) {
        (self.other, self.until, self.ask_at, self.lane) = (None, None, None, None);
        self.tried.clear();
    }

    /// Where the packet goes when it may not go twice: to the lead, until that is known not to carry it. `replace`: as soon
    /// as that is in doubt.
    pub(super) fn place(&self, replace: bool) -> Option<PathNumber> {
        let leave = match self.stage {
            Stage::Steady | Stage::Settling | Stage::Moving => false,
            Stage::Suspect => replace,
            Stage::Confirmed => replace || self.why != Why::Brownout,
        };
        if leave { self.other.or(self.lead) } else { self.lead }
    }
}
