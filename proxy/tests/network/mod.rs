//! A modeled link between a session and the reflector that it probes, in virtual time: delay, jitter, loss of single
//! packets and in bursts (Gilbert and Elliott), cuts, lanes that are black.

use ringway_proxy::probe::{
    packet::Answer,
    session::{Session, Setup},
};
use ringway_router::{
    Time,
    measure::{LinkEstimate, Passive},
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

const LANES: usize = 3;
/// How long a bad spell lasts on average, and what is lost in it.
const SPELL: Duration = Duration::from_millis(30);
const SPELL_LOSS: f64 = 0.75;
/// There and back in fair weather, on average.
const RTT: Duration = Duration::from_millis(64);
/// Lost packets that are remembered.
const REMEMBERED: usize = 64;

/// What a direction is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// One way, without jitter.
    pub(crate) delay: Duration,
    /// At the most; drawn evenly from nothing to it.
    pub(crate) jitter: Duration,
    /// Each packet by itself.
    pub(crate) loss: f64,
    /// On average, in bad spells of [`SPELL`].
    pub(crate) bursts: f64,
    pub(crate) cut: bool,
}

/// One direction; its spells are those of all lanes.
struct Direction {
    weather: Weather,
    bad: bool,
    turns: Time,
}

/// See the module.
pub(crate) struct Network {
    session: Session,
    now: Time,
    there: Direction,
    back: Direction,
    arrived: [u32; LANES],
    black: Option<usize>,
    flying: BinaryHeap<Reverse<(Time, u64, usize, Flying)>>,
    count: u64,
    /// When it was lost, when its answer should have been here, the lane.
    lost: VecDeque<(Time, Time, usize)>,
    slowed: (u32, Duration),
    calls: Option<(u32, Time)>,
    chance: fastrand::Rng,
}

/// A packet on its way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flying {
    Question { sequence: u32, session: u16 },
    Answer { sequence: u32, question: u32, session: u16 },
}

impl Weather {
    /// 64 ms there and back, of which up to 14 are jitter's.
    pub(crate) fn fair() -> Self {
        let (delay, jitter) = (Duration::from_micros(28_500), Duration::from_millis(7));
        Self { delay, jitter, loss: 0.0, bursts: 0.0, cut: false }
    }

    pub(crate) fn with_loss(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    pub(crate) fn with_bursts(self, bursts: f64) -> Self {
        Self { bursts, ..self }
    }
}

impl Direction {
    fn new(weather: Weather) -> Self {
        Self { weather, bad: false, turns: Time::default() }
    }

