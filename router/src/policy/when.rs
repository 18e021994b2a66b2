//! When a rule holds: days and hours that come again every week, and moments at which it begins or ends for good.
//! Computed from the time that is handed in. Zones are fixed offsets: a table of summer times would be a second clock.

use std::time::Duration;

use serde::Deserialize;

use crate::Time;

const DAY_S: i64 = 86_400;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// One bit a day on which it opens, Monday the lowest.
    days: u8,
    /// Local seconds of the day. When it closes no later than it opens, it closes on the next day.
    from_s: u32,
    to_s: u32,
    /// East of Greenwich.
    zone_s: i32,
    /// Not before; `None`: since ever.
    after: Option<Time>,
    /// Not from here on; `None`: without end.
    until: Option<Time>,
}

impl Day {
    /// All of them.
    pub(crate) const WEEK: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];
}

impl Window {
    /// A window on these days from one second of the day to another, local time.
    pub(crate) fn new(days: &[Day], (from_s, to_s): (u32, u32), zone_s: i32) -> Self {
        let days = days.iter().fold(0, |bits, day| bits | 1 << *day as u8);
        Self { days, from_s, to_s, zone_s, after: None, until: None }
    }

    /// The same window between two moments.
    pub(crate) fn between(self, after: Option<Time>, until: Option<Time>) -> Self {
        Self { after, until, ..self }
    }

    /// Whether the rule holds at this moment.
    pub(crate) fn contains(&self, at: Time) -> bool {
        self.after.is_none_or(|after| at >= after) && !self.has_ended(at) && self.recurs(at)
    }

    /// Whether it is over for good.
    pub(crate) fn has_ended(&self, at: Time) -> bool {
        self.until.is_some_and(|until| at >= until)
    }

    /// The first moment after `at` at which the answer of [`contains`](Self::contains) is another.
    pub(crate) fn next_turn(&self, at: Time) -> Option<Time> {
        let holds = self.contains(at);
        let base = match self.after {
            Some(after) if after > at => {
                if self.contains(after) {
                    return Some(after);
                }
                after
            }
            Some(_) | None => at,
        };
        // A window opens and closes within a week, or it never closes.
        let today = self.day(base);
        let edges = (today - 1..=today + 8).filter_map(|day| self.occurrence(day));
        let edges = edges.flat_map(|(opens, closes)| [self.time(opens), self.time(closes)]);
        let mut turns: Vec<Time> = edges.flatten().chain(self.until).filter(|turn| *turn > base).collect();
        turns.sort_unstable();
        turns.into_iter().find(|turn| self.contains(*turn) != holds)
    }

    /// Whether there is no moment at which it holds.
    pub(crate) fn is_empty(&self) -> bool {
        let first = self.after.unwrap_or_default();
        !self.contains(first) && self.next_turn(first).is_none()
    }

    fn recurs(&self, at: Time) -> bool {
        let (now, today) = (self.local_s(at), self.day(at));
        (today - 1..=today)
            .filter_map(|day| self.occurrence(day))
            .any(|(opens, closes)| (opens..closes).contains(&now))
    }

    /// The local seconds from which to which it is open when it opens on this day.
    fn occurrence(&self, day: i64) -> Option<(i64, i64)> {
        // 1 January 1970 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        let closes_s = if self.to_s > self.from_s { 0 } else { DAY_S } + i64::from(self.to_s);
        let start = day * DAY_S;
        (self.days >> weekday & 1 == 1).then_some((start + i64::from(self.from_s), start + closes_s))
    }

    fn local_s(&self, at: Time) -> i64 {
        i64::try_from(at.micros() / 1_000_000).unwrap_or(i64::MAX / 2) + i64::from(self.zone_s)
    }

    fn day(&self, at: Time) -> i64 {
        self.local_s(at).div_euclid(DAY_S)
    }

    /// `None` before 1970.
    fn time(&self, local_s: i64) -> Option<Time> {
        let seconds = u64::try_from(local_s - i64::from(self.zone_s)).ok()?;
        Some(Time::default() + Duration::from_secs(seconds))
    }
}

/// Days from 1 January 1970 to a day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
#[path = "when_tests.rs"]
mod tests;
