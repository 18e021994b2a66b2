//! The hop book: what SIP itself showed of the links from here, counted since the process started.

use crate::core::output::{HopEvent, HopSign};
use ringway_router::{HopCounts, Region};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Written by the SIP worker, read for every report.
#[derive(Debug, Default)]
pub struct HopBook {
    counts: Mutex<BTreeMap<Region, HopCounts>>,
}

impl HopBook {
    /// Counts one observation.
    pub fn note(&self, event: &HopEvent) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(event.to.clone()).or_default();
        match event.what {
            HopSign::Request => count.requests += 1,
            HopSign::Retransmission => count.retransmissions += 1,
            HopSign::Timeout => count.timeouts += 1,
            HopSign::Answer(delay) => {
                count.answers += 1;
                let step = delay.as_secs_f64() * 1_000.0 - count.first_answer_ms;
                #[expect(clippy::cast_precision_loss, reason = "a mean over 2^52 answers may be off")]
                let weight = count.answers as f64;
                count.first_answer_ms += step / weight;
            }
        }
    }

    /// What was counted for the link to a region.
    #[must_use]
    pub fn of(&self, to: &Region) -> HopCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(to).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_mean_is_over_answers() {
        let book = HopBook::default();
        let to = Region::try_from("us-east-1").unwrap();
        let signs = [
            HopSign::Request,
            HopSign::Answer(Duration::from_millis(60)),
            HopSign::Request,
            HopSign::Retransmission,
            HopSign::Request,
            HopSign::Answer(Duration::from_millis(80)),
        ];
        for what in signs {
            book.note(&HopEvent { to: to.clone(), what });
        }
        let counts = book.of(&to);
        assert_eq!((counts.requests, counts.retransmissions, counts.answers), (3, 1, 2));
        assert!((counts.first_answer_ms - 70.0).abs() < 1e-9, "{counts:?}");
    }
}
