//! One probed way, to one node of another region, over all its lanes.

use super::{
    bursts::Bursts,
    choice::{LaneChoice, Quality},
    lane::LaneEstimator,
    loss::{Counts, LossEstimate},
    runs::Runs,
    standing::{Sign, Standing},
};
use crate::{Cause, HopCounts, LANES_MAX, LaneReport, LinkReport, Region, Time};
use std::time::Duration;

/// A fall that was over so soon may have been chance: its misses count among the usual runs.
const BLIP: Duration = Duration::from_secs(2);
/// A lane is blamed alone when it has this share of the losses…
const BLAME_LOST: f64 = 0.8;
/// … and less than this of the packets.
const BLAME_PACKETS: f64 = 0.7;
/// The lanes are compared after so many answers, and whenever something is wrong.
const LOOK_EVERY: u32 = 8;
/// Answers in a row, on whatever lanes, that took longer than is usual there: the way has become slow.
const SLOW_IN_ROW: u32 = 5;
/// How soon the counts of tunnels lose half their weight, as evidence.
const TUNNEL_HALF_LIFE_S: f64 = 5.0;

/// What tunnels counted of their own packets since they last said so. There are more of them than of probes, so they
/// outweigh them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passive {
    /// Packets that were sent to the far side.
    pub sent: u32,
    /// Those of them that did not arrive there.
    pub lost: u32,
    /// How many separate gaps the lost ones make.
    pub gaps: u32,
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// To a packet that was waited for.
    Answered,
    /// To one that had been counted as missed: delay, not loss.
    Late,
    /// Not asked for, or answered before.
    Unasked,
}

/// Takes in what became of each packet; knows at any moment what that means.
///
/// The way is up or down by all lanes together; a lane that is dead alone is left, and the way stays up. Loss is tested
/// on all lanes together, which finds it sooner, and on each.
#[derive(Clone, Debug)]
pub struct LinkEstimator {
    lanes: Vec<LaneEstimator>,
    choice: LaneChoice,
    pooled: LossEstimate,
    /// By lane, since the pooled test last saw nothing.
    shares: Vec<Counts>,
    standing: Standing,
    fell: Option<Time>,
    runs: Runs,
    run: u32,
    least: u32,
    enough: u32,
    bursts: Bursts,
    slow: u32,
    answers: u32,
    recent: TenSeconds,
    tunnel: Counts,
    tunnel_at: Time,
}

/// One way as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkEstimate {
    /// Whether both directions answer.
    pub up: bool,
    /// The lane that traffic should take. The figures are those of this lane.
    pub lane: u8,
    /// Median round trip, ms; zero before the first.
    pub rtt_ms: f64,
    /// 95th percentile of the same.
    pub rtt_p95_ms: f64,
    /// RFC 3550 §6.4.1, over round trips, ms.
    pub jitter_ms: f64,
    /// Loss on the way there, 0 to 1.
    pub loss: f64,
    /// Loss on the way back, 0 to 1.
    pub loss_back: f64,
    /// Packets that arrived there out of order, 0 to 1.
    pub reordered: f64,
    /// Packets of the last ten seconds whose fate is known.
    pub packets: u32,
    /// A loss that is no chance.
    pub brownout: bool,
    /// By how much round trips are longer than before the last step in delay, ms.
    pub slower_ms: f64,
    /// Loss of the tunnels' own packets, lately; none without tunnels.
    pub tunnel_loss: Option<f64>,
    /// Every lane.
    pub lanes: Vec<LaneReport>,
}

impl LinkEstimator {
    /// A way that nothing is known about, with so many lanes; so many misses in a row take it down at the least.
    pub fn new(now: Time, lanes: usize, misses_least: u32) -> Self {
        let lanes = lanes.clamp(1, LANES_MAX);
        Self {
            lanes: vec![LaneEstimator::new(now); lanes],
            choice: LaneChoice::new(lanes),
            pooled: LossEstimate::new(now),
            shares: vec![Counts::default(); lanes],
            standing: Standing::START,
            fell: None,
            runs: Runs::new(now),
            run: 0,
            least: misses_least,
            enough: misses_least,
            bursts: Bursts::default(),
            slow: 0,
            answers: 0,
            recent: TenSeconds::default(),
            tunnel: Counts::default(),
            tunnel_at: now,
        }
    }

