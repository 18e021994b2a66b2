//! The `match` of a rule: regions, calls, and when.

use std::ops::Range;

use toml::{
    Spanned,
    value::{Datetime, Offset},
};

use super::{
    super::{
        scope::{Asked, Scope, TenantWord},
        when::{Day, Window, days_from_civil},
    },
    error::{Fault, fault},
    shapes::{self, Listed, When},
    values::end,
};
use crate::{Class, Tenant, Time};

const DAY_S: u32 = 86_400;
/// The farthest zones are at +14:00 and -12:00.
const ZONE_S_MAX: u32 = 14 * 3_600;
/// The longest number in the world has 15 digits (ITU-T E.164); in front of it may stand a prefix of an exchange.
const PREFIX_LEN_MAX: usize = 20;

pub(super) fn scope(scope: shapes::Scope, both_ways: bool) -> Result<Scope, Fault> {
    let shapes::Scope { from, to, class, tenant, called, when } = scope;
    let place = from.as_ref().map(Spanned::span).unwrap_or_default();
    let (from, to) = (end(from, "from")?, end(to, "to")?);
    if from == to && from.is_literal() {
        let reason = format!("{from} is also \"to\": a call inside a region needs no path");
        return Err(fault(&place, "from", reason));
    }
    let asked = Asked {
        classes: list(class, "class", |name| {
            Class::try_from(name).map_err(|error| format!("{error}; a class has no globs"))
        })?,
        tenants: list(tenant, "tenant", tenant_word)?,
        called: list(called, "called", prefix)?,
    };
    Ok(Scope { from, to, both_ways, asked, when: when.map(window).transpose()? })
}

fn list<T>(
    listed: Option<Spanned<Listed>>,
    key: &'static str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Fault> {
    let Some(listed) = listed else { return Ok(Vec::new()) };
    let whole = listed.span();
    let Listed(items) = listed.into_inner();
    if items.is_empty() {
        return Err(fault(&whole, key, "an empty list fits nothing"));
    }
    let read = |(place, text): (Option<Range<usize>>, String)| {
        read(&text).map_err(|reason| fault(&place.unwrap_or_else(|| whole.clone()), key, reason))
    };
    items.into_iter().map(read).collect()
}

/// A name, or its beginning and a star: no other globs, so that two words never overlap in part.
fn tenant_word(word: &str) -> Result<TenantWord, String> {
    let (name, open) = word.strip_suffix('*').map_or((word, false), |start| (start, true));
    if (open && name.is_empty()) || Tenant::try_from(name).is_ok() {
        let name = name.to_owned();
        return Ok(if open { TenantWord::StartsWith(name) } else { TenantWord::Is(name) });
    }
    Err(format!("\"{word}\" is no tenant: a-z, 0-9, -, and at the end a * for any"))
}

fn prefix(word: &str) -> Result<String, String> {
    let start = word.strip_suffix('*').unwrap_or(word);
    let digits = start.strip_prefix('+').unwrap_or(start);
    let legal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if legal && start.len() <= PREFIX_LEN_MAX {
        return Ok(start.to_owned());
    }
    Err(format!("\"{word}\" is no prefix: up to {PREFIX_LEN_MAX} digits, perhaps a + before them"))
}

fn window(when: Spanned<When>) -> Result<Window, Fault> {
    let whole = when.span();
    let When { days, from, to, zone, after, until } = when.into_inner();
    if days.is_none() && from.is_none() && to.is_none() && after.is_none() && until.is_none() {
        let reason = "says nothing: it needs days, from, to, after or until";
        return Err(fault(&whole, "when", reason));
    }
    if let Some(days) = days.as_ref().filter(|days| days.get_ref().is_empty()) {
        return Err(fault(&days.span(), "days", "an empty list fits nothing"));
    }
    let days = days.map_or_else(|| Day::WEEK.to_vec(), Spanned::into_inner);
    let clock = |text: &Option<Spanned<String>>, key, default| match text {
        None => Ok(default),
        Some(text) => {
            let reason = || format!("\"{}\" is no time of day: \"00:00\" to \"24:00\"", text.get_ref());
            let seconds = of_day(text.get_ref()).filter(|seconds| *seconds < DAY_S || key == "to");
            seconds.ok_or_else(|| fault(&text.span(), key, reason()))
        }
    };
    let (opens, closes) = (clock(&from, "from", 0)?, clock(&to, "to", DAY_S)?);
    if let Some(to) = to.as_ref().filter(|_| opens == closes) {
        let reason = "is the same as from; leave both out for whole days";
        return Err(fault(&to.span(), "to", reason));
    }
    let zone_s = zone.map_or(Ok(0), |zone| {
        let reason =
            || format!("\"{}\" is no zone: \"UTC\", or an offset such as \"-05:00\"", zone.get_ref());
        offset(zone.get_ref()).ok_or_else(|| fault(&zone.span(), "zone", reason()))
    })?;
    let after = after.map(|at| moment(&at, "after")).transpose()?;
    let until = until.map(|at| moment(&at, "until")).transpose()?;
    let window = Window::new(&days, (opens, closes), zone_s).between(after, until);
    if window.is_empty() {
        return Err(fault(&whole, "when", "there is no such moment: the rule could never apply"));
    }
    Ok(window)
}

/// Seconds since midnight.
fn of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<u32>().ok())?
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let seconds = hour * 3_600 + minute * 60;
    (minute < 60 && seconds <= DAY_S).then_some(seconds)
}

/// Seconds east of Greenwich.
fn offset(text: &str) -> Option<i32> {
    if text == "UTC" {
        return Some(0);
    }
    let (east, rest) = text
        .strip_prefix('+')
        .map(|rest| (true, rest))
        .or(text.strip_prefix('-').map(|rest| (false, rest)))?;
    let seconds = of_day(rest).filter(|seconds| *seconds <= ZONE_S_MAX)?;
    let seconds = i32::try_from(seconds).ok()?;
    Some(if east { seconds } else { -seconds })
}

fn moment(at: &Spanned<Datetime>, key: &'static str) -> Result<Time, Fault> {
    let read = || {
        let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = at.get_ref() else {
            return None;
        };
        let offset_s = match offset {
            Offset::Z => 0,
            Offset::Custom { minutes } => i64::from(*minutes) * 60,
        };
        let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
        let of_day = i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60;
        let seconds = days * i64::from(DAY_S) + of_day + i64::from(time.second.unwrap_or(0)) - offset_s;
        let micros = u64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
        Some(Time::from_micros(micros + u64::from(time.nanosecond.unwrap_or(0)) / 1_000))
    };
    let reason =
        || format!("\"{}\" is no moment: date, time and offset, such as 2026-11-24T10:00:00Z", at.get_ref());
    read().ok_or_else(|| fault(&at.span(), key, reason()))
}
