//! How many misses in a row are too many to be chance: as few as the link's own history allows. Independent loss of
//! 0.1 % makes three in a row once in a thousand hours at 50 packets a second; bursts make them every minute, and a
//! detector that does not know would cry wolf every minute.

use crate::Time;

/// The most that is ever waited for.
const MISSES_MAX: u32 = 16;
/// False alarms that are accepted, a day.
const ALARMS_A_DAY: f64 = 0.4;
/// What is taken for granted of a link without a history: that of 20 losses none was followed by another.
const PRIOR_SINGLE: f64 = 20.0;
const PRIOR_DOUBLE: f64 = 0.1;
/// And of how many later ones the same is taken for granted.
const PRIOR_LATER: f64 = 5.0;
/// Two memories: one that keeps up with a brownout, and one that remembers the night.
const HALF_LIVES_S: [f64; 2] = [30.0, 21_600.0];
const LEAST_S: [f64; 2] = [30.0, 300.0];
const DAY_S: f64 = 86_400.0;

/// The lengths of past runs of misses.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    memories: [Memory; 2],
    at: Time,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    runs: f64,
    /// Misses that were followed by another, and all.
    steps: f64,
    lengths: f64,
    /// The same of those after the first of a run: a spell that has lasted is likely to last.
    later_steps: f64,
    later_lengths: f64,
    seconds: f64,
}

impl Runs {
    pub(crate) fn new(now: Time) -> Self {
        Self { memories: [Memory::default(); 2], at: now }
    }

    /// A run of this many misses is over: a packet came back.
    pub(crate) fn record(&mut self, now: Time, length: u32) {
        self.fade(now);
        for memory in &mut self.memories {
            memory.runs += 1.0;
            // Each miss of a run either had a successor or ended it: the share that had one is the chance to go on.
            memory.steps += f64::from(length - length.min(1));
            memory.lengths += f64::from(length);
            memory.later_steps += f64::from(length.saturating_sub(2));
            memory.later_lengths += f64::from(length.saturating_sub(1));
        }
    }

    /// How many in a row are enough: at least `least`, and so many that chance makes them less than once in days.
    pub(crate) fn enough(&self, least: u32) -> u32 {
        let [_, long] = self.memories;
        let usual = (long.steps + PRIOR_DOUBLE) / (long.lengths + PRIOR_SINGLE);
        let needed = self.memories.iter().zip(LEAST_S).map(|(memory, least_s)| {
            // How likely it is that a miss is followed by another; the short memory begins with what the long one knows.
            let on = (memory.steps + usual * PRIOR_SINGLE) / (memory.lengths + PRIOR_SINGLE);
            // Over the time that the memory holds, and at least over this: one loss is no rate.
            let mut alarms = memory.runs / memory.seconds.max(least_s) * DAY_S;
            let mut enough = 1;
            let later = (memory.later_steps + on * PRIOR_LATER) / (memory.later_lengths + PRIOR_LATER);
            while alarms > ALARMS_A_DAY && enough < MISSES_MAX {
                alarms *= if enough == 1 { on } else { later.max(on) };
                enough += 1;
            }
            enough
        });
        needed.fold(least, u32::max).min(MISSES_MAX.max(least))
    }

    fn fade(&mut self, now: Time) {
        let seconds = now.since(self.at).as_secs_f64();
        self.at = now;
        for (memory, half_life_s) in self.memories.iter_mut().zip(HALF_LIVES_S) {
            let factor = 0.5_f64.powf(seconds / half_life_s);
            memory.runs *= factor;
            memory.steps *= factor;
            memory.lengths *= factor;
            memory.later_steps *= factor;
            memory.later_lengths *= factor;
            memory.seconds = memory.seconds * factor + seconds;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(runs: impl IntoIterator<Item = (u64, u32)>) -> u32 {
        let mut memory = Runs::new(Time::default());
        for (ms, length) in runs {
            memory.record(Time::from_millis(ms), length);
        }
        memory.enough(3)
    }

    #[test]
    fn single_losses_leave_it_at_three() {
        assert_eq!(after([]), 3);
        assert_eq!(after((1..200).map(|n| (20_000 * n, 1))), 3, "0.1 % at 50 a second");
    }

    #[test]
    fn bursts_raise_it_and_a_brownout_too() {
        assert!(after((1..200).map(|n| (20_000 * n, 1 + u32::from(n % 4 == 0)))) >= 5);
        let third = after((1..40).map(|n| (100 * n, [1, 2, 1, 1, 3][usize::try_from(n % 5).unwrap()])));
        assert!((10..=MISSES_MAX).contains(&third), "{third}");
    }

    #[test]
    fn it_forgets_a_brownout() {
        let mut memory = Runs::new(Time::default());
        for n in 1..40 {
            memory.record(Time::from_millis(100 * n), 1 + u32::from(n % 3 == 0));
        }
        let during = memory.enough(3);
        memory.record(Time::from_millis(86_400_000), 1);
        assert!(memory.enough(3) < during, "{during}");
    }
}