    /// A packet left on a lane. Its number is one more than that of the packet before it on this lane.
    pub fn on_sent(&mut self, now: Time, lane: usize, sequence: u32) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.on_sent(now, sequence);
        }
    }

    /// An answer came: to which packet of the lane, and how many of this lane had arrived there before it.
    pub fn on_answer(&mut self, now: Time, lane: usize, question: u32, arrived: u32) -> Fate {
        let heard = self.lanes.get_mut(lane).and_then(|lane| lane.on_answer(now, question, arrived));
        let Some(heard) = heard else { return Fate::Unasked };
        let is_blip = self.standing.is_up() || self.fell.is_some_and(|fell| now.since(fell) < BLIP);
        if self.run > 0 && is_blip && !heard.late {
            self.runs.record(now, self.run);
            self.enough = self.runs.enough(self.least);
        }
        self.run = 0;
        self.recent.add(now, heard.there.packets);
        self.stand(now, if heard.late { Sign::LateAnswer } else { Sign::Answer });
        let there = heard.there;
        if there.packets > 0 {
            let bursts = heard.lost_at.map_or(0, |(first, last)| self.bursts.count(first, last));
            self.pool(now, lane, there.packets, there.lost, bursts);
        }
        self.answers = self.answers.wrapping_add(1);
        self.slow = if heard.slow { self.slow + 1 } else { 0 };
        let step = heard.step || self.slow >= SLOW_IN_ROW;
        if self.slow >= SLOW_IN_ROW {
            self.slow = 0;
            self.lanes.iter_mut().for_each(|lane| lane.trips.believe_step());
        }
        if step || there.lost > 0 || self.answers.is_multiple_of(LOOK_EVERY) {
            self.look(now);
        }
        if heard.late { Fate::Late } else { Fate::Answered }
    }

    /// Tunnels on the lane of the traffic counted.
    pub fn on_passive(&mut self, now: Time, passive: Passive) {
        let Passive { sent, lost, gaps } = passive;
        let lost = lost.min(sent);
        let faded = 0.5_f64.powf(now.since(self.tunnel_at).as_secs_f64() / TUNNEL_HALF_LIFE_S);
        self.tunnel_at = now;
        self.tunnel.packets *= faded;
        self.tunnel.lost *= faded;
        self.tunnel.add(f64::from(sent), f64::from(lost));
        self.recent.add(now, sent);
        let lane = self.choice.chosen();
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.loss.update_bursts(now, sent, lost, gaps);
        }
        self.pool(now, lane, sent, lost, gaps);
        self.look(now);
    }

    /// Counts those packets as missed that have waited for too long; how many they are.
    pub fn advance(&mut self, now: Time) -> u32 {
        let mut missed = 0;
        for lane in &mut self.lanes {
            missed += lane.age(now, self.enough);
        }
        for _ in 0..missed {
            self.run = self.run.saturating_add(1);
            self.stand(now, Sign::Miss { enough: self.enough });
        }
        if missed > 0 {
            self.look(now);
        }
        missed
    }

    /// When [`advance`](Self::advance) has something to do.
    pub fn deadline(&self) -> Option<Time> {
        self.lanes.iter().filter_map(LaneEstimator::deadline).min()
    }

    /// Whether packets come back.
    pub fn is_up(&self) -> bool {
        self.standing.is_up()
    }

    /// The lane that traffic should take.
    pub fn lane(&self) -> usize {
        self.choice.chosen()
    }

    /// Whether the next few packets decide: some did not come back, or the first came back again.
    pub fn is_in_doubt(&self) -> bool {
        let of = |standing: Standing| match standing {
            Standing::Up { misses } => misses > 0,
            Standing::Down { answers, .. } => answers > 0,
        };
        of(self.standing) || self.lanes.iter().any(|lane| of(lane.standing))
    }

    /// Whether something is wrong that has to be watched: loss or delay that is not usual.
    pub fn is_suspect(&self) -> bool {
        let lane = |lane: &LaneEstimator| lane.loss.is_brownout() || lane.trips.slower_ms() > 0.0;
        self.pooled.is_brownout() || self.lanes.iter().any(lane)
    }

    /// How many misses in a row take it down at present.
    pub fn misses_enough(&self) -> u32 {
        self.enough
    }

    /// All of it.
    pub fn estimate(&self, now: Time) -> LinkEstimate {
        let number = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
        let lanes = self.lanes.iter().enumerate().map(|(at, lane)| LaneReport {
            lane: number(at),
            up: lane.standing.is_up(),
            rtt_ms: lane.trips.median_ms(),
            loss: lane.loss.loss(),
        });
        let lanes = lanes.collect();
        let at = self.choice.chosen();
        let Some(lane) = self.lanes.get(at) else { return LinkEstimate::default() };
        LinkEstimate {
            up: self.standing.is_up(),
            lane: number(at),
            rtt_ms: lane.trips.median_ms(),
            rtt_p95_ms: lane.trips.p95_ms(),
            jitter_ms: lane.trips.jitter_ms(),
            loss: lane.loss.loss(),
            loss_back: lane.loss_back.loss(),
            reordered: lane.reordered(),
            packets: self.recent.sum(now),
            brownout: lane.loss.is_brownout(),
            slower_ms: lane.trips.slower_ms(),
            tunnel_loss: (self.tunnel.packets >= 1.0).then(|| self.tunnel.lost / self.tunnel.packets),
            lanes,
        }
    }

    fn stand(&mut self, now: Time, sign: Sign) {
        let was_up = self.standing.is_up();
        self.standing = self.standing.after(now, sign);
        if was_up && !self.standing.is_up() {
            self.fell = Some(now);
            self.lanes.iter_mut().for_each(LaneEstimator::forgive);
        }
    }

    /// Loss is tested on the packets of all lanes that may be alike. A lane that is known to be bad is not the link.
    fn pool(&mut self, now: Time, lane: usize, packets: u32, lost: u32, bursts: u32) {
        let others_good = self.lanes.iter().any(LaneEstimator::is_good);
        if others_good && !self.lanes.get(lane).is_some_and(LaneEstimator::is_good) {
            return;
        }
        let was = self.pooled.is_brownout();
        if self.pooled.is_at_rest() {
            self.shares.fill(Counts::default());
        }
        if let Some(share) = self.shares.get_mut(lane) {
            share.add(f64::from(packets), f64::from(lost));
        }
        self.pooled.update_bursts(now, packets, lost, bursts);
        match (was, self.pooled.is_brownout()) {
            (false, true) => self.on_brownout(now),
            (true, false) => self.lanes.iter_mut().for_each(|lane| lane.loss.clear(now)),
            (false, false) | (true, true) => {}
        }
    }

    /// Whose loss is it? One lane's, if that one has nearly all of it but not nearly all of the packets.
    fn on_brownout(&mut self, now: Time) {
        let sum = |what: fn(&Counts) -> f64| self.shares.iter().map(what).sum::<f64>();
        let (packets, lost) = (sum(|share| share.packets), sum(|share| share.lost));
        let culprit = self
            .shares
            .iter()
            .position(|share| share.lost >= lost * BLAME_LOST && share.packets < packets * BLAME_PACKETS);
        if let Some(at) = culprit {
            let share = self.shares[at];
            self.lanes[at].loss.believe(now, share);
            self.pooled = LossEstimate::new(now);
        } else {
            let counts = self.pooled.counts();
            self.lanes.iter_mut().for_each(|lane| lane.loss.believe(now, counts));
        }
        self.look(now);
    }

    fn look(&mut self, now: Time) {
        let quality = |lane: &LaneEstimator| Quality {
            good: lane.is_inviting(),
            up: lane.standing.is_up(),
            rtt_ms: lane.trips.median_ms(),
            loss: lane.loss.loss(),
        };
        let qualities: Vec<Quality> = self.lanes.iter().map(quality).collect();
        self.choice.look(now, &qualities);
    }
}

