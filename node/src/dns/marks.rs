//! Targets that did not answer: for a while, the others are tried before them (RFC 3263 §4.3).

use super::Target;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How long a target stays behind the others.
const MARK: Duration = Duration::from_secs(30);

/// The targets of late failures, at most so many.
#[derive(Debug)]
pub(super) struct Marks {
    until: HashMap<Target, Instant>,
    capacity: usize,
}

impl Marks {
    /// Holds at most `capacity` marks; a new one pushes out the oldest.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self { until: HashMap::new(), capacity }
    }

    /// `target` did not answer.
    pub(super) fn failed(&mut self, now: Instant, target: Target) {
        if self.until.len() >= self.capacity && !self.until.contains_key(&target) {
            self.until.retain(|_, until| now < *until);
            if self.until.len() >= self.capacity {
                let oldest = self.until.iter().min_by_key(|(_, until)| **until).map(|(target, _)| *target);
                oldest.map(|oldest| self.until.remove(&oldest));
            }
        }
        self.until.insert(target, now + MARK);
    }

    /// `target` answered.
    pub(super) fn answered(&mut self, target: Target) {
        self.until.remove(&target);
    }

    /// Moves marked targets behind the others. None is left out: when all are marked, the order is as it was.
    pub(super) fn arrange(&self, now: Instant, targets: &mut [Target]) {
        if !self.until.is_empty() {
            targets.sort_by_key(|target| self.until.get(target).is_some_and(|until| now < *until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, dns::Transport};
    use std::net::SocketAddr;

    fn target(host: u8) -> Target {
        Target { transport: Transport::Udp, address: SocketAddr::from(([192, 0, 2, host], 5060)) }
    }

    fn arranged(marks: &Marks, now: Instant) -> [Target; 3] {
        let mut targets = [1, 2, 3].map(target);
        marks.arrange(now, &mut targets);
        targets
    }

    #[test]
    fn a_silent_target_is_behind_the_others_for_30_seconds() {
        let now = Clock::start().now();
        let mut marks = Marks::new(8);
        marks.failed(now, target(1));
        assert_eq!(arranged(&marks, now), [2, 3, 1].map(target));
        assert_eq!(arranged(&marks, now + MARK - Duration::from_millis(1)), [2, 3, 1].map(target));
        assert_eq!(arranged(&marks, now + MARK), [1, 2, 3].map(target));
        marks.failed(now, target(2));
        marks.failed(now, target(3));
        assert_eq!(arranged(&marks, now), [1, 2, 3].map(target), "all are marked");
        marks.answered(target(3));
        assert_eq!(arranged(&marks, now), [3, 1, 2].map(target));
    }

    #[test]
    fn another_transport_of_the_same_address_is_another_target() {
        let now = Clock::start().now();
        let mut marks = Marks::new(8);
        let tcp = Target { transport: Transport::Tcp, ..target(1) };
        marks.failed(now, target(1));
        let mut targets = [target(1), tcp];
        marks.arrange(now, &mut targets);
        assert_eq!(targets, [tcp, target(1)]);
    }

    #[test]
    fn a_flood_of_failures_keeps_the_latest() {
        let now = Clock::start().now();
        let mut marks = Marks::new(2);
        for host in 1..=3 {
            marks.failed(now + Duration::from_secs(u64::from(host)), target(host));
        }
        assert_eq!(marks.until.len(), 2);
        assert_eq!(arranged(&marks, now + Duration::from_secs(4)), [1, 2, 3].map(target));
    }
}
