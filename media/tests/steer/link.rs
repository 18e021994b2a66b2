//! A modeled link, one way: delay, jitter, losses by themselves and in bursts, cuts, dead lanes.

use ringway_router::Time;
use std::time::Duration;

/// One way of a link. Packets of one lane do not overtake one another.
#[derive(Clone)]
pub(crate) struct Link {
    delay: Duration,
    loss: f64,
    /// Mean length of a bad spell and of a good one (Gilbert); nothing passes in a bad one.
    spells: Option<(Duration, Duration)>,
    bad: bool,
    turns: Time,
    troubles: Vec<Trouble>,
    last_out: [Time; 8],
}

#[derive(Clone)]
struct Trouble {
    from: Time,
    until: Time,
    lane: Option<u8>,
    loss: f64,
}

const JITTER: Duration = Duration::from_micros(400);

impl Link {
    pub(crate) fn new(delay: Duration) -> Self {
        Self {
            delay,
            loss: 0.0,
            spells: None,
            bad: false,
            turns: Time::default(),
            troubles: Vec::new(),
            last_out: [Time::default(); 8],
        }
    }

    /// Loses this share, each packet by itself.
    pub(crate) fn lose(&mut self, loss: f64) {
        self.loss = loss;
    }

    /// Loses this share in spells of this mean length.
    pub(crate) fn lose_in_spells(&mut self, loss: f64, spell: Duration) {
        self.spells = Some((spell, spell.mul_f64(1.0 / loss - 1.0)));
    }

    /// Loses this share from then on, on one lane or on all.
    pub(crate) fn trouble(&mut self, from: Time, until: Time, lane: Option<u8>, loss: f64) {
        self.troubles.push(Trouble { from, until, lane, loss });
    }

    /// A packet enters: when it comes out, if it does.
    pub(crate) fn cross(&mut self, at: Time, lane: u8, chance: &mut fastrand::Rng) -> Option<Time> {
        if let Some((bad, good)) = self.spells {
            while self.turns <= at {
                self.bad = !self.bad;
                let mean = if self.bad { bad } else { good };
                self.turns = self.turns.max(Time::from_micros(1)) + mean.mul_f64(-(1.0 - chance.f64()).ln());
            }
            if self.bad {
                return None;
            }
        }
        let in_trouble = self.troubles.iter().filter(|trouble| {
            trouble.from <= at && at < trouble.until && trouble.lane.is_none_or(|dark| dark == lane)
        });
        let kept = in_trouble.fold(1.0 - self.loss, |kept, trouble| kept * (1.0 - trouble.loss));
        if chance.f64() >= kept {
            return None;
        }
        let jitter = JITTER.mul_f64(-(1.0 - chance.f64()).ln());
        let out = &mut self.last_out[usize::from(lane)];
        *out = (at + self.delay + jitter).max(*out);
        Some(*out)
    }
}