impl LinkEstimate {
    /// As it is told to others.
    pub fn report(&self, to: Region, cause: Cause, sip: HopCounts) -> LinkReport {
        LinkReport {
            to,
            up: self.up,
            lane: self.lane,
            rtt_ms: self.rtt_ms,
            rtt_p95_ms: self.rtt_p95_ms,
            jitter_ms: self.jitter_ms,
            loss: self.loss,
            loss_back: self.loss_back,
            reordered: self.reordered,
            packets: self.packets,
            cause,
            lanes: self.lanes.clone(),
            sip,
        }
    }
}

/// A sum over the last ten seconds, second by second.
#[derive(Clone, Copy, Debug, Default)]
struct TenSeconds {
    seconds: [(u64, u32); 10],
}

impl TenSeconds {
    fn add(&mut self, now: Time, count: u32) {
        let second = now.millis() / 1_000;
        if let Some((of, sum)) = self.seconds.get_mut(usize::try_from(second % 10).unwrap_or(0)) {
            *sum = if *of == second { sum.saturating_add(count) } else { count };
            *of = second;
        }
    }

    fn sum(&self, now: Time) -> u32 {
        let second = now.millis() / 1_000;
        let recent = self.seconds.iter().filter(|(of, _)| second.saturating_sub(*of) < 10);
        recent.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}