    /// How long a packet takes; none when it is lost.
    fn carry(&mut self, now: Time, chance: &mut fastrand::Rng) -> Option<Duration> {
        let Weather { delay, jitter, loss, bursts, cut } = self.weather;
        if bursts > 0.0 {
            let share = bursts / SPELL_LOSS;
            while self.turns <= now {
                self.bad = !self.bad;
                let mean = if self.bad { SPELL } else { SPELL.mul_f64((1.0 - share) / share) };
                self.turns = self.turns + mean.mul_f64(-(1.0 - chance.f64()).ln());
            }
        }
        let loss = if self.bad && bursts > 0.0 { SPELL_LOSS } else { loss };
        let lost = cut || (loss > 0.0 && chance.f64() < loss);
        (!lost).then(|| delay + jitter.mul_f64(chance.f64()))
    }
}

impl Network {
    pub(crate) fn new(seed: u64, pause: Duration, weather: Weather) -> Self {
        let now = Time::from_millis(1_000_000);
        let mut session = Session::new(now, Setup { lanes: LANES, misses: 3, first: 0, seed });
        session.pace(now, pause);
        Self {
            session,
            now,
            there: Direction::new(weather),
            back: Direction::new(weather),
            arrived: [0; LANES],
            black: None,
            flying: BinaryHeap::new(),
            count: 0,
            lost: VecDeque::new(),
            slowed: (0, Duration::ZERO),
            calls: None,
            chance: fastrand::Rng::with_seed(seed ^ 0xabcd),
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.now
    }

    pub(crate) fn is_up(&self) -> bool {
        self.session.way().is_up()
    }

    pub(crate) fn lane(&self) -> usize {
        self.session.way().lane()
    }

    pub(crate) fn misses_enough(&self) -> u32 {
        self.session.way().misses_enough()
    }

    pub(crate) fn estimate(&self) -> LinkEstimate {
        self.session.estimate(self.now)
    }

    pub(crate) fn weather_there(&mut self, weather: Weather) {
        self.there.weather = weather;
    }

    pub(crate) fn weather_back(&mut self, weather: Weather) {
        self.back.weather = weather;
    }

    pub(crate) fn black_lane(&mut self, lane: usize) {
        self.black = Some(lane);
    }

    /// The next answers take so much longer.
    pub(crate) fn delay_next(&mut self, count: u32, by: Duration) {
        self.slowed = (count, by);
    }

    /// Tunnels carry so many packets a second from now on; their counters come every 100 ms.
    pub(crate) fn carry(&mut self, packets_per_second: u32) {
        self.calls = Some((packets_per_second, self.now + Duration::from_millis(100)));
    }

    pub(crate) fn on_passive(&mut self, passive: Passive) {
        self.session.on_passive(self.now, passive);
    }

    /// When the first answer should have been here of those that were lost from `time` on.
    pub(crate) fn first_missing(&self, time: Time) -> Option<Time> {
        self.lost.iter().filter(|(at, ..)| *at >= time).map(|(_, due, _)| *due).min()
    }

    /// The same of one lane.
    pub(crate) fn first_missing_on(&self, lane: usize, time: Time) -> Option<Time> {
        self.lost.iter().filter(|(at, _, of)| *of == lane && *at >= time).map(|(_, due, _)| *due).min()
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.run_while(time, |_| true);
    }

    /// Runs while that holds, at most so long; whether it ceased to hold.
    pub(crate) fn run_while(&mut self, time: Duration, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + time;
        while self.now < end {
            if !holds(self) {
                return true;
            }
            self.step(end);
        }
        false
    }

    /// Falls, brownouts, and moves of the lane in that time.
    pub(crate) fn count_alarms(&mut self, time: Duration) -> (u64, u64, u64) {
        let (mut falls, mut steps, mut moves) = (0, 0, 0);
        let mut before = (self.is_up(), false, self.lane());
        self.run_while(time, |network| {
            let way = network.session.way();
            let now = (way.is_up(), way.is_suspect(), way.lane());
            falls += u64::from(before.0 && !now.0);
            steps += u64::from(!before.1 && now.1);
            moves += u64::from(before.2 != now.2);
            before = now;
            true
        });
        (falls, steps, moves)
    }

    /// On to the next thing that happens.
    fn step(&mut self, end: Time) {
        let mut next = end.min(self.session.deadline());
        if let Some(Reverse((at, ..))) = self.flying.peek() {
            next = next.min(*at);
        }
        if let Some((_, at)) = self.calls {
            next = next.min(at);
        }
        self.now = self.now.max(next);
        while let Some(Reverse((at, ..))) = self.flying.peek()
            && *at <= self.now
        {
            let Some(Reverse((_, _, lane, packet))) = self.flying.pop() else { break };
            self.arrive(lane, packet);
        }
        if let Some((rate, at)) = self.calls
            && at <= self.now
        {
            self.count_calls(rate / 10);
            self.calls = Some((rate, at + Duration::from_millis(100)));
        }
        while let Some(ask) = self.session.poll(self.now) {
            let carried = self.there.carry(self.now, &mut self.chance);
            match carried.filter(|_| self.black != Some(ask.lane)) {
                Some(takes) => {
                    let packet = Flying::Question { sequence: ask.sequence, session: ask.session };
                    self.fly(takes, ask.lane, packet);
                }
                None => self.lose(ask.lane, RTT),
            }
        }
    }

    fn arrive(&mut self, lane: usize, packet: Flying) {
        match packet {
            Flying::Question { sequence: question, session } => {
                let answer = Flying::Answer { sequence: self.arrived[lane], question, session };
                self.arrived[lane] += 1;
                match self.back.carry(self.now, &mut self.chance) {
                    Some(takes) => {
                        let slower = if self.slowed.0 > 0 { self.slowed.1 } else { Duration::ZERO };
                        self.slowed.0 = self.slowed.0.saturating_sub(1);
                        self.fly(takes + slower, lane, answer);
                    }
                    None => self.lose(lane, RTT / 2),
                }
            }
            Flying::Answer { sequence, question, session } => {
                self.session.on_answer(self.now, lane, Answer { sequence, question, session });
            }
        }
    }

    fn count_calls(&mut self, packets: u32) {
        let mut passive = Passive { sent: packets, ..Passive::default() };
        let mut lost_before = false;
        for _ in 0..packets {
            let lost = self.there.carry(self.now, &mut self.chance).is_none();
            passive.lost += u32::from(lost);
            passive.gaps += u32::from(lost && !lost_before);
            lost_before = lost;
        }
        self.session.on_passive(self.now, passive);
    }

    fn fly(&mut self, takes: Duration, lane: usize, packet: Flying) {
        self.count += 1;
        self.flying.push(Reverse((self.now + takes, self.count, lane, packet)));
    }

    fn lose(&mut self, lane: usize, rest: Duration) {
        if self.lost.len() == REMEMBERED {
            self.lost.pop_front();
        }
        self.lost.push_back((self.now, self.now + rest, lane));
    }
}
