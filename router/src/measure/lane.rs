//! One lane: one UDP source port of ours, and the way from it to the reflector and back. What became of each packet, at
//! full resolution.

use super::{
    bursts::Bursts,
    counters::{Counters, Passage},
    loss::LossEstimate,
    rtt::RoundTrips,
    standing::{Sign, Standing},
};
use crate::Time;
use std::{collections::VecDeque, time::Duration};

/// How long an answer that is late is still waited for: it proves that the way is slow, not cut.
pub const LANE_PATIENCE_MAX: Duration = Duration::from_secs(2);
/// Misses in a row for which traffic leaves a lane while others answer.
const MISSES_SHUNNED: u32 = 2;
/// Packets that may be on their way. More are older than any answer can be.
const OUTSTANDING_MAX: usize = 1_024;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct LaneEstimator {
    outstanding: VecDeque<(u32, Time)>,
    late: VecDeque<(u32, Time)>,
    pub(crate) trips: RoundTrips,
    counters: Counters,
    pub(crate) loss: LossEstimate,
    pub(crate) loss_back: LossEstimate,
    pub(crate) standing: Standing,
    /// Answers that did not come although the question arrived are lost on the way back; what was lost on the way there
    /// is taken off when its fate is known.
    lost_there: u32,
    bursts: Bursts,
    reordered: f64,
    /// The link was down meanwhile: what was sent until the next answer is no share of lost packets.
    forgiven: bool,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// It had been counted as missed.
    pub(crate) late: bool,
    /// It makes a step in delay known.
    pub(crate) step: bool,
    /// What it shows of the way there.
    pub(crate) there: Passage,
    /// When the first and the last of the packets left that did not arrive there.
    pub(crate) lost_at: Option<(Time, Time)>,
    /// It took longer than is usual here.
    pub(crate) slow: bool,
}

impl LaneEstimator {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            outstanding: VecDeque::new(),
            late: VecDeque::new(),
            trips: RoundTrips::new(),
            counters: Counters::default(),
            loss: LossEstimate::new(now),
            loss_back: LossEstimate::new(now),
            standing: Standing::START,
            lost_there: 0,
            bursts: Bursts::default(),
            reordered: 0.0,
            forgiven: false,
        }
    }

    pub(crate) fn on_sent(&mut self, now: Time, sequence: u32) {
        if self.outstanding.len() == OUTSTANDING_MAX {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((sequence, now));
    }

    /// An answer. `None`: it was not asked for, came twice, or far too late.
    pub(crate) fn on_answer(&mut self, now: Time, question: u32, arrived: u32) -> Option<Heard> {
        let in_time = take(&mut self.outstanding, question);
        let late = in_time.is_none();
        let sent = in_time.or_else(|| take(&mut self.late, question))?;
        let step = self.trips.push(now.since(sent));
        let mut there = self.counters.take(question, arrived);
        let lost_at = (there.lost > 0).then(|| self.sent_before(question, there.packets)).flatten();
        if !self.standing.is_up() || self.forgiven {
            // The outage is told by the standing; it is no share of lost packets.
            there = Passage::default();
        }
        if std::mem::take(&mut self.forgiven) {
            self.late.clear();
            self.outstanding.retain(|(sequence, _)| question.wrapping_sub(*sequence).cast_signed() < 0);
            self.lost_there = 0;
        }
        self.reordered += (f64::from(u8::from(there.overtaken)) - self.reordered) / 512.0;
        if there.packets > 0 {
            let bursts = lost_at.map_or(0, |(first, last)| self.bursts.count(first, last));
            self.loss.update_bursts(now, there.packets, there.lost, bursts);
            self.lost_there = self.lost_there.saturating_add(there.lost);
        }
        self.loss_back.update(now, 1, 0);
        self.stand(now, if late { Sign::LateAnswer } else { Sign::Answer });
        Some(Heard { late, step, there, lost_at, slow: self.trips.is_above() || step })
    }

    /// Packets that waited for too long are missed; how many are by now.
    pub(crate) fn age(&mut self, now: Time, enough: u32) -> u32 {
        while self.late.front().is_some_and(|(_, sent)| *sent + LANE_PATIENCE_MAX <= now) {
            self.late.pop_front();
            self.settle(now);
        }
        let patience = self.trips.patience();
        let mut missed = 0;
        while let Some(&(sequence, sent)) = self.outstanding.front()
            && sent + patience <= now
        {
            self.outstanding.pop_front();
            self.late.push_back((sequence, sent));
            self.stand(now, Sign::Miss { enough });
            missed += 1;
        }
        missed
    }

    /// The link went down, and this lane with it.
    pub(crate) fn forgive(&mut self) {
        self.forgiven = true;
    }

    /// When [`age`](Self::age) has something to do.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let missed = self.outstanding.front().map(|(_, sent)| *sent + self.trips.patience());
        let settled = self.late.front().map(|(_, sent)| *sent + LANE_PATIENCE_MAX);
        missed.into_iter().chain(settled).min()
    }

    /// When the first and the last packet left that are not answered, of so many up to this one.
    fn sent_before(&self, question: u32, packets: u32) -> Option<(Time, Time)> {
        let waiting = self.late.iter().chain(&self.outstanding);
        let between = |sequence: u32| question.wrapping_sub(sequence) < packets;
        let sent = waiting.filter(|(sequence, _)| between(*sequence)).map(|(_, sent)| *sent);
        sent.fold(None, |all, at| {
            let (first, last) = all.unwrap_or((at, at));
            Some((at.min(first), at.max(last)))
        })
    }

    /// Packets that overtook others on the way there, 0 to 1.
    pub(crate) fn reordered(&self) -> f64 {
        self.reordered.clamp(0.0, 1.0)
    }

    /// Whether it is as good as any, so far as is known.
    pub(crate) fn is_good(&self) -> bool {
        self.standing.is_up() && !self.loss.is_brownout()
    }

    /// Whether traffic could be glad of it. Another lane costs nothing, so one is left before it is known to be dead.
    pub(crate) fn is_inviting(&self) -> bool {
        self.is_good() && self.standing.misses() < MISSES_SHUNNED
    }

    /// Nothing came back: whatever did not arrive there was lost, or else its answer was.
    fn settle(&mut self, now: Time) {
        if self.lost_there > 0 {
            self.lost_there -= 1;
        } else if self.standing.is_up() && !self.forgiven {
            self.loss_back.update(now, 1, 1);
        }
    }

    fn stand(&mut self, now: Time, sign: Sign) {
        let was_up = self.standing.is_up();
        self.standing = self.standing.after(now, sign);
        if !was_up && self.standing.is_up() {
            self.lost_there = 0;
        }
    }
}

