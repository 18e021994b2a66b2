//! The egress: everything that is heard from one origin relay, over all its paths, and the reports that go back.

use super::{
    listener::Listener,
    names::{PathNumber, Report},
};
use ringway_router::Time;
use std::{collections::VecDeque, time::Duration};

/// Path numbers of one origin that are counted at a time: those of two tables, with all their lanes. A further one takes
/// the place of the one that was silent for longest.
const NUMBERS_MAX: usize = 64;
/// A question on a number that carries packets: the origin doubts it, and its answers go over another path, too, for so long.
const DOUBTED: Duration = Duration::from_secs(2);
/// A number that carried something so shortly ago is in use.
const BUSY: Duration = Duration::from_millis(200);
/// What was heard no longer ago is heard well.
const WELL: Duration = Duration::from_secs(3);
/// Reports that wait to be sent.
const OUT_MAX: usize = 2 * NUMBERS_MAX;

/// What one relay hears from one other. See `docs/decisions/017-tunnels.md`.
#[derive(Debug)]
pub struct Ears {
    listeners: Vec<Listener>,
    /// Until when reports on this number go over two paths.
    doubted: Vec<Option<Time>>,
    out: VecDeque<SendReport>,
}

/// A report to send back to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendReport {
    /// What it says.
    pub report: Report,
    /// The way back: the hops of this number's frames in reverse, from this lane.
    pub over: PathNumber,
}

impl Ears {
    /// Nothing was heard yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            listeners: Vec::with_capacity(NUMBERS_MAX),
            doubted: Vec::with_capacity(NUMBERS_MAX),
            out: VecDeque::with_capacity(OUT_MAX),
        }
    }

    /// A packet came that carries something.
    pub fn arrived(&mut self, now: Time, number: PathNumber, sequence: u32) {
        let at = self.place(now, number, sequence);
        self.listeners[at].arrived(now, sequence);
    }

    /// A probe came.
    pub fn asked(&mut self, now: Time, number: PathNumber, sequence: u32) {
        let at = self.place(now, number, sequence);
        let listener = &mut self.listeners[at];
        if listener.carried.is_some_and(|carried| now.since(carried) < BUSY) {
            self.doubted[at] = Some(now + DOUBTED);
        }
        listener.asked(now, sequence);
    }

    /// The next report to send.
    pub fn poll(&mut self, now: Time) -> Option<SendReport> {
        if let Some(first) = self.out.pop_front() {
            return Some(first);
        }
        for at in 0..self.listeners.len() {
            let Some(report) = self.listeners[at].poll(now) else { continue };
            let own = report.number;
            let other = self.other(now, own);
            let doubted = self.doubted[at].is_some_and(|until| now < until);
            let over = if report.flags.overdue() { other.unwrap_or(own) } else { own };
            if (report.flags.overdue() || doubted)
                && let Some(other) = other
            {
                let second = if over == own { other } else { own };
                self.out.push_back(SendReport { report, over: second });
            }
            return Some(SendReport { report, over });
        }
        None
    }

    /// When [`poll`](Self::poll) has something.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.listeners.iter().filter_map(Listener::deadline).min()
    }

    /// The path on which something else was heard last, and well.
    fn other(&self, now: Time, own: PathNumber) -> Option<PathNumber> {
        let others = self.listeners.iter().filter(|other| other.number.path() != own.path());
        others.filter(|other| now.since(other.heard) < WELL).max_by_key(|other| other.heard).map(|o| o.number)
    }

    /// Where this number is counted.
    fn place(&mut self, now: Time, number: PathNumber, sequence: u32) -> usize {
        if let Some(at) = self.listeners.iter().position(|listener| listener.number == number) {
            return at;
        }
        let new = Listener::new(now, number, sequence);
        if self.listeners.len() < NUMBERS_MAX {
            self.listeners.push(new);
            self.doubted.push(None);
            return self.listeners.len() - 1;
        }
        let oldest = self.listeners.iter().enumerate().min_by_key(|(_, listener)| listener.heard);
        let at = oldest.map_or(0, |(at, _)| at);
        (self.listeners[at], self.doubted[at]) = (new, None);
        at
    }
}

impl Default for Ears {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(10_000 + ms)
    }

    fn all(ears: &mut Ears, now: Time) -> Vec<(PathNumber, PathNumber)> {
        std::iter::from_fn(|| ears.poll(now)).map(|sent| (sent.report.number, sent.over)).collect()
    }

    const A: PathNumber = PathNumber(0);
    const A_LANE: PathNumber = PathNumber(1);
    const B: PathNumber = PathNumber(8);

    #[test]
    fn what_is_overdue_is_told_over_another_path_too_and_not_over_another_lane() {
        let mut ears = Ears::new();
        for n in 0..10 {
            ears.arrived(at(u64::from(n) * 20), A, n);
            assert_eq!(all(&mut ears, at(u64::from(n) * 20)), [(A, A)]);
        }
        ears.asked(at(185), B, 0);
        ears.asked(at(186), A_LANE, 0);
        assert_eq!(all(&mut ears, at(186)), [(B, B), (A_LANE, A_LANE)]);
        assert_eq!(all(&mut ears, at(235)), [(A, B), (A, A)]);
    }

    #[test]
    fn a_question_on_a_number_in_use_is_answered_both_ways() {
        let mut ears = Ears::new();
        ears.asked(at(0), B, 0);
        ears.arrived(at(0), A, 0);
        all(&mut ears, at(0));
        ears.asked(at(10), A, 1);
        assert_eq!(all(&mut ears, at(10)), [(A, A), (A, B)]);
        ears.arrived(at(40), A, 2);
        assert_eq!(all(&mut ears, at(40)), [(A, A), (A, B)], "for a while");
    }

    #[test]
    fn the_number_of_numbers_is_bounded() {
        let mut ears = Ears::new();
        for n in 0..1_000_u16 {
            ears.arrived(at(u64::from(n)), PathNumber(n), 0);
        }
        assert_eq!((ears.listeners.len(), ears.doubted.len()), (NUMBERS_MAX, NUMBERS_MAX));
        assert!(ears.listeners.iter().all(|listener| listener.number.0 >= 1_000 - 64));
    }
}
