//! Losses that are near each other in time are one burst (Gilbert's channel), and one event for a test that asks how often
//! there is loss.

use crate::Time;
use std::time::Duration;

/// Losses with less than this between them are one burst.
const GAP: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bursts {
    last: Option<(Time, Time)>,
}

impl Bursts {
    /// Packets were lost, of which the first and the last left then: 1 if they make a burst of their own, 0 if they are
    /// part of one that is known.
    pub(crate) fn count(&mut self, first: Time, last: Time) -> u32 {
        let near = self.last.filter(|(from, to)| from.since(last) < GAP && first.since(*to) < GAP);
        self.last = Some(near.map_or((first, last), |(from, to)| (from.min(first), to.max(last))));
        u32::from(near.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_one() {
        let ms = Time::from_millis;
        let mut bursts = Bursts::default();
        let table = [
            ((1_000, 1_000), 1),
            ((1_040, 1_080), 0),
            ((1_120, 1_120), 0),
            ((980, 980), 0),
            ((1_180, 1_180), 1),
            ((5_000, 5_000), 1),
        ];
        for ((first, last), count) in table {
            assert_eq!(bursts.count(ms(first), ms(last)), count, "{first}");
        }
    }
}
