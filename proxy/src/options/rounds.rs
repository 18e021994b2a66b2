//! Whom to ask when: pure.

use super::Sounding;
use fastrand::Rng;
use ringway_router::Region;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Timer F (RFC 3261 §17.1.2.2): a request other than INVITE is given up then by everybody on its way.
pub const SILENT_AFTER: Duration = Duration::from_secs(32);

/// Questions that are due, and those that are out.
#[derive(Debug)]
pub struct Rounds {
    every: Duration,
    due: BTreeMap<Region, Instant>,
    /// By number, so the oldest comes first.
    out: BTreeMap<u32, (Region, Instant)>,
    count: u32,
    chance: Rng,
}

impl Rounds {
    /// Each region is asked once in `every`, a tenth sooner or later by chance.
    #[must_use]
    pub fn new(every: Duration, seed: u64) -> Self {
        let chance = Rng::with_seed(seed);
        Self { every, due: BTreeMap::new(), out: BTreeMap::new(), count: 0, chance }
    }

    /// These regions are there. One that is new is asked at some time in the first round, so that a mesh that starts does
    /// not ask all at once.
    pub fn look(&mut self, now: Instant, regions: &BTreeSet<Region>) {
        self.due.retain(|region, _| regions.contains(region));
        for region in regions {
            let (every, chance) = (self.every, &mut self.chance);
            self.due.entry(region.clone()).or_insert_with(|| now + every.mul_f64(chance.f64()));
        }
    }

    /// The next one to be asked now, and its number.
    pub fn poll(&mut self, now: Instant) -> Option<(u32, Region)> {
        let region = self.due.iter().find(|(_, due)| **due <= now)?.0.clone();
        let pause = self.every.mul_f64(0.9 + 0.2 * self.chance.f64());
        self.due.insert(region.clone(), now + pause);
        self.count = self.count.wrapping_add(1);
        self.out.insert(self.count, (region.clone(), now));
        Some((self.count, region))
    }

    /// An answer came. `None`: to nothing that is out.
    pub fn answered(&mut self, now: Instant, number: u32, status: u16) -> Option<Sounding> {
        let (region, asked) = self.out.remove(&number)?;
        Some(Sounding { region, at: now, took: now - asked, status: Some(status) })
    }

    /// One that has been out for too long.
    pub fn expire(&mut self, now: Instant) -> Option<Sounding> {
        let (&number, &(_, asked)) = self.out.iter().next()?;
        if now < asked + SILENT_AFTER {
            return None;
        }
        let (region, _) = self.out.remove(&number)?;
        Some(Sounding { region, at: now, took: now - asked, status: None })
    }

    /// When to come back at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let silent = self.out.values().next().map(|(_, asked)| *asked + SILENT_AFTER);
        self.due.values().min().copied().into_iter().chain(silent).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn every_region_is_asked_in_its_turn_and_each_question_ends_once() {
        let start = Instant::now();
        let at = |s: f64| start + Duration::from_secs_f64(s);
        let regions: BTreeSet<Region> =
            ["us-east-1", "us-east-2"].map(|name| Region::try_from(name).unwrap()).into();
        let mut rounds = Rounds::new(Duration::from_secs(30), 7);
        rounds.look(at(0.0), &regions);
        let mut asked: BTreeMap<Region, Vec<f64>> = BTreeMap::new();
        let (mut answered, mut silent) = (0, 0);
        for step in 0..3_000 {
            let now = f64::from(step) * 0.1;
            while let Some((number, region)) = rounds.poll(at(now)) {
                if region.as_str() == "us-east-1" {
                    let sounding = rounds.answered(at(now + 0.064), number, 200).unwrap();
                    assert_eq!(sounding.to_string(), "OPTIONS to us-east-1 was answered 200 in 64 ms");
                    assert_eq!(rounds.answered(at(now + 0.07), number, 200), None, "a copy");
                    answered += 1;
                }
                asked.entry(region).or_default().push(now);
            }
            while let Some(sounding) = rounds.expire(at(now)) {
                assert_eq!(sounding.to_string(), "OPTIONS to us-east-2 was not answered in 32 s");
                silent += 1;
            }
        }
        assert!((9..=11).contains(&answered) && (8..=10).contains(&silent), "{answered} {silent}");
        for times in asked.values() {
            assert!(times.windows(2).all(|pair| (26.9..33.2).contains(&(pair[1] - pair[0]))), "{times:?}");
        }
        assert!(rounds.deadline().unwrap() > at(299.8));
        rounds.look(at(300.0), &BTreeSet::new());
        assert_eq!(rounds.poll(at(400.0)), None, "nobody is left");
    }
}