/// Takes a packet out of a queue; says when it was sent.
fn take(queue: &mut VecDeque<(u32, Time)>, sequence: u32) -> Option<Time> {
    let at = queue.iter().position(|(waiting, _)| *waiting == sequence)?;
    queue.remove(at).map(|(_, sent)| sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane that is up, with round trips of 64 ms, its last packet, and the time.
    fn steady() -> (LaneEstimator, u32, Time) {
        let mut lane = LaneEstimator::new(Time::default());
        let mut now = Time::default();
        for n in 0..100 {
            now = Time::from_millis(u64::from(n) * 100);
            lane.on_sent(now, n);
            lane.on_answer(now + Duration::from_millis(64), n, n);
        }
        (lane, 99, now)
    }

    /// Three misses over all lanes take the link down before one lane alone would be.
    #[test]
    fn what_an_outage_of_the_link_took_is_no_share_of_loss() {
        let (mut lane, n, mut now) = steady();
        lane.forgive();
        for k in 1..=40 {
            now = now + Duration::from_millis(100);
            lane.on_sent(now, n + k);
            lane.age(now, 100);
        }
        for k in 41..=80 {
            now = now + Duration::from_millis(100);
            lane.on_sent(now, n + k);
            let arrived = n + k - 40;
            let heard = lane.on_answer(now + Duration::from_millis(64), n + k, arrived).expect("waited for");
            assert_eq!(heard.there.lost, 0);
            lane.age(now + Duration::from_millis(64), 100);
        }
        assert_eq!((lane.loss.loss(), lane.loss_back.loss()), (0.0, 0.0));
    }

    #[test]
    fn a_late_answer_is_delay_and_no_loss() {
        let (mut lane, n, now) = steady();
        lane.on_sent(now, n + 1);
        let later = now + Duration::from_millis(400);
        assert_eq!(lane.age(later, 3), 1, "missed");
        let heard = lane.on_answer(later, n + 1, n + 1).expect("still waited for");
        assert!(heard.late && heard.there.lost == 0 && heard.there.packets == 1);
        lane.age(later + Duration::from_secs(10), 3);
        assert_eq!((lane.loss.loss(), lane.loss_back.loss()), (0.0, 0.0));
    }

    #[test]
    fn an_answer_counts_once_and_only_if_asked_for() {
        let (mut lane, n, now) = steady();
        assert_eq!(lane.on_answer(now, n, n), None, "again");
        assert_eq!(lane.on_answer(now, n + 7, n + 1), None, "never asked");
    }

    #[test]
    fn what_is_lost_on_the_way_back_is_no_loss_there() {
        let (mut lane, mut n, mut now) = steady();
        for round in 0..60 {
            n += 1;
            now = now + Duration::from_millis(100);
            lane.on_sent(now, n);
            lane.age(now, 3);
            if round % 5 > 0 {
                lane.on_answer(now + Duration::from_millis(64), n, n);
            }
        }
        lane.age(now + Duration::from_secs(3), 30);
        assert_eq!(lane.loss.loss(), 0.0);
        assert!(lane.loss_back.loss() > 0.02, "{}", lane.loss_back.loss());
    }
}
