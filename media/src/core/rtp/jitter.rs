//! Interarrival jitter (RFC 3550 §6.4.1, A.8), in whole numbers.

use ringway_router::Time;

/// A step of the transit time above this many seconds is a new start of the sender's clock, not jitter.
const STEP_S_MAX: u32 = 5;

/// The jitter of one source.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Jitter {
    clock_hz: u32,
    transit: u32,
    timestamp: u32,
    /// In 16ths of a tick.
    scaled: u32,
}

impl Jitter {
    /// A packet with this timestamp, of a format with this clock, is here.
    pub(super) fn take(&mut self, now: Time, timestamp: u32, clock_hz: u32) {
        let transit = ticks(now, clock_hz).wrapping_sub(timestamp);
        let before = *self;
        (self.transit, self.timestamp) = (transit, timestamp);
        if before.clock_hz != clock_hz {
            self.clock_hz = clock_hz;
            let scaled = u64::from(before.scaled) * u64::from(clock_hz) / u64::from(before.clock_hz.max(1));
            self.scaled = u32::try_from(scaled).unwrap_or(0);
            return;
        }
        // Several packets of one instant (a picture, a key pressed) were not sent at one instant: they compare with nothing.
        let step = transit.wrapping_sub(before.transit).cast_signed().unsigned_abs();
        if timestamp == before.timestamp || step > clock_hz.saturating_mul(STEP_S_MAX) {
            return;
        }
        self.scaled = self.scaled + step - ((self.scaled + 8) >> 4);
    }

    /// In milliseconds.
    pub(super) fn ms(&self) -> f64 {
        f64::from(self.scaled) / 16.0 * 1e3 / f64::from(self.clock_hz.max(1))
    }
}

/// The time in ticks, from anywhere; wraps.
#[expect(clippy::cast_possible_truncation, reason = "only differences modulo 2^32 mean anything")]
fn ticks(now: Time, clock_hz: u32) -> u32 {
    let (seconds, micros) = (now.micros() / 1_000_000, now.micros() % 1_000_000);
    let clock = u64::from(clock_hz);
    seconds.wrapping_mul(clock).wrapping_add(micros * clock / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(clock_hz: u32, packets: impl IntoIterator<Item = (u64, u32)>) -> f64 {
        let mut jitter = Jitter::default();
        for (us, timestamp) in packets {
            jitter.take(Time::from_micros(1_700_000_000_000_000 + us), timestamp, clock_hz);
        }
        jitter.ms()
    }

    #[test]
    fn an_even_stream_has_none_at_any_clock() {
        for clock in [8_000, 16_000, 48_000, 90_000] {
            let even =
                (0..200).map(|n| (u64::from(n) * 20_000, 0xffff_f000_u32.wrapping_add(n * clock / 50)));
            assert!(after(clock, even) < 0.1, "{clock}");
        }
    }

    #[test]
    fn steps_of_four_ms_to_and_fro_come_near_to_four_ms() {
        for clock in [8_000, 90_000] {
            let uneven =
                (0..400_u32).map(|n| (u64::from(n) * 20_000 + u64::from(n % 2) * 4_000, n * clock / 50));
            let ms = after(clock, uneven);
            assert!((3.8..4.1).contains(&ms), "{clock}: {ms}");
        }
    }

    #[test]
    fn the_first_step_is_a_sixteenth_as_in_the_rfc() {
        assert_eq!(after(8_000, [(0, 0), (36_000, 160)]), 16.0 / 16.0);
    }

    #[test]
    fn one_instant_in_many_packets_and_a_new_clock_of_the_sender_are_no_jitter() {
        let event = (0..50).map(|n| (n * 20_000, 160));
        assert_eq!(after(8_000, event), 0.0);
        assert_eq!(after(8_000, [(0, 0), (20_000, 160), (40_000, 0x8000_0000), (60_000, 0x8000_00a0)]), 0.0);
    }
}
