//! So much in a second and no more.

use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What is left for this second.
#[derive(Debug)]
pub(super) struct Ration {
    a_second: u32,
    left: u32,
    since: Option<Instant>,
}

impl Ration {
    pub(super) fn new(a_second: u32) -> Self {
        Self { a_second, left: a_second, since: None }
    }

    /// Whether there was something left.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= SECOND) {
            (self.left, self.since) = (self.a_second, Some(now));
        }
        let had = self.left > 0;
        self.left = self.left.saturating_sub(1);
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
    fn so_much_in_a_second() {
        let start = Instant::now();
        let mut ration = Ration::new(3);
        let had = |ration: &mut Ration, ms| {
            (0..5).filter(|_| ration.spend(start + Duration::from_millis(ms))).count()
        };
        assert_eq!([0, 999, 1_000, 2_500].map(|ms| had(&mut ration, ms)), [3, 0, 3, 3]);
    }
}
