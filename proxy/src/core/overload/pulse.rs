//! How fast an element answers when it is well, and so what is slow and what is late for it.

use super::round::Sign;
use std::time::Duration;

/// RFC 3261 §17.1.1.2: T1, after which a request over UDP is sent again. What is answered sooner costs nothing twice.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// An element far away, or one that says nothing before it rings, may take so many times as long as its fastest answer.
const TIMES: u32 = 3;
/// The longest patience: 8·T1.
const PATIENCE_MAX: Duration = Duration::from_secs(4);
/// Beyond its fastest answer, requests wait there.
const STANDING: Duration = Duration::from_millis(125);
/// So that a figure of better days fades: a round of slower answers moves it by this part.
const FADE: u32 = 32;
/// So that it can fade from nothing.
const FADE_MIN: Duration = Duration::from_micros(100);

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pulse {
    /// The fastest first answer.
    base: Option<Duration>,
    /// That of the present round.
    fastest: Option<Duration>,
}

impl Pulse {
    /// The fastest first answer; zero until there was one.
    pub(crate) fn base(&self) -> Duration {
        self.base.unwrap_or_default()
    }

    /// How long a request may be without an answer; `None` where nobody can say, since there never was one: such an
    /// element is dead perhaps, but not overloaded.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.base.map(|base| (base * TIMES).clamp(T1, PATIENCE_MAX))
    }

    /// An answer came after `delay`.
    pub(crate) fn answer(&mut self, delay: Duration) -> Sign {
        let late = self.patience().is_some_and(|patience| delay >= patience);
        self.fastest = Some(self.fastest.map_or(delay, |fastest| fastest.min(delay)));
        self.base = Some(self.base.map_or(delay, |base| base.min(delay)));
        match delay > self.base() + STANDING {
            _ if late => Sign::Late,
            true => Sign::Slow,
            false => Sign::Prompt,
        }
    }

    /// A request has been without an answer for `waited`, as its timer A tells: at T1, 3·T1, 7·T1, … True just once for
    /// each request: when patience ends.
    pub(crate) fn is_late(&self, waited: Duration) -> bool {
        let before = waited.saturating_sub(T1) / 2;
        self.patience().is_some_and(|patience| before < patience && patience <= waited)
    }

    /// A round is over.
    pub(crate) fn turn(&mut self) {
        if let (Some(base), Some(fastest)) = (self.base, self.fastest.take()) {
            self.base = Some(fastest.min(base + (base / FADE).max(FADE_MIN)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Signs of late answers, by the times at which timer A fires.
    fn late(pulse: &Pulse) -> Vec<u64> {
        [500, 1_500, 3_500, 7_500, 15_500, 31_500].into_iter().filter(|at| pulse.is_late(ms(*at))).collect()
    }

    #[test]
    fn patience_is_measured() {
        let mut pulse = Pulse::default();
        assert_eq!(late(&pulse), [0; 0], "who never answered is not late");
        assert_eq!(pulse.answer(ms(3_000)), Sign::Prompt, "its first answer is its fastest");
        assert_eq!(late(&pulse), [7_500], "4 s of patience at most");
        pulse.answer(ms(2));
        assert_eq!(late(&pulse), [500]);
        let signs = [ms(3), ms(127), ms(128), ms(499), ms(500)].map(|delay| pulse.answer(delay));
        assert_eq!(signs, [Sign::Prompt, Sign::Prompt, Sign::Slow, Sign::Slow, Sign::Late]);
    }

    #[test]
    fn better_days_fade() {
        let mut pulse = Pulse::default();
        pulse.answer(ms(2));
        pulse.turn();
        for _ in 0..300 {
            pulse.answer(ms(400));
            pulse.turn();
        }
        assert_eq!(pulse.base(), ms(400));
        pulse.answer(ms(2));
        assert_eq!(pulse.base(), ms(2), "and come back at once");
    }
}
