//! Times of day for people, in UTC like the logs.

/// `2026-11-22 10:31:07.250Z` from µs since the Unix epoch; `-` for zero.
pub(super) fn utc(unix_us: u64) -> String {
    if unix_us == 0 {
        return "-".to_owned();
    }
    let (seconds, ms) = (unix_us / 1_000_000, unix_us / 1_000 % 1_000);
    let (year, month, day) = civil(seconds / 86_400);
    let (h, m, s) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}.{ms:03}Z")
}

/// `1.2s`, `340ms`, `3m`, `2h`: a span as one glance needs it.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..120_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        120_000..7_200_000 => format!("{}m", ms / 60_000),
        _ => format!("{}h", ms / 3_600_000),
    }
}

/// The proleptic Gregorian date of a day since 1970-01-01, by eras of 400 years that begin in March.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(utc(951_782_399_999_000), "2000-02-28 23:59:59.999Z");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29 00:00:00.000Z");
        assert_eq!(utc(1_795_343_467_250_000), "2026-11-22 10:31:07.250Z");
        assert_eq!(utc(0), "-");
    }

    #[test]
    fn spans() {
        let cases = [(7, "7ms"), (1_250, "1.2s"), (119_999, "119.9s"), (180_000, "3m"), (7_200_000, "2h")];
        for (ms, want) in cases {
            assert_eq!(span(ms), want);
        }
    }
}
