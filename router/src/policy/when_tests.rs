//! Windows over weeks, midnights and zones, each against a plain walk through the minutes.

use super::*;

/// Seconds since the epoch of a moment in UTC.
fn utc(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> Time {
    let seconds = days_from_civil(year, month, day) * DAY_S + hour * 3_600 + minute * 60;
    Time::default() + Duration::from_secs(seconds.try_into().unwrap())
}

fn hm(hour: u32, minute: u32) -> u32 {
    hour * 3_600 + minute * 60
}

#[test]
fn the_calendar_is_the_calendar() {
    assert_eq!(days_from_civil(1970, 1, 1), 0);
    assert_eq!(days_from_civil(2000, 2, 29), 11_016);
    assert_eq!(days_from_civil(2000, 3, 1), 11_017);
    // 24 November 2026, 10:00 UTC: `date -u -d 2026-11-24T10:00:00Z +%s`.
    assert_eq!(utc(2026, 11, 24, 10, 0).millis(), 1_795_514_400_000);
}

#[test]
fn a_window_that_crosses_midnight_belongs_to_the_day_on_which_it_opens() {
    // 27 November 2026 is a Friday.
    let night = Window::new(&[Day::Fri], (hm(22, 0), hm(6, 0)), 0);
    let table = [
        (utc(2026, 11, 27, 21, 59), false),
        (utc(2026, 11, 27, 22, 0), true),
        (utc(2026, 11, 28, 5, 59), true),
        (utc(2026, 11, 28, 6, 0), false),
        (utc(2026, 11, 28, 22, 30), false),
        (utc(2026, 11, 27, 3, 0), false),
    ];
    for (at, holds) in table {
        assert_eq!(night.contains(at), holds, "{at:?}");
    }
}

#[test]
fn a_zone_moves_the_days_too() {
    let monday = Window::new(&[Day::Mon], (0, hm(24, 0)), 9 * 3_600);
    assert!(monday.contains(utc(2026, 11, 29, 15, 0)), "it is Monday in Tokyo");
    assert!(!monday.contains(utc(2026, 11, 29, 14, 59)));
    assert!(!monday.contains(utc(2026, 11, 30, 15, 0)), "and Tuesday a day later");
}

#[test]
fn an_end_is_an_end() {
    let (after, until) = (utc(2026, 11, 24, 10, 0), utc(2026, 11, 24, 12, 0));
    let once = Window::new(&Day::WEEK, (0, hm(24, 0)), 0).between(Some(after), Some(until));
    assert_eq!(once.next_turn(Time::default()), Some(after));
    assert_eq!(once.next_turn(after), Some(until));
    assert_eq!(once.next_turn(until), None);
    assert!(!once.has_ended(after) && once.has_ended(until));
    assert!(!once.is_empty());
    assert!(once.between(Some(until), Some(after)).is_empty());
    // Within this Tuesday there is no Monday.
    let never = Window::new(&[Day::Mon], (0, hm(24, 0)), 0).between(Some(after), Some(until));
    assert!(never.is_empty());
}

#[test]
fn what_holds_always_never_turns() {
    let always = Window::new(&Day::WEEK, (0, hm(24, 0)), 3_600);
    assert!(always.contains(Time::default()));
    assert_eq!(always.next_turn(utc(2026, 11, 24, 10, 0)), None);
    assert_eq!(always.next_turn(Time::from_micros(u64::MAX)), None);
}

#[test]
fn the_next_turn_is_where_a_walk_through_the_minutes_finds_it() {
    let (start, week) = (utc(2026, 11, 23, 0, 0), 9 * 24 * 60);
    let windows = [
        Window::new(&[Day::Mon, Day::Tue], (hm(8, 0), hm(18, 0)), 0),
        Window::new(&[Day::Sat, Day::Sun], (0, hm(24, 0)), -5 * 3_600),
        Window::new(&Day::WEEK, (hm(23, 30), hm(0, 15)), 5 * 3_600 + 1_800),
        Window::new(&[Day::Fri], (hm(22, 0), hm(6, 0)), 3_600),
        // Opens again the moment it closes.
        Window::new(&Day::WEEK, (hm(5, 0), hm(5, 0)), 0),
        Window::new(&Day::WEEK, (hm(8, 0), hm(9, 0)), 0)
            .between(Some(utc(2026, 11, 24, 8, 30)), Some(utc(2026, 11, 26, 8, 20))),
    ];
    for window in windows {
        let minute = |i: u64| start + Duration::from_secs(60 * i);
        let mut turn = window.next_turn(start);
        for i in 1..week {
            let (before, now) = (window.contains(minute(i - 1)), window.contains(minute(i)));
            if before != now {
                assert_eq!(turn, Some(minute(i)), "{window:?}");
                turn = window.next_turn(minute(i));
            }
        }
        assert!(turn.is_none_or(|turn| turn >= minute(week)), "{window:?} {turn:?}");
    }
}
