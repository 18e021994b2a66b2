//! The hop book: what SIP itself showed of the links from here, counted since the process started, and lately.

use crate::core::output::{HopEvent, HopSign};
use ringway_router::{HopCounts, Region};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What counts as lately.
const LATELY: Duration = Duration::from_secs(10);
/// Between two looks that are kept for that.
const LOOKS_EVERY: Duration = Duration::from_millis(400);

/// Written by the SIP worker, read for every report.
#[derive(Debug, Default)]
pub struct HopBook {
    counts: Mutex<BTreeMap<Region, HopCounts>>,
    looks: Mutex<BTreeMap<Region, VecDeque<(Instant, HopCounts)>>>,
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
            HopSign::Unavailable => count.unavailable += 1,
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

    /// What was counted for it in the last ten seconds, as far as it was looked at in that time.
    pub fn lately(&self, now: Instant, to: &Region) -> HopCounts {
        let counts = self.of(to);
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = looks.entry(to.clone()).or_default();
        // The oldest that is kept is the last one from before that time, or the first.
        while looks.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= LATELY) {
            looks.pop_front();
        }
        let before = looks.front().map_or(HopCounts::default(), |(_, before)| *before);
        if looks.back().is_none_or(|(at, _)| now.saturating_duration_since(*at) >= LOOKS_EVERY) {
            looks.push_back((now, counts));
        }
        counts.after(&before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn lately_is_ten_seconds() {
        let (book, now) = (HopBook::default(), Instant::now());
        let to = Region::try_from("us-east-1").unwrap();
        let requests = |second: u64| book.lately(now + Duration::from_secs(second), &to).requests;
        for second in 0..30 {
            book.note(&HopEvent { to: to.clone(), what: HopSign::Request });
            assert!(requests(second) <= 11, "{second}");
        }
        assert_eq!((requests(30), requests(45)), (9, 0));
    }

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
