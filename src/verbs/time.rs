//! Times of day for people, in UTC like the logs.

use std::time::Duration;

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

/// `90s`, `30m`, `2h`, `1d`, `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("a number and one of ms, s, m, h, d: 30m".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a number comes first: 30m".to_owned())?;
    let ms = number.checked_mul(unit_ms).filter(|&ms| ms > 0);
    ms.map(Duration::from_millis).ok_or_else(|| "not a time that anybody waits".to_owned())
}

/// µs since the Unix epoch of `10:31:07`, today in UTC, or of a full RFC 3339 time.
pub(super) fn moment(text: &str, now_us: u64) -> Result<u64, String> {
    let bad =
        || "neither a time of day such as 10:31:07 (UTC) nor one such as 2026-11-22T10:31:07Z".to_owned();
    let (date, rest) = match text.split_once(['T', 't', ' ']) {
        Some((date, rest)) => (day_of(date).ok_or_else(bad)?, rest),
        None => (now_us / DAY_US, text),
    };
    let is_zone = |c: char| matches!(c, 'Z' | 'z' | '+' | '-');
    let (clock, zone) = rest.split_at(rest.find(is_zone).unwrap_or(rest.len()));
    let clock_us = clock_us(clock).ok_or_else(bad)?;
    let at_us = date.checked_mul(DAY_US).and_then(|day| day.checked_add(clock_us)).ok_or_else(bad)?;
    match zone.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => Ok(at_us),
        // What is east of Greenwich is ahead of UTC.
        Some(("+", ahead)) => at_us.checked_sub(offset_us(ahead).ok_or_else(bad)?).ok_or_else(bad),
        Some(("-", behind)) => Ok(at_us + offset_us(behind).ok_or_else(bad)?),
        Some(_) => Err(bad()),
    }
}

const DAY_US: u64 = 86_400_000_000;

fn offset_us(text: &str) -> Option<u64> {
    let (h, m) = text.split_once(':')?;
    Some((number(h, 2, 23)? * 60 + number(m, 2, 59)?) * 60_000_000)
}

fn clock_us(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let (h, m) = (number(parts.next()?, 2, 23)?, number(parts.next()?, 2, 59)?);
    let s = parts.next().map_or(Some(0), |s| number(s, 2, 60))?;
    if parts.next().is_some() || fraction.is_empty() || !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let micros: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(((h * 60 + m) * 60 + s) * 1_000_000 + micros)
}

fn number(text: &str, digits: usize, max: u64) -> Option<u64> {
    let good = text.len() == digits && text.bytes().all(|c| c.is_ascii_digit());
    good.then(|| text.parse().ok())?.filter(|&n| n <= max)
}

/// The day since 1970-01-01 of a date that there is.
fn day_of(date: &str) -> Option<u64> {
    let mut parts = date.split('-');
    let (year, month) = (number(parts.next()?, 4, 9_999)?, number(parts.next()?, 2, 12)?);
    let day = number(parts.next()?, 2, 31)?;
    let years = year.checked_sub(1970)?;
    // A date is found where it must be, give or take: leap days are a quarter of the years at most.
    let least = years * 365 + (month.max(1) - 1) * 28;
    (least..least + years / 4 + 32 + 40)
        .find(|&candidate| civil(candidate) == (year, month, day))
        .filter(|_| parts.next().is_none())
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

    #[test]
    fn what_people_write() {
        let now = 1_795_343_467_250_000; // 2026-11-22 10:31:07.25
        for (text, want) in [
            ("10:31:07.25", now),
            ("10:31:07", now - 250_000),
            ("10:31", now - 7_250_000),
            ("2026-11-22T10:31:07.250Z", now),
            ("2026-11-22 10:31:07.250Z", now),
            ("2026-11-22T12:31:07.25+02:00", now),
            ("2026-11-22T05:01:07.25-05:30", now),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2024-12-31T00:00:00Z", 1_735_603_200_000_000),
        ] {
            assert_eq!(moment(text, now), Ok(want), "{text}");
        }
        for bad in [
            "",
            "10",
            "25:00:00",
            "10:61:00",
            "2026-02-30T00:00:00Z",
            "2026-11-22",
            "10:31:07.",
            "10:31:07+2",
            "yesterday",
            "2026-11-22T10:31:07Zulu",
        ] {
            assert!(moment(bad, now).is_err(), "{bad}");
        }
    }

    #[test]
    fn how_long() {
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["", "30", "m", "-1s", "1.5h", "0s", "99999999999999999999d", "99999999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
